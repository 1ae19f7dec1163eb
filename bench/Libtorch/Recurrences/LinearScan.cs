using static TorchSharp.torch;

namespace Edifice.Bench.Libtorch.Recurrences;

/// <summary>h_t = e^(log a_t) h_{t-1} + b_t per channel, in several ways.</summary>
internal static class LinearScan
{
    /// <summary>One step after the other.</summary>
    public static Tensor Steps(Tensor logA, Tensor b)
    {
        using var scope = NewDisposeScope();
        return stack(Running(logA.exp().unbind(1), b.unbind(1)), 1).MoveToOuterDisposeScope();
    }

    /// <summary>By chunks: the steps inside all chunks at once, then a carry from chunk to chunk. About 2 √L operations in a row, and no
    /// exponent is positive.</summary>
    public static Tensor Chunked(Tensor logA, Tensor b, int size)
    {
        using var scope = NewDisposeScope();
        size = Chunks.Fit(size, b);
        Tensor Cut(Tensor x) => x.view(x.shape[0], x.shape[1] / size, size, x.shape[2]);
        logA = Cut(logA);
        var inside = stack(Running(logA.exp().unbind(2), Cut(b).unbind(2)), 2);
        var fade = logA.cumsum(2).exp();
        var ends = Running(fade.select(2, size - 1).unbind(1), inside.select(2, size - 1).unbind(1));
        var before = stack([zeros_like(ends[0]), .. ends[..^1]], 1).unsqueeze(2);
        return inside.addcmul(fade, before, 1).view(b.shape).MoveToOuterDisposeScope();
    }

    /// <summary>The associative scan of Hillis and Steele: log L passes over everything.</summary>
    public static Tensor Doubling(Tensor logA, Tensor b)
    {
        using var scope = NewDisposeScope();
        var length = b.shape[1];
        for (var reach = 1L; reach < length; reach *= 2)
        {
            Tensor Later(Tensor x) => x.narrow(1, reach, length - reach);
            Tensor Earlier(Tensor x) => x.narrow(1, 0, length - reach);
            b = cat([b.narrow(1, 0, reach), Later(b).addcmul(Later(logA).exp(), Earlier(b), 1)], 1);
            logA = cat([logA.narrow(1, 0, reach), Later(logA) + Earlier(logA)], 1);
        }

        return b.MoveToOuterDisposeScope();
    }

    private static Tensor[] Running(Tensor[] a, Tensor[] b)
    {
        var h = new Tensor[b.Length];
        h[0] = b[0];
        for (var t = 1; t < h.Length; t++) h[t] = b[t].addcmul(a[t], h[t - 1], 1);
        return h;
    }
}
