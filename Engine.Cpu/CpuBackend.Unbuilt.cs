using Edifice.Engine.Backends;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void Attention(in AttentionSpec spec, Tensor q, Tensor k, Tensor v, Tensor? keyMask, Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void AttentionVjp(in AttentionSpec spec, Tensor dout, Tensor? dlse, Tensor q, Tensor k, Tensor v, Tensor? keyMask, Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse, Tensor dq, Tensor dk, Tensor dv) => throw new NotImplementedException();

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
    public void Fourier(FourierKernel kernel, Tensor x, int n, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Fourier2Real(Tensor x, Tensor y) => throw new NotImplementedException();

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
    public void LinearScan(Tensor a, Tensor b, Tensor? initial, bool reverse, Tensor h) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void LinearScanVjp(Tensor dh, Tensor? dfinal, Tensor a, Tensor h, Tensor? initial, Tensor da, Tensor db, Tensor? dinitial) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Copy(Tensor source, Tensor destination) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Fill(Tensor destination, double value) => throw new NotImplementedException();
}
