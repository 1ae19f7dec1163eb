using Edifice.Engine.Backends;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void Attention(in AttentionSpec spec, Tensor q, Tensor k, Tensor v, Tensor? keyMask, Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void AttentionVjp(in AttentionSpec spec, Tensor dout, Tensor? dlse, Tensor q, Tensor k, Tensor v, Tensor? keyMask, Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse, Tensor dq, Tensor dk, Tensor dv) => throw new NotImplementedException();

}
