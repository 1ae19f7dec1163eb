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
    public void Softmax(Tensor x, Tensor y, bool log) => throw Pending();

    /// <inheritdoc/>
    public void SoftmaxVjp(Tensor g, Tensor y, Tensor dx, bool log) => throw Pending();

    /// <inheritdoc/>
    public void Norm(NormKernel kernel, Tensor x, Tensor? weight, Tensor? bias, double eps, Tensor y, Tensor? mean, Tensor? rstd) => throw Pending();

    /// <inheritdoc/>
    public void NormVjp(NormKernel kernel, Tensor g, Tensor x, Tensor? weight, Tensor? mean, Tensor rstd, Tensor? dx, Tensor? dweight, Tensor? dbias) => throw Pending();

    /// <inheritdoc/>
    public void CrossEntropy(Tensor logits, Tensor target, long ignoreIndex, double smoothing, Tensor loss, Tensor lse) => throw Pending();

    /// <inheritdoc/>
    public void CrossEntropyVjp(Tensor g, Tensor logits, Tensor target, Tensor lse, long ignoreIndex, double smoothing, Tensor dlogits) => throw Pending();

    /// <inheritdoc/>
    public void Gated(Activation activation, Tensor gate, Tensor up, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void GatedVjp(Activation activation, Tensor g, Tensor gate, Tensor up, Tensor dgate, Tensor dup) => throw Pending();

    /// <inheritdoc/>
    public void Rotate(Tensor x, Tensor cos, Tensor sin, bool interleaved, bool inverse, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void DepthwiseConv(Tensor x, Tensor weight, Tensor? bias, Tensor? segments, int left, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void DepthwiseConvVjp(Tensor g, Tensor x, Tensor weight, Tensor? segments, int left, Tensor? dx, Tensor? dweight, Tensor? dbias) => throw Pending();

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
    public void LinearScan(Tensor a, Tensor b, Tensor? initial, bool reverse, Tensor h) => throw Pending();

    /// <inheritdoc/>
    public void LinearScanVjp(Tensor dh, Tensor? dfinal, Tensor a, Tensor h, Tensor? initial, Tensor da, Tensor db, Tensor? dinitial) => throw Pending();

    /// <inheritdoc/>
    public void RgLru(Tensor x, Tensor gateX, Tensor gateA, Tensor rate, Tensor? reset, Tensor? initial, Tensor h) => throw Pending();

    /// <inheritdoc/>
    public void RgLruVjp( Tensor dh, Tensor x, Tensor gateX, Tensor gateA, Tensor rate, Tensor? reset, Tensor? initial, Tensor h, Tensor dx, Tensor dgateX, Tensor dgateA, Tensor drate, Tensor? dinitial) => throw Pending();

    /// <inheritdoc/>
    public void TokenShift(Tensor x, Tensor mix, Tensor? initial, Tensor y) => throw Pending();

    /// <inheritdoc/>
    public void TokenShiftVjp(Tensor dy, Tensor x, Tensor mix, Tensor? initial, Tensor dx, Tensor dmix, Tensor? dinitial) => throw Pending();

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
