using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;

namespace Edifice.Engine.Ops;

/// <summary>The matrix-state recurrence by chunks of C steps as matrix products, in recorded ops: the dense parallel form when C ≥ L. The
/// fused chunkwise kernels are held to it, and their second derivatives come from it.</summary>
/// <remarks>Equations (10)–(15) and (24) of the page on recurrent ops. No exponent is ever positive: inside a chunk, scores between
/// sub-chunks split at the start of the later one, and scores inside a sub-chunk are formed pair by pair (Yang et al. 2023,
/// secondary chunking).</remarks>
internal static class ChunkedState
{
    public static (Tensor Output, Tensor FinalState) Run(
        in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? initial, int chunk, int subChunk = 16)
    {
        using var full = MixedPrecision.Products(DType.Float32);
        int batch = q.Layout.Dims[0], length = q.Layout.Dims[1], heads = q.Layout.Dims[2], dk = q.Layout.Dims[3], dv = v.Layout.Dims[3];
        var state = initial ?? Tensor.Zeros([batch, heads, dk, dv], q.DType, q.Device);
        var outputs = new List<Tensor>();
        var logs = spec.Decay switch
        {
            StateDecayKind.Log => decay,
            // A gate that is 0 in the working precision has no logarithm; the smallest normal number fades a state as completely.
            StateDecayKind.Gate => decay!.Clamp(min: q.DType == DType.Float32 ? 1.2e-38 : 2.3e-308).Log(),
            _ => null,
        };
        for (var start = 0; start < length; start += chunk)
        {
            var n = Math.Min(chunk, length - start);
            // [B, h, C, d]: time next to the channels, so that everything below is a batched matrix product.
            Tensor Piece(Tensor x) => x.Narrow(1, start, n).Transpose(1, 2);
            Tensor qs = Piece(q) * spec.Scale, ks = Piece(k), vs = Piece(v);
            Tensor scores, fromStart, toEnd, whole;
            if (logs is not null)
            {
                var g = Piece(logs);
                var b = g.CumSum(2);
                scores = GatedScores(qs, ks, g, Math.Min(subChunk, n));
                fromStart = qs * b.Exp();
                toEnd = ks * g.CumSum(2, reverse: true, exclusive: true).Exp();
                whole = b.Narrow(2, n - 1, 1).Exp().Transpose(2, 3);
            }
            else
            {
                var factors = spec.HeadFactors ?? Enumerable.Repeat(1.0, heads).ToArray();
                scores = qs.MatMul(ks.Transpose()) * Powers(factors, n, n, (r, u) => r - u, q);
                fromStart = qs * Powers(factors, n, 1, (r, _) => r + 1, q);
                toEnd = ks * Powers(factors, n, 1, (u, _) => n - 1 - u, q);
                whole = Powers(factors, 1, 1, (_, _) => n, q);
            }

            outputs.Add((scores.MatMul(vs) + fromStart.MatMul(state)).Transpose(1, 2));
            state = state * whole + toEnd.Transpose().MatMul(vs);
        }

        return (outputs.Count == 1 ? outputs[0] : Tensor.Cat([.. outputs], 1), state);
    }

    /// <summary>factor^exponent per head, in double with non-negative whole exponents (0⁰ = 1), 0 where the exponent is negative;
    /// rounded once.</summary>
    private static Tensor Powers(double[] factors, int rows, int columns, Func<int, int, int> exponent, Tensor like)
    {
        var values = new double[factors.Length * rows * columns];
        for (var h = 0; h < factors.Length; h++)
            for (var r = 0; r < rows; r++)
                for (var u = 0; u < columns; u++)
                {
                    var e = exponent(r, u);
                    values[(h * rows + r) * columns + u] = e < 0 ? 0 : Math.Pow(factors[h], e);
                }

        return Tensor.FromDoubles(values, [factors.Length, rows, columns], like.DType, like.Device);
    }

    /// <summary>A_ru = Σ_i q_r[i] k_u[i] e^{g_{u+1} + … + g_r} for u ≤ r, else 0; q, k, g [B, h, C, dk].</summary>
    private static Tensor GatedScores(Tensor q, Tensor k, Tensor g, int sub)
    {
        var n = q.Layout.Dims[2];
        var rows = new List<Tensor>();
        for (var i = 0; i < n; i += sub)
        {
            var size = Math.Min(sub, n - i);
            Tensor qi = q.Narrow(2, i, size), gi = g.Narrow(2, i, size);
            var fromBlock = qi * gi.CumSum(2).Exp();
            var pieces = new List<Tensor>();
            for (var j = 0; j < i; j += sub)
            {
                Tensor kj = k.Narrow(2, j, sub), gj = g.Narrow(2, j, sub);
                var toEnd = gj.CumSum(2, reverse: true, exclusive: true);
                if (j + sub < i) toEnd += g.Narrow(2, j + sub, i - j - sub).Sum(2, keepdim: true);
                pieces.Add(fromBlock.MatMul((kj * toEnd.Exp()).Transpose()));
            }

            pieces.Add(PairwiseScores(qi, k.Narrow(2, i, size), gi));
            if (i + size < n) pieces.Add(Tensor.Zeros([.. q.Layout.Dims[..2], size, n - i - size], q.DType, q.Device));
            rows.Add(pieces.Count == 1 ? pieces[0] : Tensor.Cat([.. pieces], 3));
        }

        return rows.Count == 1 ? rows[0] : Tensor.Cat([.. rows], 2);
    }

    /// <summary>The scores inside one sub-chunk, with every exponent summed on its own from u + 1 to r.</summary>
    private static Tensor PairwiseScores(Tensor q, Tensor k, Tensor g)
    {
        var n = q.Layout.Dims[2];
        // sums[r, u] = Σ_{u<w≤r} g_w: a running sum over r of g masked to w > u.
        var mask = Tensor.Ones([n, n], q.DType, q.Device).Tril(-1).Unsqueeze(-1);
        var later = Tensor.Where(mask > 0, g.Unsqueeze(3), Tensor.Zeros(Shape.Scalar, q.DType, q.Device));
        var sums = later.CumSum(2);
        var terms = q.Unsqueeze(3) * k.Unsqueeze(2) * sums.Exp();
        return terms.Sum(-1).Tril();
    }
}
