using Edifice.Engine.Backends;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void Map(UnaryKernel kernel, Tensor x, Tensor y, double p0, double p1) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void MapVjp(UnaryKernel kernel, Tensor g, Tensor x, Tensor y, Tensor dx, double p0, double p1) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Zip(BinaryKernel kernel, Tensor a, Tensor b, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void ZipScalar(BinaryKernel kernel, Tensor a, double s, bool scalarFirst, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Compare(CompareKernel kernel, Tensor a, Tensor b, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void CompareScalar(CompareKernel kernel, Tensor a, double s, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Select(Tensor condition, Tensor a, Tensor b, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Axpy(double alpha, Tensor x, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Softmax(Tensor x, Tensor y, bool log) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void SoftmaxVjp(Tensor g, Tensor y, Tensor dx, bool log) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Norm(NormKernel kernel, Tensor x, Tensor? weight, Tensor? bias, double eps, Tensor y, Tensor? mean, Tensor? rstd) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void NormVjp(NormKernel kernel, Tensor g, Tensor x, Tensor? weight, Tensor? mean, Tensor rstd, Tensor? dx, Tensor? dweight, Tensor? dbias) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void CrossEntropy(Tensor logits, Tensor target, long ignoreIndex, double smoothing, Tensor loss, Tensor lse) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void CrossEntropyVjp(Tensor g, Tensor logits, Tensor target, Tensor lse, long ignoreIndex, double smoothing, Tensor dlogits) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Gated(Activation activation, Tensor gate, Tensor up, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void GatedVjp(Activation activation, Tensor g, Tensor gate, Tensor up, Tensor dgate, Tensor dup) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Rotate(Tensor x, Tensor cos, Tensor sin, bool interleaved, bool inverse, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void DepthwiseConv(Tensor x, Tensor weight, Tensor? bias, Tensor? segments, int left, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void DepthwiseConvVjp(Tensor g, Tensor x, Tensor weight, Tensor? segments, int left, Tensor? dx, Tensor? dweight, Tensor? dbias) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Gather(Tensor x, Tensor index, int axis, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void ScatterAdd(Tensor src, Tensor index, int axis, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void IndexSelect(Tensor x, Tensor index, int axis, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void IndexAdd(Tensor src, Tensor index, int axis, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void OptimizerStep(OptimizerKernel kernel, in OptimizerSettings settings, Tensor parameter, Tensor gradient, double gradientScale, Tensor? state0, Tensor? state1, Tensor? state2) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Random(RandomKernel kernel, ulong seed, ulong offset, double p0, double p1, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Dropout(Tensor x, double p, ulong seed, ulong offset, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void LinearScan(Tensor a, Tensor b, Tensor? initial, bool reverse, Tensor h) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void LinearScanVjp(Tensor dh, Tensor? dfinal, Tensor a, Tensor h, Tensor? initial, Tensor da, Tensor db, Tensor? dinitial) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Reduce(ReduceKernel kernel, Tensor x, ReadOnlySpan<int> axes, Tensor y, double p) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void ArgReduce(bool max, Tensor x, int axis, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Scan(ScanKernel kernel, Tensor x, int axis, bool reverse, bool exclusive, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Sort(Tensor x, int axis, bool descending, Tensor values, Tensor indices) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Copy(Tensor source, Tensor destination) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Fill(Tensor destination, double value) => throw new NotImplementedException();
}
