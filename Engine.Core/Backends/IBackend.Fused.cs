namespace Edifice.Engine.Backends;

/// <summary>Which statistics a norm removes.</summary>
public enum NormKernel
{
    /// <summary>x̂ = (x - μ) / √(var + eps).</summary>
    Layer,
    /// <summary>x̂ = x / √(mean x² + eps).</summary>
    Rms,
}

/// <summary>Fused row operations. Operands are contiguous, f32/f64; a "row" is the last axis, of length n.</summary>
public partial interface IBackend
{
    /// <summary>y = softmax or log-softmax of every row, maximum subtracted.</summary>
    void Softmax(Tensor x, Tensor y, bool log);

    /// <summary>softmax: dx = y (g - Σ y g); log-softmax: dx = g - e^y Σ g. y is the forward result.</summary>
    void SoftmaxVjp(Tensor g, Tensor y, Tensor dx, bool log);

    /// <summary>y = x̂ weight + bias per row. weight, bias [n] or null. Statistics by two passes, f32 accumulated at least
    /// in lane-wise f32 with a fixed tree. mean [rows] (Layer only) and rstd [rows] are kept for the backward pass; null:
    /// not kept.</summary>
    void Norm(NormKernel kernel, Tensor x, Tensor? weight, Tensor? bias, double eps, Tensor y, Tensor? mean, Tensor? rstd);

    /// <summary>Backward of <see cref="Norm"/>: dx, and dweight, dbias [n] when not null (summed over rows in a fixed
    /// tree).</summary>
    void NormVjp(NormKernel kernel, Tensor g, Tensor x, Tensor? weight, Tensor? mean, Tensor rstd,
        Tensor? dx, Tensor? dweight, Tensor? dbias);

    /// <summary>loss[t] = (1-s)(-lp[target]) + s(-Σ lp)/V per row of logits [rows, V], 0 where target (int64 [rows]) equals
    /// <paramref name="ignoreIndex"/>; lse [rows] is kept.</summary>
    void CrossEntropy(Tensor logits, Tensor target, long ignoreIndex, double smoothing, Tensor loss, Tensor lse);

    /// <summary>dlogits = g[t] (softmax - (1-s) onehot - s/V), 0 on ignored rows. g [rows].</summary>
    void CrossEntropyVjp(Tensor g, Tensor logits, Tensor target, Tensor lse, long ignoreIndex, double smoothing, Tensor dlogits);

    /// <summary>y = act(gate) up, elementwise over one shape (contiguous).</summary>
    void Gated(Activation activation, Tensor gate, Tensor up, Tensor y);

    /// <summary>Backward of <see cref="Gated"/>.</summary>
    void GatedVjp(Activation activation, Tensor g, Tensor gate, Tensor up, Tensor dgate, Tensor dup);

    /// <summary>Rotates pairs of channels of x [B, L, h, d] by (position of t) · frequency. cos, sin: [P, L, n] with P = 1
    /// or B (already rounded to x's dtype), n pairs. Pair i is (2i, 2i+1) when <paramref name="interleaved"/>, else
    /// (i, i + n); channels from 2n on are copied. <paramref name="inverse"/> negates the angle.</summary>
    void Rotate(Tensor x, Tensor cos, Tensor sin, bool interleaved, bool inverse, Tensor y);

    /// <summary>out[b,t,c] = bias[c] + Σ_j weight[c,j] x[b, t + j - left, c] over 0 ≤ j &lt; K, x = 0 outside 0 … Lin-1 (such taps
    /// are left out). x [B, Lin, C], out [B, Lout, C], weight [C, K], bias [C] or null; left may be anything.
    /// segments: null, or int32 [B, Lin] contiguous, segments[b,i] naming the segment of x[b,i]. Output t belongs to the
    /// position under its last tap, t + K-1 - left, which must then lie in x for every t (left ≤ K-1 and
    /// Lout ≤ Lin - (K-1 - left)); tap j counts only where segments[b, t + j - left] = segments[b, t + K-1 - left].</summary>
    void DepthwiseConv(Tensor x, Tensor weight, Tensor? bias, Tensor? segments, int left, Tensor y);

    /// <summary>Backward of <see cref="DepthwiseConv"/>; null results are not wanted.</summary>
    void DepthwiseConvVjp(Tensor g, Tensor x, Tensor weight, Tensor? segments, int left,
        Tensor? dx, Tensor? dweight, Tensor? dbias);
}
