using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>ln Σ eˣ as the pair (m, s) with value m + ln s, m the largest entry and s = Σ e^(x-m).</summary>
/// <remarks>An infinite m is not subtracted (∞ - ∞ has no value): a part of -∞ alone has s = 0, and +∞ gives s = ∞. Sums of
/// exponentials run in lanes, so s is exact to about ε log N.</remarks>
internal readonly unsafe struct LogSumExpReduction<V, T> : IReduction<T, T, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
{
    public static int Planes => 2;

    public static T Empty => T.NegativeInfinity;

    /// <summary>What exponents are measured from: m, or 0 where m is infinite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Shift(V m) => V.AndNot(m, V.Equal(V.Abs(m), V.Const(double.PositiveInfinity)));

    public static void Row(T* x, int n, T* partial, int planeStride)
    {
        var max = FoldReduction<V, T, T, T, MaxFold<V, T>>.Row(x, n);
        partial[0] = max;
        var sum = RowSum.Of<V, T, ExponentialTerm<V, T>>(n, new(x, T.IsInfinity(max) ? T.Zero : max));
        partial[planeStride] = T.CreateTruncating(sum);
    }

    public static void Columns(T* x, long rowStride, int rows, int columns, T* partial, int planeStride)
    {
        FoldReduction<V, T, T, T, MaxFold<V, T>>.Columns(x, rowStride, rows, columns, partial, planeStride);
        for (var c = 0; c < columns; c += V.Count)
        {
            var n = Math.Min(V.Count, columns - c);
            var shift = Shift(V.LoadPartial(partial + c, n));
            V even = V.Zero, odd = V.Zero;
            var p = x + c;
            for (var r = 0; r < rows; r += 2, p += 2 * rowStride)
            {
                even += LaneMath.Exp<V, T>(V.LoadPartial(p, n) - shift);
                if (r + 1 < rows) odd += LaneMath.Exp<V, T>(V.LoadPartial(p + rowStride, n) - shift);
            }

            V.StorePartial(even + odd, partial + planeStride + c, n);
        }
    }

    public static void Merge(T* a, long na, T* b, long nb, int columns, int planeStride)
    {
        for (var c = 0; c < columns; c += V.Count)
        {
            var n = Math.Min(V.Count, columns - c);
            T* sumsA = a + planeStride + c, sumsB = b + planeStride + c;
            V maxA = V.LoadPartial(a + c, n), maxB = V.LoadPartial(b + c, n);
            var max = V.Max(maxA, maxB);
            var shift = Shift(max);
            V.StorePartial(max, a + c, n);
            V.StorePartial(
                V.LoadPartial(sumsA, n) * LaneMath.Exp<V, T>(maxA - shift) +
                V.LoadPartial(sumsB, n) * LaneMath.Exp<V, T>(maxB - shift), sumsA, n);
        }
    }

    public static void Finish(T* partial, long count, double p, int columns, int planeStride, T* y)
    {
        for (var c = 0; c < columns; c += V.Count)
        {
            var n = Math.Min(V.Count, columns - c);
            var sum = V.LoadPartial(partial + planeStride + c, n);
            V.StorePartial(Shift(V.LoadPartial(partial + c, n)) + LaneMath.Log<V, T>(sum), y + c, n);
        }
    }
}
