namespace Edifice.Engine.Backends;

/// <summary>What a query may see and how scores are formed; equations of the op <c>sdpa</c>.</summary>
/// <param name="Causal">A query at position p sees keys j ≤ p.</param>
/// <param name="Window">A query sees p - j &lt; Window; 0: no limit.</param>
/// <param name="Alibi">Subtract slope(head) · |p - j|.</param>
/// <param name="Scale">Multiplies q·k.</param>
/// <param name="QueryOffset">Position of query row 0 on the key axis (may be negative).</param>
public readonly record struct AttentionSpec(bool Causal, int Window, bool Alibi, double Scale, int QueryOffset);

public partial interface IBackend
{
    /// <summary>out = softmax(scale q kᵀ + bias) v by tiles with a running maximum, never Lq × Lk in memory.
    /// q [B, Lq, h, d], k [B, Lk, g, d], v [B, Lk, g, dv]: unit stride on the last axis, any others (no copies);
    /// out [B, Lq, h, dv] and lse [B, Lq, h] contiguous. keyMask: bool [B, Lk] or null. querySegments [B, Lq] and
    /// keySegments [B, Lk] (int32, both or neither): a key is visible only where the two are equal. A row without a
    /// visible key: out = 0, lse = -inf.</summary>
    void Attention(in AttentionSpec spec, Tensor q, Tensor k, Tensor v, Tensor? keyMask,
        Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse);

    /// <summary>Backward of <see cref="Attention"/>, probabilities recomputed from lse. dlse [B, Lq, h] or null; dq, dk, dv
    /// contiguous, all wanted. Rows without a visible key contribute nothing.</summary>
    void AttentionVjp(in AttentionSpec spec, Tensor dout, Tensor? dlse, Tensor q, Tensor k, Tensor v, Tensor? keyMask,
        Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse, Tensor dq, Tensor dk, Tensor dv);
}
