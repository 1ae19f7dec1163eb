using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Σ (x - mean)² / max(0, N - p): two passes over each block while it is in cache, blocks merged pairwise.</summary>
/// <remarks>Within a block the first pass gives a mean m, the second d = x - m; then M = Σ d² - (Σ d)²/n and the mean becomes
/// m + Σ d / n, which removes the rounding error of m. Merging two parts: δ = b - a, mean = a + δ n_b/n,
/// M = M_a + M_b + δ² n_a n_b/n (Chan, Golub, LeVeque 1979). Nothing of the size of x² is ever formed.</remarks>
internal readonly unsafe struct VarianceReduction<V, T> : IReduction<T, T, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    // Mean, M, and Σ d while a block is worked on.
    public static int Planes => 3;

    public static T Empty => T.NaN;

    public static void Row(T* x, int n, T* partial, int planeStride)
    {
        var count = T.CreateChecked(n);
        var mean = FoldReduction<V, T, T, T, SumFold<V, T>>.Row(x, n) / count;
        var shift = V.Splat(mean);
        V sum0 = V.Zero, sum1 = V.Zero, square0 = V.Zero, square1 = V.Zero;
        var i = 0;
        for (; i <= n - 2 * V.Count; i += 2 * V.Count)
        {
            V d0 = V.Load(x + i) - shift, d1 = V.Load(x + i + V.Count) - shift;
            sum0 += d0;
            sum1 += d1;
            square0 = V.MultiplyAdd(d0, d0, square0);
            square1 = V.MultiplyAdd(d1, d1, square1);
        }

        for (; i < n; i += V.Count)
        {
            var left = Math.Min(n - i, V.Count);
            var d = (V.LoadPartial(x + i, left) - shift) & RowLanes.First<V, T>(left);
            sum0 += d;
            square0 = V.MultiplyAdd(d, d, square0);
        }

        var sum = V.Sum(sum0 + sum1);
        partial[0] = mean + sum / count;
        partial[planeStride] = V.Sum(square0 + square1) - sum * sum / count;
    }

    public static void Columns(T* x, long rowStride, int rows, int columns, T* partial, int planeStride)
    {
        FoldReduction<V, T, T, T, SumFold<V, T>>.Columns(x, rowStride, rows, columns, partial, planeStride);
        T* means = partial, squares = partial + planeStride, sums = partial + 2 * planeStride;
        var count = V.Splat(T.CreateChecked(rows));
        for (var c = 0; c < columns; c += V.Count)
        {
            var n = Math.Min(V.Count, columns - c);
            V.StorePartial(V.LoadPartial(means + c, n) / count, means + c, n);
            V.StorePartial(V.Zero, squares + c, n);
            V.StorePartial(V.Zero, sums + c, n);
        }

        for (var r = 0; r < rows; r++) AddDeviations(x + r * rowStride, columns, means, squares, sums);
        for (var c = 0; c < columns; c += V.Count)
        {
            var n = Math.Min(V.Count, columns - c);
            var sum = V.LoadPartial(sums + c, n);
            V.StorePartial(V.LoadPartial(means + c, n) + sum / count, means + c, n);
            V.StorePartial(V.LoadPartial(squares + c, n) - sum * sum / count, squares + c, n);
        }
    }

    private static void AddDeviations(T* x, int columns, T* means, T* squares, T* sums)
    {
        var c = 0;
        for (; c <= columns - V.Count; c += V.Count)
        {
            var d = V.Load(x + c) - V.Load(means + c);
            V.Store(V.Load(sums + c) + d, sums + c);
            V.Store(V.MultiplyAdd(d, d, V.Load(squares + c)), squares + c);
        }

        if (c < columns)
        {
            var n = columns - c;
            var d = V.LoadPartial(x + c, n) - V.LoadPartial(means + c, n);
            V.StorePartial(V.LoadPartial(sums + c, n) + d, sums + c, n);
            V.StorePartial(V.MultiplyAdd(d, d, V.LoadPartial(squares + c, n)), squares + c, n);
        }
    }

    public static void Merge(T* a, long na, T* b, long nb, int columns, int planeStride)
    {
        T all = T.CreateChecked(na + nb), weight = T.CreateChecked(nb) / all;
        V share = V.Splat(weight), product = V.Splat(T.CreateChecked(na) * weight);
        for (var c = 0; c < columns; c += V.Count)
        {
            var n = Math.Min(V.Count, columns - c);
            T* squaresA = a + planeStride + c, squaresB = b + planeStride + c;
            var mean = V.LoadPartial(a + c, n);
            var delta = V.LoadPartial(b + c, n) - mean;
            V.StorePartial(V.MultiplyAdd(delta, share, mean), a + c, n);
            V.StorePartial(
                V.MultiplyAdd(delta * delta, product, V.LoadPartial(squaresA, n) + V.LoadPartial(squaresB, n)), squaresA, n);
        }
    }

    public static void Finish(T* partial, long n, double p, int columns, int planeStride, T* y)
    {
        var degrees = T.CreateChecked(n - p);
        for (var c = 0; c < columns; c++) y[c] = degrees > T.Zero ? partial[planeStride + c] / degrees : T.NaN;
    }
}
