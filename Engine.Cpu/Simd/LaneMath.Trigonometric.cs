using System.Numerics;
using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Simd;

internal static partial class LaneMath
{
    // π/2 in three parts.
    private const double SinglePio2A = 1.5707963705062866, SinglePio2B = -4.371138828673793e-08, SinglePio2C = -1.7151245100058819e-15;
    private const double DoublePio2A = 1.5707963267948966, DoublePio2B = 6.123233995736766e-17, DoublePio2C = -1.4973849048591698e-33;

    /// <summary>sin x. Error below 1 ulp for all finite x; odd; ±∞ gives NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sin<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        SinOfShifted<V, T>(V.Abs(x), 0) ^ (x & V.Const(-0.0));

    /// <summary>cos x. Error below 1 ulp for all finite x; even; ±∞ gives NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Cos<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => SinOfShifted<V, T>(V.Abs(x), 1);

    /// <summary>sin(a + shift π/2) for a ≥ 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V SinOfShifted<V, T>(V a, int shift) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var single = typeof(T) == typeof(float);
        var n = V.Round(a * V.Const(0.6366197723675814));

        // The first difference is exact: both sides are multiples of the last place of π/2's first part, and it is below 1.
        // The second is a sum of two numbers, its rounding error kept in low.
        var first = V.MultiplyAdd(n, V.Const(single ? -SinglePio2A : -DoublePio2A), a);
        var b = V.Const(single ? SinglePio2B : DoublePio2B);
        var product = n * b;
        var productLow = V.MultiplyAdd(n, b, -product);
        var r = first - product;
        var back = r - first;
        var low = (first - (r - back)) - (product + back);
        low = V.MultiplyAdd(n, V.Const(single ? -SinglePio2C : -DoublePio2C), low - productLow);

        // Up to here that keeps its relative accuracy: no float or double below lies closer to a multiple of π/2 than the
        // three parts reach.
        var far = V.Less(V.Const(single ? 60_000 : 500_000_000), a);
        if (V.Any(far))
        {
            V farN = n, farR = r, farLow = low; // copies, or the others would live in memory
            ReduceFar<V, T>(a, far, ref farN, ref farR, ref farLow);
            (n, r, low) = (farN, farR, farLow);
        }

        var z = r * r;
        var sin = V.MultiplyAdd(r * z, SinTail<V, T>(z), low) + r;
        // 1 - z/2 rounded, plus what that rounding lost, plus the rest of the series and of the argument.
        var half = z * V.Const(0.5);
        var head = V.Const(1) - half;
        var cos = head + V.MultiplyAdd(z * z, CosTail<V, T>(z), (V.Const(1) - head) - half - r * low);

        // The quadrant's low two bits: odd swaps sine and cosine, the second negates. Bit 0 as the sign of a 1 makes the mask.
        var quadrant = n + V.Const((single ? SingleMagic : DoubleMagic) + shift);
        var top = single ? 31 : 63;
        var even = V.Less(V.Zero, V.Const(1) | V.ShiftLeft(quadrant, top));
        var negative = V.ShiftLeft(V.ShiftRight(quadrant, 1), top);
        return V.Select(even, sin, cos) ^ negative;
    }

    /// <summary>Replaces remainder and quadrant in the lanes of a mask, one by one: huge arguments are rare enough.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe void ReduceFar<V, T>(V a, V far, ref V n, ref V r, ref V low)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
    {
        T* argument = stackalloc T[V.Count], quadrant = stackalloc T[V.Count], high = stackalloc T[V.Count], rest = stackalloc T[V.Count];
        V.Store(a, argument);
        V.Store(n, quadrant);
        V.Store(r, high);
        V.Store(low, rest);
        for (var bits = V.Bits(far); bits != 0; bits &= bits - 1)
        {
            var i = BitOperations.TrailingZeroCount(bits);
            if (typeof(T) == typeof(float))
            {
                var v = ((float*)argument)[i];
                ((float*)quadrant)[i] = float.IsFinite(v) ? HugeArgument.Reduce(v, out var h, out _) : (float)(h = double.NaN);
                ((float*)high)[i] = (float)h;
                ((float*)rest)[i] = (float)(h - (float)h);
            }
            else
            {
                var v = ((double*)argument)[i];
                double h, l = 0;
                ((double*)quadrant)[i] = double.IsFinite(v) ? HugeArgument.Reduce(v, out h, out l) : h = double.NaN;
                ((double*)high)[i] = h;
                ((double*)rest)[i] = l;
            }
        }

        n = V.Load(quadrant);
        r = V.Load(high);
        low = V.Load(rest);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V SinTail<V, T>(V z) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        V p;
        if (typeof(T) == typeof(float))
        {
            p = V.MultiplyAdd(z, V.Const(-0.00019508088007569313), V.Const(0.008332119323313236));
            return V.MultiplyAdd(z, p, V.Const(-0.16666653752326965));
        }

        p = V.MultiplyAdd(z, V.Const(1.589278343480876e-10), V.Const(-2.505069706131741e-08));
        p = V.MultiplyAdd(z, p, V.Const(2.7557313369712117e-06));
        p = V.MultiplyAdd(z, p, V.Const(-0.0001984126982914436));
        p = V.MultiplyAdd(z, p, V.Const(0.008333333333322068));
        return V.MultiplyAdd(z, p, V.Const(-0.16666666666666635));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V CosTail<V, T>(V z) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        V p;
        if (typeof(T) == typeof(float))
        {
            p = V.MultiplyAdd(z, V.Const(2.4438497348455712e-05), V.Const(-0.001388739561662078));
            return V.MultiplyAdd(z, p, V.Const(0.04166664928197861));
        }

        p = V.MultiplyAdd(z, V.Const(-1.1363935678083721e-11), V.Const(2.08758249010769e-09));
        p = V.MultiplyAdd(z, p, V.Const(-2.7557315262748224e-07));
        p = V.MultiplyAdd(z, p, V.Const(2.4801587293304705e-05));
        p = V.MultiplyAdd(z, p, V.Const(-0.0013888888888881543));
        return V.MultiplyAdd(z, p, V.Const(0.04166666666666665));
    }
}
