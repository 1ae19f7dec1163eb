using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Simd;

internal static partial class LaneMath
{
    // π/2 in three parts.
    private const double SinglePio2A = 1.5707963705062866, SinglePio2B = -4.371138828673793e-08, SinglePio2C = -1.7151245100058819e-15;
    private const double DoublePio2A = 1.5707963267948966, DoublePio2B = 6.123233995736766e-17, DoublePio2C = -1.4973849048591698e-33;

    /// <summary>sin x. Error below 2 ulp for all finite x; odd; ±∞ gives NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sin<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var a = V.Abs(x);
        var y = SinOfShifted<V, T>(a, 0) ^ (x & V.Const(-0.0));
        var far = V.Less(V.Const(ReducibleUpTo<T>()), a);
        return V.Any(far) ? EachFar<V, T>(x, y, far, cosine: false) : y;
    }

    /// <summary>cos x. Error below 2 ulp for all finite x; even; ±∞ gives NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Cos<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var a = V.Abs(x);
        var y = SinOfShifted<V, T>(a, 1);
        var far = V.Less(V.Const(ReducibleUpTo<T>()), a);
        return V.Any(far) ? EachFar<V, T>(x, y, far, cosine: true) : y;
    }

    /// <summary>Up to here x - n π/2 keeps its relative accuracy with π/2 in three parts: no float or double lies closer
    /// to a multiple of π/2 than the parts reach.</summary>
    private static double ReducibleUpTo<T>() => typeof(T) == typeof(float) ? 60_000 : 500_000_000;

    /// <summary>sin(a + shift π/2) for 0 ≤ a ≤ <see cref="ReducibleUpTo{T}"/>.</summary>
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

        var z = r * r;
        var sin = V.MultiplyAdd(r * z, SinTail<V, T>(z), low) + r;
        // 1 - z/2 rounded, plus what that rounding lost, plus the rest of the series and of the argument.
        var half = z * V.Const(0.5);
        var head = V.Const(1) - half;
        var cos = head + V.MultiplyAdd(z * z, CosTail<V, T>(z), (V.Const(1) - head) - half - r * low);

        // The quadrant's low two bits: odd swaps sine and cosine, the second negates.
        var quadrant = n + V.Const((single ? SingleMagic : DoubleMagic) + shift);
        var top = single ? 31 : 63;
        // Bit 0 as the sign of a 1 makes the mask.
        var even = V.Less(V.Zero, V.Const(1) | V.ShiftLeft(quadrant, top));
        var negative = V.ShiftLeft(V.ShiftRight(quadrant, 1), top);
        return V.Select(even, sin, cos) ^ negative;
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

    /// <summary>Replaces the lanes of a mask by the runtime's scalar function (in double, which reduces exactly). Huge
    /// arguments are rare enough.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe V EachFar<V, T>(V x, V y, V far, bool cosine) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        T* arguments = stackalloc T[V.Count], results = stackalloc T[V.Count];
        V.Store(x, arguments);
        V.Store(y, results);
        for (var bits = V.Bits(far); bits != 0; bits &= bits - 1)
        {
            var i = System.Numerics.BitOperations.TrailingZeroCount(bits);
            if (typeof(T) == typeof(float))
            {
                var v = (double)((float*)arguments)[i];
                ((float*)results)[i] = (float)(cosine ? Math.Cos(v) : Math.Sin(v));
            }
            else
            {
                var v = ((double*)arguments)[i];
                ((double*)results)[i] = cosine ? Math.Cos(v) : Math.Sin(v);
            }
        }

        return V.Load(results);
    }
}
