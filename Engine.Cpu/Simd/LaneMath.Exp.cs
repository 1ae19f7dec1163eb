using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Simd;

internal static partial class LaneMath
{
    // ln 2 in two parts, the first short enough that its product with any exponent is exact.
    private const double Log2E = 1.4426950408889634;
    private const double SingleLn2Hi = 0.693145751953125, SingleLn2Lo = 1.4286068203094173e-06;
    private const double DoubleLn2Hi = 0.6931471803691238, DoubleLn2Lo = 1.9082149292705877e-10;

    /// <summary>eˣ. Error below 1 ulp; overflow gives infinity, underflow subnormals and then 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        // Beyond this the result is infinite whatever the argument.
        ExpBelowOverflow<V, T>(V.MinNative(V.Const(typeof(T) == typeof(float) ? 90 : 711), x));

    /// <summary>As <see cref="Exp"/>, for x not far beyond overflow: there n would not fit the exponent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpBelowOverflow<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        // Below this the result is zero whatever the argument.
        x = V.MaxNative(V.Const(typeof(T) == typeof(float) ? -105 : -747), x);
        return V.Scale(ExpOfReduced<V, T>(ReduceByLn2<V, T>(x, out var n)), n);
    }

    /// <summary>eˣ - 1. Error below 2 ulp, near 0 below 1 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Expm1<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        // 2^n (eʳ - 1) + (2^n - 1), with everything halved so that 2^n is a number up to the edge of overflow.
        var bounded = typeof(T) == typeof(float)
            ? V.Clamp(x, V.Const(-20), V.Const(89))
            : V.Clamp(x, V.Const(-40), V.Const(710));
        var r = ReduceByLn2<V, T>(bounded, out var n);
        var scale = PowerOfTwo<V, T>(n - V.Const(1));
        var y = V.MultiplyAdd(scale, V.MultiplyAdd(r * r, ExpTail<V, T>(r), r), scale - V.Const(0.5));

        // Halves of subnormals would not be exact; down there the result is x to all digits.
        return V.Select(V.Less(V.Abs(x), V.Const(typeof(T) == typeof(float) ? 1e-37 : 1e-300)), x, y + y);
    }

    /// <summary>eˣ - 1 for -40 ≤ x ≤ 0, to which smaller x are raised.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Expm1OfNegative<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var r = ReduceByLn2<V, T>(V.MaxNative(V.Const(-40), x), out var n);
        var scale = PowerOfTwo<V, T>(n);
        return V.MultiplyAdd(scale, V.MultiplyAdd(r * r, ExpTail<V, T>(r), r), scale - V.Const(1));
    }

    /// <summary>e^(x + low) as m 2^n with m near 1, for a low part that continues x's digits; x within ±170 (float),
    /// ±1300 (double), so that <see cref="ILanes{TSelf,T}.Scale"/> takes n.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpOfSum<V, T>(V x, V low, out V n) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        ExpOfReduced<V, T>(ReduceByLn2<V, T>(x, out n) + low);

    /// <summary>eʳ for |r| ≤ ln 2 / 2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpOfReduced<V, T>(V r) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.MultiplyAdd(r * r, ExpTail<V, T>(r), r) + V.Const(1);

    /// <summary>x = n ln 2 + r with |r| ≤ ln 2 / 2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ReduceByLn2<V, T>(V x, out V n) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        n = V.Round(x * V.Const(Log2E));
        return typeof(T) == typeof(float)
            ? V.MultiplyAdd(n, V.Const(-SingleLn2Lo), V.MultiplyAdd(n, V.Const(-SingleLn2Hi), x))
            : V.MultiplyAdd(n, V.Const(-DoubleLn2Lo), V.MultiplyAdd(n, V.Const(-DoubleLn2Hi), x));
    }

    /// <summary>(eʳ - 1 - r) / r² for |r| ≤ ln 2 / 2. Approximation error relative to eʳ: 2^-28 (float), 2^-57 (double).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpTail<V, T>(V r) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var s = r * r;
        if (typeof(T) == typeof(float))
        {
            var a = V.MultiplyAdd(r, V.Const(0.1666652113199234), V.Const(0.4999999403953552));
            var b = V.MultiplyAdd(r, V.Const(0.008368631824851036), V.Const(0.0416683703660965));
            return V.MultiplyAdd(s, V.MultiplyAdd(s, V.Const(0.0013815040001645684), b), a);
        }
        else
        {
            var a = V.MultiplyAdd(r, V.Const(0.1666666666666642), V.Const(0.500000000000001));
            var b = V.MultiplyAdd(r, V.Const(0.008333333333492825), V.Const(0.04166666666653655));
            var c = V.MultiplyAdd(r, V.Const(0.00019841269506707188), V.Const(0.0013888888942157243));
            var d = V.MultiplyAdd(r, V.Const(2.755758845558063e-06), V.Const(2.480149447077174e-05));
            var e = V.MultiplyAdd(r, V.Const(2.499887982320522e-08), V.Const(2.762980087503612e-07));
            var q = s * s;
            var low = V.MultiplyAdd(s, b, a);
            var high = V.MultiplyAdd(q, e, V.MultiplyAdd(s, d, c));
            return V.MultiplyAdd(q, high, low);
        }
    }
}
