using System.Numerics;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Σ (x - mean)² / max(0, N - p): two passes over each block while it is in cache, blocks merged pairwise.</summary>
/// <remarks>Within a block the first pass gives a mean m, rounded to the element type, the second d = x - m. The block's mean
/// is m + Σ d / n and M = Σ d² - (Σ d)²/n, which removes the rounding of m. Merging two parts: δ = b - a,
/// mean = a + δ n_b/n, M = M_a + M_b + δ² n_a n_b/n (Chan, Golub, LeVeque 1979), in double: a mean of 10⁴ in float would be
/// off by 10⁻³. Nothing of the size of x² is ever formed.</remarks>
internal readonly unsafe struct VarianceReduction<V, T> : IReduction<T, double, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    // Mean and M; then room for a block's m, Σ d and Σ d² down its columns.
    public static int Planes => 5;

    public static T Empty => T.NaN;

    public static void Row(T* x, int n, double* partial, int planeStride)
    {
        var mean = FoldReduction<V, T, T, T, SumFold<V, T>>.Row(x, n) / T.CreateChecked(n);
        var (d, square) = DeviationSums.Of<V, T>(x, n, mean);
        partial[0] = double.CreateTruncating(mean) + d / n;
        partial[planeStride] = square - d * d / n;
    }

    public static void Columns(T* x, long rowStride, int rows, int columns, double* partial, int planeStride)
    {
        T* means = (T*)(partial + 2 * planeStride), sums = (T*)(partial + 3 * planeStride), squares = (T*)(partial + 4 * planeStride);
        FoldReduction<V, T, T, T, SumFold<V, T>>.Columns(x, rowStride, rows, columns, means, planeStride);
        var count = T.CreateChecked(rows);
        for (var c = 0; c < columns; c++) means[c] /= count;
        new Span<T>(sums, columns).Clear();
        new Span<T>(squares, columns).Clear();
        for (var r = 0; r < rows; r++) AddDeviations(x + r * rowStride, columns, means, squares, sums);
        for (var c = 0; c < columns; c++)
        {
            double mean = double.CreateTruncating(means[c]), d = double.CreateTruncating(sums[c]);
            partial[c] = mean + d / rows;
            partial[planeStride + c] = double.CreateTruncating(squares[c]) - d * d / rows;
        }
    }

    private static void AddDeviations(T* x, int columns, T* means, T* squares, T* sums)
    {
        for (var c = 0; c < columns; c += V.Count)
        {
            var n = Math.Min(V.Count, columns - c);
            var d = RowLanes.Load<V, T>(x + c, n) - RowLanes.Load<V, T>(means + c, n);
            RowLanes.Store(RowLanes.Load<V, T>(sums + c, n) + d, sums + c, n);
            RowLanes.Store(V.MultiplyAdd(d, d, RowLanes.Load<V, T>(squares + c, n)), squares + c, n);
        }
    }

    public static void Merge(double* a, long na, double* b, long nb, int columns, int planeStride)
    {
        double share = nb / (double)(na + nb), product = na * share;
        double* squaresA = a + planeStride, squaresB = b + planeStride;
        for (var c = 0; c < columns; c++)
        {
            var delta = b[c] - a[c];
            a[c] += delta * share;
            squaresA[c] += squaresB[c] + delta * delta * product;
        }
    }

    public static void Finish(double* partial, long n, double p, int columns, int planeStride, T* y)
    {
        var degrees = n - p;
        for (var c = 0; c < columns; c++)
            y[c] = degrees > 0 ? T.CreateTruncating(partial[planeStride + c] / degrees) : T.NaN;
    }
}
