using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Σ (x - mean)² / max(0, N - p): two passes over each block while it is in cache, blocks merged pairwise.</summary>
/// <remarks>Within a block the first pass gives a mean m, rounded to the element type, the second d = x - m. The block's mean
/// is m + Σ d / n and M = Σ d² - (Σ d)²/n, which removes the rounding of m. Merging two parts: δ = b - a,
/// mean = a + δ n_b/n, M = M_a + M_b + δ² n_a n_b/n (Chan, Golub, LeVeque 1979), in double: a mean of 10⁴ in float would be
/// off by 10⁻³. Nothing of the size of x² is ever formed. A block of floats whose sum or squares leave the range is summed again in
/// double: its variance may still fit.</remarks>
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
        if (sizeof(T) == sizeof(float) && !double.IsFinite(square)) (partial[0], partial[planeStride]) = InDouble(x, 1, n);
    }

    /// <summary>Mean and M of floats one by one in double, where no square of theirs leaves the range.</summary>
    private static (double Mean, double M) InDouble(T* x, long stride, int n)
    {
        double sum = 0, d = 0, square = 0;
        for (var i = 0; i < n; i++) sum += double.CreateTruncating(x[i * stride]);
        var mean = sum / n;
        for (var i = 0; i < n; i++)
        {
            var deviation = double.CreateTruncating(x[i * stride]) - mean;
            d += deviation;
            square += deviation * deviation;
        }

        return (mean + d / n, square - d * d / n);
    }

    public static void Columns(T* x, long rowStride, int rows, int columns, double* partial, int planeStride)
    {
        T* means = (T*)(partial + 2 * planeStride), sums = (T*)(partial + 3 * planeStride), squares = (T*)(partial + 4 * planeStride);
        FoldReduction<V, T, T, T, SumFold<V, T>>.Columns(x, rowStride, rows, columns, means, planeStride);
        var count = T.CreateChecked(rows);
        for (var c = 0; c < columns; c++) means[c] /= count;
        new Span<T>(sums, columns).Clear();
        new Span<T>(squares, columns).Clear();
        for (var r = 0; r < rows; r += 2)
            AddDeviations(x + r * rowStride, r + 1 < rows ? x + (r + 1) * rowStride : null, columns, means, sums, squares);
        for (var c = 0; c < columns; c++)
        {
            double mean = double.CreateTruncating(means[c]), d = double.CreateTruncating(sums[c]);
            partial[c] = mean + d / rows;
            partial[planeStride + c] = double.CreateTruncating(squares[c]) - d * d / rows;
        }

        if (sizeof(T) != sizeof(float)) return;
        for (var c = 0; c < columns; c++)
            if (!double.IsFinite(partial[planeStride + c])) (partial[c], partial[planeStride + c]) = InDouble(x + c, rowStride, rows);
    }

    /// <summary>Adds one row or two, which halves the traffic of the sums.</summary>
    private static void AddDeviations(T* x, T* next, int columns, T* means, T* sums, T* squares)
    {
        var c = 0;
        for (; c <= columns - V.Count; c += V.Count) Add(c, V.Count);
        if (c < columns) Add(c, columns - c);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Add(int at, int n)
        {
            var mean = RowLanes.Load<V, T>(means + at, n);
            var d = RowLanes.Load<V, T>(x + at, n) - mean;
            var sum = RowLanes.Load<V, T>(sums + at, n) + d;
            var square = V.MultiplyAdd(d, d, RowLanes.Load<V, T>(squares + at, n));
            if (next is not null)
            {
                d = RowLanes.Load<V, T>(next + at, n) - mean;
                sum += d;
                square = V.MultiplyAdd(d, d, square);
            }

            RowLanes.Store(sum, sums + at, n);
            RowLanes.Store(square, squares + at, n);
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
