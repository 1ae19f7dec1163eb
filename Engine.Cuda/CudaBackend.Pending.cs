using Edifice.Engine.Backends;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void Attention(in AttentionSpec spec, Tensor q, Tensor k, Tensor v, Tensor? keyMask, Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse) => throw Pending();

    /// <inheritdoc/>
    public void AttentionVjp(in AttentionSpec spec, Tensor dout, Tensor? dlse, Tensor q, Tensor k, Tensor v, Tensor? keyMask, Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse, Tensor dq, Tensor dk, Tensor dv) => throw Pending();

    /// <inheritdoc/>
    public void Map(UnaryKernel kernel, Tensor x, Tensor y, double p0, double p1) => throw Pending();

    /// <inheritdoc/>
    public void MapVjp(UnaryKernel kernel, Tensor g, Tensor x, Tensor y, Tensor dx, double p0, double p1) => throw Pending();

    /// <inheritdoc/>
    public void Zip(BinaryKernel kernel, Tensor a, Tensor b, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void ZipScalar(BinaryKernel kernel, Tensor a, double s, bool scalarFirst, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void Compare(CompareKernel kernel, Tensor a, Tensor b, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void CompareScalar(CompareKernel kernel, Tensor a, double s, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void Select(Tensor condition, Tensor a, Tensor b, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void Axpy(double alpha, Tensor x, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void Gather(Tensor x, Tensor index, int axis, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void ScatterAdd(Tensor src, Tensor index, int axis, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void IndexSelect(Tensor x, Tensor index, int axis, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void IndexAdd(Tensor src, Tensor index, int axis, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void OptimizerStep(OptimizerKernel kernel, in OptimizerSettings settings, Tensor parameter, Tensor gradient, double gradientScale, Tensor? state0, Tensor? state1, Tensor? state2) => throw Pending();

    /// <inheritdoc/>
    public void Random(RandomKernel kernel, ulong seed, ulong offset, double p0, double p1, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void Dropout(Tensor x, double p, ulong seed, ulong offset, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public int MatrixStateSpacing(int chunk) => throw Pending();

    /// <inheritdoc/>
    public void MatrixState(in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b, Tensor? initial, Tensor output, Tensor final, Tensor? kept) => throw Pending();

    /// <inheritdoc/>
    public void MatrixStateVjp(in MatrixStateSpec spec, Tensor dout, Tensor? dfinal, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b, Tensor kept, Tensor dq, Tensor dk, Tensor dv, Tensor? ddecay, Tensor? da, Tensor? db, Tensor? dinitial) => throw Pending();

    /// <inheritdoc/>
    public void Reduce(ReduceKernel kernel, Tensor x, ReadOnlySpan<int> axes, Tensor y, double p) => throw Pending();

    /// <inheritdoc/>
    public void ArgReduce(bool max, Tensor x, int axis, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void Scan(ScanKernel kernel, Tensor x, int axis, bool reverse, bool exclusive, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void Sort(Tensor x, int axis, bool descending, Tensor values, Tensor indices) => throw Pending();

    /// <inheritdoc/>
    public void Copy(Tensor source, Tensor destination) => throw Pending();

    /// <inheritdoc/>
    public void Fill(Tensor destination, double value) => throw Pending();

    private static NotSupportedException Pending() => new("this kernel family is not written yet");
}
