using System.Numerics;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Sums along a row of d = x - c for a point c near the row's mean: in lanes by blocks, blocks in double (see
/// <see cref="RowSum"/>).</summary>
internal static unsafe class DeviationSums
{
    private const int Block = 1024;

    /// <summary>Σ d and Σ d².</summary>
    public static (double D, double Square) Of<V, T>(T* x, int n, T center)
        where V : unmanaged, ILanes<V, T> where T : unmanaged, INumber<T>
    {
        double sumD = 0, sumSquare = 0;
        for (var i = 0; i < n;)
        {
            var end = Math.Min(n, i + Block);
            V c = V.Splat(center), d0 = V.Zero, d1 = V.Zero, square0 = V.Zero, square1 = V.Zero;
            for (; i <= end - 2 * V.Count; i += 2 * V.Count)
            {
                V a = V.Load(x + i) - c, b = V.Load(x + i + V.Count) - c;
                d0 += a;
                d1 += b;
                square0 = V.MultiplyAdd(a, a, square0);
                square1 = V.MultiplyAdd(b, b, square1);
            }

            for (; i < end; i += V.Count)
            {
                var left = Math.Min(V.Count, end - i);
                var a = (V.LoadPartial(x + i, left) - c) & RowLanes.First<V, T>(left);
                d0 += a;
                square0 = V.MultiplyAdd(a, a, square0);
            }

            i = end;
            sumD += double.CreateTruncating(V.Sum(d0 + d1));
            sumSquare += double.CreateTruncating(V.Sum(square0 + square1));
        }

        return (sumD, sumSquare);
    }

    /// <summary>Σ d, Σ y and Σ y d of y = g weight; <paramref name="weight"/> null: 1.</summary>
    public static (double D, double Y, double YD) Of<V, T>(T* x, T* g, T* weight, int n, T center)
        where V : unmanaged, ILanes<V, T> where T : unmanaged, INumber<T>
    {
        double sumD = 0, sumY = 0, sumYD = 0;
        for (var i = 0; i < n;)
        {
            var end = Math.Min(n, i + Block);
            V c = V.Splat(center), ds = V.Zero, ys = V.Zero, yds = V.Zero;
            for (; i <= end - V.Count; i += V.Count)
            {
                var d = V.Load(x + i) - c;
                var y = weight is null ? V.Load(g + i) : V.Load(g + i) * V.Load(weight + i);
                ds += d;
                ys += y;
                yds = V.MultiplyAdd(y, d, yds);
            }

            if (i < end)
            {
                // The lanes past the row's end are zero in y already.
                var left = end - i;
                var d = (V.LoadPartial(x + i, left) - c) & RowLanes.First<V, T>(left);
                var y = weight is null ? V.LoadPartial(g + i, left) : V.LoadPartial(g + i, left) * V.LoadPartial(weight + i, left);
                ds += d;
                ys += y;
                yds = V.MultiplyAdd(y, d, yds);
                i = end;
            }

            sumD += double.CreateTruncating(V.Sum(ds));
            sumY += double.CreateTruncating(V.Sum(ys));
            sumYD += double.CreateTruncating(V.Sum(yds));
        }

        return (sumD, sumY, sumYD);
    }

    /// <summary>A power of two that brings deviations to where their squares, which are out of range, are in it: 1 for float, whose
    /// squares all fit a double.</summary>
    public static double UnitOf<T>(double square) where T : unmanaged =>
        sizeof(T) == sizeof(float) ? 1 : Math.ScaleB(1, square > 1 ? -540 : 540);

    /// <summary>Σ d u and Σ (d u)² in double, one by one: for the rare row whose squares leave the range of the element type.</summary>
    public static (double D, double Square) Scaled<T>(T* x, int n, T center, double unit) where T : unmanaged, INumber<T>
    {
        double c = double.CreateTruncating(center), sumD = 0, sumSquare = 0;
        for (var i = 0; i < n; i++)
        {
            var d = (double.CreateTruncating(x[i]) - c) * unit;
            sumD += d;
            sumSquare += d * d;
        }

        return (sumD, sumSquare);
    }

    /// <summary>Σ d r, Σ y and Σ y d r in double, one by one: for the rare row whose y d leave the range of the element type.</summary>
    public static (double D, double Y, double YD) Scaled<T>(T* x, T* g, T* weight, int n, T center, double r) where T : unmanaged, INumber<T>
    {
        double c = double.CreateTruncating(center), sumD = 0, sumY = 0, sumYD = 0;
        for (var i = 0; i < n; i++)
        {
            var d = (double.CreateTruncating(x[i]) - c) * r;
            var y = double.CreateTruncating(g[i]) * (weight is null ? 1 : double.CreateTruncating(weight[i]));
            sumD += d;
            sumY += y;
            sumYD += y * d;
        }

        return (sumD, sumY, sumYD);
    }
}
