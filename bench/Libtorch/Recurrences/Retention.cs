using static TorchSharp.torch;

namespace Edifice.Bench.Libtorch.Recurrences;

/// <summary>Retention (Sun et al. 2023) by chunks: all of it matrix products, the carry from chunk to chunk too, because one factor
/// per head makes the powers of the decay a fixed matrix.</summary>
internal sealed class Retention
{
    private readonly int _size;
    private readonly double _scale;
    private readonly Tensor _inside, _fromStart, _toEnd, _carry;

    /// <summary>Prepares the powers, which do not depend on the data.</summary>
    /// <param name="gamma">The factor of each head.</param>
    /// <param name="scale">Multiplies the outputs.</param>
    /// <param name="length">L.</param>
    /// <param name="size">Steps per chunk.</param>
    public Retention(double[] gamma, double scale, int length, int size)
    {
        size = Math.Min(size, length);
        (_size, _scale) = (size, scale);
        Tensor Powers(int rows, int columns, Func<int, int, int> exponent)
        {
            var values = new float[gamma.Length, 1, rows, columns];
            for (var h = 0; h < gamma.Length; h++)
                for (var r = 0; r < rows; r++)
                    for (var c = 0; c < columns; c++)
                        values[h, 0, r, c] = exponent(r, c) is >= 0 and var e ? (float)Math.Pow(gamma[h], e) : 0;
            return tensor(values).DetachFromDisposeScope();
        }

        _inside = Powers(size, size, (r, u) => r - u);
        _fromStart = Powers(size, 1, (r, _) => r + 1);
        _toEnd = Powers(size, 1, (u, _) => size - 1 - u);
        _carry = Powers(length / size, length / size, (n, m) => m < n ? size * (n - 1 - m) : -1).squeeze(1).DetachFromDisposeScope();
    }

    /// <summary>o [B, L, h, dv].</summary>
    /// <param name="q">[B, L, h, dk].</param>
    /// <param name="k">[B, L, h, dk].</param>
    /// <param name="v">[B, L, h, dv].</param>
    public Tensor Run(Tensor q, Tensor k, Tensor v)
    {
        using var scope = NewDisposeScope();
        (q, k, v) = (Chunks.Cut(_scale == 1 ? q : q * _scale, _size), Chunks.Cut(k, _size), Chunks.Cut(v, _size));
        var y = (q.matmul(k.mT) * _inside).matmul(v);
        if (q.shape[2] > 1)
        {
            var added = (k * _toEnd).mT.matmul(v);
            var before = _carry.matmul(added.flatten(3)).view(added.shape);
            y += (q * _fromStart).matmul(before);
        }

        return Chunks.Join(y).MoveToOuterDisposeScope();
    }
}
