using static TorchSharp.torch;

namespace Edifice.Bench.Libtorch.Recurrences;

/// <summary>Gated linear attention (Yang et al. 2023) and, with gates as keys, HGRN-2 by chunks.</summary>
/// <remarks>The decay differs by channel, so scores inside a chunk are no plain product. Rows that lie in different halves of a block
/// are brought to the step where the halves meet, which makes them one, with every exponent at most 0; blocks are halved until a
/// few rows are left, which are taken pair by pair. With 16 rows left this is the published secondary chunking.</remarks>
internal static class GatedState
{
    /// <summary>Steps per chunk, and rows taken pair by pair, with which whole models are fastest.</summary>
    private const int BestSize = 32, BestRows = 1;

    /// <summary>How it is computed unless told otherwise.</summary>
    public static string Description { get; } = $"chunks of {BestSize}, scores by halves";

    /// <summary>o [B, L, h, dv].</summary>
    /// <param name="q">[B, L, h, dk].</param>
    /// <param name="k">[B, L, h, dk].</param>
    /// <param name="v">[B, L, h, dv].</param>
    /// <param name="g">The log decay, at most 0, [B, L, h, dk].</param>
    /// <param name="scale">Multiplies the outputs.</param>
    /// <param name="size">Steps per chunk.</param>
    /// <param name="rows">Rows taken pair by pair.</param>
    public static Tensor Run(Tensor q, Tensor k, Tensor v, Tensor g, double scale, int size = BestSize, int rows = BestRows)
    {
        using var scope = NewDisposeScope();
        size = Chunks.Fit(size, q);
        rows = Math.Min(rows, size);
        (q, k, v) = (Chunks.Cut(scale == 1 ? q : q * scale, size), Chunks.Cut(k, size), Chunks.Cut(v, size));
        var sums = Chunks.Cut(g, size).cumsum(-2);
        var y = Inside(q, k, v, sums, size, rows);
        if (q.shape[2] > 1)
        {
            var total = sums.narrow(-2, size - 1, 1);
            var added = (k * (total - sums).exp()).mT.matmul(v);
            y += (q * sums.exp()).matmul(Chunks.StatesBefore(total.exp().mT, added));
        }

        return Chunks.Join(y).MoveToOuterDisposeScope();
    }

    /// <summary>What a chunk's own steps add to its outputs.</summary>
    private static Tensor Inside(Tensor q, Tensor k, Tensor v, Tensor sums, int size, int rows)
    {
        Tensor Rows(Tensor x) => x.view(-1, rows, x.shape[^1]);
        var y = Pairs(Rows(q), Rows(k), Rows(v), Rows(sums));
        for (long half = rows; half < size; half *= 2)
        {
            (Tensor First, Tensor Second) Halves(Tensor x)
            {
                var parts = x.view(-1, 2, half, x.shape[^1]).unbind(1);
                return (parts[0], parts[1]);
            }

            var (a, b) = Halves(sums);
            var middle = a.narrow(-2, half - 1, 1);
            var scores = (Halves(q).Second * (b - middle).exp()).matmul((Halves(k).First * (middle - a).exp()).mT);
            var (first, second) = Halves(y);
            y = stack([first, second + scores.matmul(Halves(v).First)], 1);
        }

        return y.view(v.shape);
    }

    private static Tensor Pairs(Tensor q, Tensor k, Tensor v, Tensor sums)
    {
        var rows = q.shape[^2];
        if (rows == 1) return (q * k).sum(-1, keepdim: true) * v;
        // Masked before the exponential: above the diagonal the exponents are positive.
        var future = ones(rows, rows, dtype: ScalarType.Bool).triu(1).unsqueeze(-1);
        var fade = (sums.unsqueeze(-2) - sums.unsqueeze(-3)).masked_fill(future, double.NegativeInfinity).exp();
        return (q.unsqueeze(-2) * k.unsqueeze(-3) * fade).sum(-1).matmul(v);
    }
}
