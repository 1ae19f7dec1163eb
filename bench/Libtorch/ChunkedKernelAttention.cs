using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Causal attention through positive features, by chunks.</summary>
internal static class ChunkedKernelAttention
{
    /// <summary>y_t = S_tᵀ φ(q_t) / (φ(q_t)·z_t + eps), S and z running sums of φ(k) vᵀ and φ(k): products inside chunks, running sums of
    /// what the chunks before add.</summary>
    /// <param name="q">φ(q) [B, h, L, m].</param>
    /// <param name="k">φ(k) [B, h, L, m].</param>
    /// <param name="v">[B, h, L, d].</param>
    /// <param name="chunk">C; divides L.</param>
    /// <param name="eps">Added to the denominator.</param>
    /// <returns>[B, h, L, d].</returns>
    public static Twin Causal(Twin q, Twin k, Twin v, long chunk, double eps)
    {
        q = q.unflatten(2, [-1, chunk]);
        k = k.unflatten(2, [-1, chunk]);
        v = v.unflatten(2, [-1, chunk]);
        var scores = q.matmul(k.transpose(-1, -2)).tril();
        Twin numerator = scores.matmul(v), denominator = scores.sum(-1, keepdim: true);
        if (q.shape[2] > 1)
        {
            // What the chunks before each one add up to; nothing before the first.
            Twin sums = Before(k.transpose(-1, -2).matmul(v)), keys = Before(k.sum(-2, keepdim: true));
            numerator = numerator + q.matmul(sums);
            denominator = denominator + (q * keys).sum(-1, keepdim: true);
        }

        return (numerator / (denominator + eps)).flatten(2, 3);
    }

    /// <summary>Sums over the chunks before, along axis 2.</summary>
    private static Twin Before(Twin x) => cat([zeros_like(x.narrow(2, 0, 1)), x.narrow(2, 0, x.shape[2] - 1).cumsum(2)], 2);
}
