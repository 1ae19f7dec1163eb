using Edifice.Engine.Backends;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void Attention(in AttentionSpec spec, Tensor q, Tensor k, Tensor v, Tensor? keyMask, Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse) => throw Pending();

    /// <inheritdoc/>
    public void AttentionVjp(in AttentionSpec spec, Tensor dout, Tensor? dlse, Tensor q, Tensor k, Tensor v, Tensor? keyMask, Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse, Tensor dq, Tensor dk, Tensor dv) => throw Pending();

    /// <inheritdoc/>
    public int MatrixStateSpacing(int chunk) => throw Pending();

    /// <inheritdoc/>
    public void MatrixState(in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b, Tensor? initial, Tensor output, Tensor final, Tensor? kept) => throw Pending();

    /// <inheritdoc/>
    public void MatrixStateVjp(in MatrixStateSpec spec, Tensor dout, Tensor? dfinal, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b, Tensor kept, Tensor dq, Tensor dk, Tensor dv, Tensor? ddecay, Tensor? da, Tensor? db, Tensor? dinitial) => throw Pending();

    private static NotSupportedException Pending() => new("this kernel family is not written yet");
}
