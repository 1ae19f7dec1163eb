using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Simd;

internal static partial class LaneMath
{
    /// <summary>ln x. Error below 1 ulp; ±0 gives -∞, x &lt; 0 NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        // Subnormals are brought into the normal range first, exactly.
        var single = typeof(T) == typeof(float);
        var tiny = V.Less(x, V.Const(single ? 1.1754943508222875e-38 : 2.2250738585072014e-308));
        var normal = V.Select(tiny, x * V.Const(single ? 1 << 24 : 1L << 54), x);
        var m = SplitExponent<V, T>(normal, out var e);
        e -= V.Const(single ? 24 : 54) & tiny;

        var f = m - V.Const(1);
        var y = LogNearOne<V, T>(f, V.Zero, e);

        var infinity = V.Const(double.PositiveInfinity);
        y = V.Select(V.Less(x, infinity), y, x); // +∞ and NaN stay
        y = V.Select(V.Less(x, V.Zero), V.Const(double.NaN), y);
        return V.Select(V.Equal(x, V.Zero), -infinity, y);
    }

    /// <summary>ln(1 + f) + c + e ln 2 for 1 + f in [√½, √2) and a small correction c.</summary>
    /// <remarks>With s = f/(2 + f), ln(1 + f) = 2 artanh s = f - (f²/2 - s (f²/2 + R(s²))), R the tail of the series from
    /// s² on: the leading term f is exact, so that results near 0 keep their digits. R's error relative to the result:
    /// 2^-30 (float), 2^-59 (double).</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LogNearOne<V, T>(V f, V c, V e) where V : unmanaged, ILanes<V, T> where T : unmanaged
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
