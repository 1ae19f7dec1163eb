using static TorchSharp.torch;

namespace Edifice.Bench.Libtorch.Recurrences;

/// <summary>WKV-7 (Peng et al. 2025) by chunks: what the delta rule reads inside a chunk is a unit lower triangular system, inverted for
/// all chunks at once, after which each chunk is one affine map of the state.</summary>
/// <remarks>Decays are factored, e^(G_i) e^(-G_j): RWKV-7 keeps log w above -0.607, so the larger factor stays below 1e17 in 64
/// steps.</remarks>
internal static class DeltaRule
{
    /// <summary>Matrices up to this size are inverted by powers.</summary>
    private const int Direct = 8;

    /// <summary>o [B, L, h, dv].</summary>
    /// <param name="r">[B, L, h, dk].</param>
    /// <param name="logW">[B, L, h, dk].</param>
    /// <param name="k">[B, L, h, dk].</param>
    /// <param name="v">[B, L, h, dv].</param>
    /// <param name="a">[B, L, h, dk].</param>
    /// <param name="b">[B, L, h, dk].</param>
    /// <param name="size">Steps per chunk, at most 64.</param>
    public static Tensor Run(Tensor r, Tensor logW, Tensor k, Tensor v, Tensor a, Tensor b, int size = 64)
    {
        using var scope = NewDisposeScope();
        size = Chunks.Fit(size, r);
        v = Chunks.Cut(v, size);
        var w = Chunks.Cut(logW, size);
        var sums = w.cumsum(-2);
        Tensor grown = (-sums).exp(), last = sums.narrow(-2, size - 1, 1).exp();
        Tensor reads = Chunks.Cut(r, size) * sums.exp(), removes = Chunks.Cut(a, size) * (sums - w).exp();
        Tensor restores = Chunks.Cut(b, size) * grown, writes = Chunks.Cut(k, size) * grown;
        Tensor readsRestored = reads.matmul(restores.mT).tril(), readsWritten = reads.matmul(writes.mT).tril();
        Tensor removesRestored = removes.matmul(restores.mT).tril(-1), removesWritten = removes.matmul(writes.mT).tril(-1);
        // u_i = map_i S + own_i, S the state before the chunk.
        var solved = InverseOfOneMinus(removesRestored).matmul(cat([removes, removesWritten.matmul(v)], -1));
        Tensor map = solved.narrow(-1, 0, r.shape[3]), own = solved.narrow(-1, r.shape[3], v.shape[4]);
        var y = readsRestored.matmul(own) + readsWritten.matmul(v);
        if (v.shape[2] > 1)
        {
            Tensor back = (restores * last).mT, forward = (writes * last).mT;
            var states = States(diag_embed(last.squeeze(-2)) + back.matmul(map), back.matmul(own) + forward.matmul(v));
            y += (reads + readsRestored.matmul(map)).matmul(states);
        }

        return Chunks.Join(y).MoveToOuterDisposeScope();
    }

    /// <summary>(I - x)⁻¹ of strictly lower triangular matrices, put together from the inverses of the halves. As exact as substitution, and
    /// faster than <c>solve_triangular</c>, which takes matrix by matrix.</summary>
    private static Tensor InverseOfOneMinus(Tensor x)
    {
        var size = x.shape[^1];
        if (size <= Direct)
        {
            // (I + x)(I + x²)(I + x⁴)…: x to the size is 0, and so few steps lose no digits.
            var (inverse, power) = (x + eye(size), x);
            for (var p = 2L; p < size; p *= 2)
            {
                power = power.matmul(power);
                inverse += inverse.matmul(power);
            }

            return inverse;
        }

        var half = size / 2;
        Tensor[] rows = x.split(half, -2), upper = rows[0].split(half, -1), lower = rows[1].split(half, -1);
        var ends = InverseOfOneMinus(stack([upper[0], lower[1]], 0)).unbind(0);
        return cat([cat([ends[0], zeros_like(ends[0])], -1), cat([ends[1].matmul(lower[0]).matmul(ends[0]), ends[1]], -1)], -2);
    }

    /// <summary>The states before each chunk: S_{n+1} = step_n S_n + added_n.</summary>
    private static Tensor States(Tensor step, Tensor added)
    {
        Tensor[] m = step.flatten(0, 1).unbind(1), n = added.flatten(0, 1).unbind(1);
        var states = new Tensor[n.Length];
        states[0] = zeros_like(n[0]);
        for (var i = 1; i < states.Length; i++) states[i] = m[i - 1].matmul(states[i - 1]).add_(n[i - 1]);
        return stack(states, 1).view(added.shape);
    }
}
