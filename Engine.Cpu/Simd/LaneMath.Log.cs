using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Simd;

internal static partial class LaneMath
{
    /// <summary>ln x. Error below 1 ulp; ±0 gives -∞, x &lt; 0 NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var m = SplitNumber<V, T>(x, out var e);
        var y = LogOfSplit<V, T>(m - V.Const(1), V.Zero, e);

        y = V.Select(V.Less(x, V.Const(double.PositiveInfinity)), y, x); // +∞ and NaN stay
        y = V.Select(V.Less(x, V.Zero), V.Const(double.NaN), y);
        return V.Select(V.Equal(x, V.Zero), V.Const(double.NegativeInfinity), y);
    }

    /// <summary>ln(1 + x). Error below 2 ulp, near 0 below 1 ulp; -1 gives -∞, below it NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log1p<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var y = Log1pOfFinite<V, T>(x);
        y = V.Select(V.Less(x, V.Const(double.PositiveInfinity)), y, x);
        y = V.Select(V.Less(x, V.Const(-1)), V.Const(double.NaN), y);
        y = V.Select(V.Equal(x, V.Zero), x, y);
        return V.Select(V.Equal(x, V.Const(-1)), V.Const(double.NegativeInfinity), y);
    }

    /// <summary>ln(1 + x) for finite x &gt; -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Log1pOfFinite<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        // u + c = 1 + x exactly, so that ln(1 + x) = ln u + c/u up to c². Where u needs no scaling, u - 1 + c is x itself.
        var u = x + V.Const(1);
        var back = u - x;
        var c = (x - (u - back)) + (V.Const(1) - back);
        var m = SplitExponent<V, T>(u, out var e);
        var unscaled = V.Equal(e, V.Zero);
        var f = V.Select(unscaled, x, m - V.Const(1));
        return LogOfSplit<V, T>(f, V.AndNot(c / u, unscaled), e);
    }

    /// <summary>Splits a positive x, subnormal or not, into m 2^e with m in [√½, √2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V SplitNumber<V, T>(V x, out V e) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        // Subnormals are brought into the normal range first, exactly.
        var single = typeof(T) == typeof(float);
        var tiny = V.Less(x, V.Const(single ? 1.1754943508222875e-38 : 2.2250738585072014e-308));
        var m = SplitExponent<V, T>(V.Select(tiny, x * V.Const(single ? 1 << 24 : 1L << 54), x), out e);
        e -= V.Const(single ? 24 : 54) & tiny;
        return m;
    }

    /// <summary>ln(1 + f) + c + e ln 2 for 1 + f in [√½, √2) and a small correction c.</summary>
    /// <remarks>With s = f/(2 + f), ln(1 + f) = 2 artanh s = f - (f²/2 - s (f²/2 + R(s²))), R the tail of the series from
    /// s² on: the leading term f is exact, so that results near 0 keep their digits. R's error relative to the result:
    /// 2^-30 (float), 2^-59 (double).</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LogOfSplit<V, T>(V f, V c, V e) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var s = f / (f + V.Const(2));
        var z = s * s;
        V r;
        if (typeof(T) == typeof(float))
        {
            r = V.MultiplyAdd(z, V.Const(0.29856863617897034), V.Const(0.3997819423675537));
            r = V.MultiplyAdd(z, r, V.Const(0.6666676998138428));
        }
        else
        {
            var q = z * z;
            var a = V.MultiplyAdd(z, V.Const(0.39999999999538854), V.Const(0.6666666666666712));
            var b = V.MultiplyAdd(z, V.Const(0.22222200785491278), V.Const(0.2857142871837149));
            var d = V.MultiplyAdd(z, V.Const(0.1531655440385592), V.Const(0.1818345899489948));
            d = V.MultiplyAdd(q, V.Const(0.1477243103903754), d);
            r = V.MultiplyAdd(q, V.MultiplyAdd(q, d, b), a);
        }

        var half = f * f * V.Const(0.5);
        var hi = V.Const(typeof(T) == typeof(float) ? SingleLn2Hi : DoubleLn2Hi);
        var lo = V.Const(typeof(T) == typeof(float) ? SingleLn2Lo : DoubleLn2Lo);
        var small = V.MultiplyAdd(s, V.MultiplyAdd(z, r, half), V.MultiplyAdd(e, lo, c));
        return V.MultiplyAdd(e, hi, f - (half - small));
    }
}
