using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Simd;

internal static partial class LaneMath
{
    /// <summary>xʸ with the special cases of IEEE 754's pow: pow(x, ±0) = pow(1, y) = 1 even for NaN, pow(-1, ±∞) = 1,
    /// negative x only with integral y. Error below 2 ulp.</summary>
    /// <remarks>e^(y ln x) needs ln x with as many more digits as the exponent is wide (8 or 11 bits): it is carried as a
    /// sum of two numbers throughout.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Pow<V, T>(V x, V y) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var single = typeof(T) == typeof(float);
        V one = V.Const(1), infinity = V.Const(double.PositiveInfinity), sign = V.Const(-0.0);

        var a = V.Abs(x);
        var high = LogInTwo<V, T>(a, out var low);
        high = V.Select(V.Equal(a, V.Zero), -infinity, high);
        high = V.Select(V.Less(a, infinity), high, a);
        high = V.Select(V.IsNaN(x), x, high);

        var product = y * high;
        var rest = V.MultiplyAdd(y, high, -product) + y * low;
        var bound = V.Const(single ? 150 : 1000);
        rest = V.Select(V.Less(V.Abs(product), bound), rest, V.Zero);
        var m = ExpOfSum<V, T>(V.Clamp(product, -bound, bound), rest, out var n);
        var result = V.Scale(m, n);

        // Negative x: the sign of an odd power, NaN unless y is integral (all numbers beyond the fraction's width are even).
        var half = y * V.Const(0.5);
        var integral = V.Equal(V.Truncate(y), y);
        var even = V.Equal(V.Truncate(half), half);
        result |= V.AndNot(x & sign & integral, even);
        var finiteNegative = V.Less(x, V.Zero) & V.Less(a, infinity);
        result = V.Select(V.AndNot(finiteNegative, integral), V.Const(double.NaN), result);

        var isOne = V.Equal(y, V.Zero) | V.Equal(x, one) | (V.Equal(x, -one) & V.Equal(V.Abs(y), infinity));
        return V.Select(isOne, one, result);
    }

    /// <summary>ln a of a positive finite number as high + low, to about twice the digits' worth that pow needs: relative
    /// error 2^-36 (float), 2^-65 (double).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LogInTwo<V, T>(V a, out V low) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var single = typeof(T) == typeof(float);
        var two = V.Const(2);
        var f = SplitNumber<V, T>(a, out var e) - V.Const(1);

        // s = f / (2 + f): quotient, and the remainder of the division divided once more.
        var d = two + f;
        var dLow = f - (d - two);
        var inverse = V.Const(1) / d;
        var s = f * inverse;
        var sLow = (V.MultiplyAdd(-s, d, f) - s * dLow) * inverse;

        // w = s² (2/3 + s² (2/5 + …)), the factor by which 2 artanh s = s (2 + w) exceeds 2 s; 2/3 in two parts.
        var z = s * s;
        var zLow = V.MultiplyAdd(s, s, -z) + two * s * sLow;
        var thirds = V.Const(single ? 0.6666666865348816 : 0.6666666666666666);
        var w = z * thirds;
        var wLow = V.MultiplyAdd(z, thirds, -w) + V.MultiplyAdd(z, V.Const(single ? -1.9868215517249155e-08 : 3.700743415417188e-17), zLow * thirds);
        wLow = V.MultiplyAdd(z * z, ArtanhTail<V, T>(z), wLow);

        var cubic = s * w;
        var cubicLow = V.MultiplyAdd(s, w, -cubic) + V.MultiplyAdd(s, wLow, sLow * w);
        var linear = two * s;
        var logM = linear + cubic;
        var logMLow = ((linear - logM) + cubic) + V.MultiplyAdd(two, sLow, cubicLow);

        var exponent = e * V.Const(single ? SingleLn2Hi : DoubleLn2Hi);
        var high = exponent + logM;
        low = ((exponent - high) + logM) + V.MultiplyAdd(e, V.Const(single ? SingleLn2Lo : DoubleLn2Lo), logMLow);
        return high;
    }

    /// <summary>2/5 + 2/7 z + 2/9 z² + …, for z = s² up to (√2 - 1)⁴, fitted to 2^-43 (float) and 2^-72 (double) of the
    /// logarithm.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ArtanhTail<V, T>(V z) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        V p;
        if (typeof(T) == typeof(float))
        {
            p = V.MultiplyAdd(z, V.Const(0.19324158132076263), V.Const(0.22194334864616394));
            p = V.MultiplyAdd(z, p, V.Const(0.28571680188179016));
            return V.MultiplyAdd(z, p, V.Const(0.4000000059604645));
        }

        p = V.MultiplyAdd(z, V.Const(0.11860272508964012), V.Const(0.11691134935358813));
        p = V.MultiplyAdd(z, p, V.Const(0.13335467493502748));
        p = V.MultiplyAdd(z, p, V.Const(0.1538458025887344));
        p = V.MultiplyAdd(z, p, V.Const(0.18181818507389255));
        p = V.MultiplyAdd(z, p, V.Const(0.22222222220659676));
        p = V.MultiplyAdd(z, p, V.Const(0.28571428571431656));
        return V.MultiplyAdd(z, p, V.Const(0.39999999999999997));
    }
}
