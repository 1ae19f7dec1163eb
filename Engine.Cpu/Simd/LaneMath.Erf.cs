using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Simd;

/// <summary>The error function and the exact GELU.</summary>
/// <remarks>The tail Φ(-a) of the normal distribution is e^(-a²/2) R(a), with a² in twice the digits: so it keeps its relative accuracy
/// down to the smallest number. R varies slowly. In float it is a quotient of polynomials, and so is the exponential: one division
/// for both, all coefficients positive or small, so nothing cancels. In double R(a) = erfcx(a/√2)/2 is one polynomial for the whole half-line in 1/(a + k)
/// (a variable of the kind Shepherd and Laframboise used, Math. Comp. 36, 1981).</remarks>
internal static partial class LaneMath
{
    private const double SqrtHalf = 0.7071067811865476, InverseSqrtTwoPi = 0.3989422804014327;
    private const double TwoOverSqrtPi = 1.1283791670955126;

    /// <summary>erf x. Error below 2 ulp; odd.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Erf<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var a = V.Abs(x);
        var far = V.Const(1) - ErfcOfPositive<V, T>(a);
        var near = V.MultiplyAdd(a, ErfNearZero<V, T>(a * a), a);
        var y = V.Select(V.Less(a, V.Const(0.5)), near, far);
        return y | (x & V.Const(-0.0));
    }

    /// <summary>2/√π e^(-x²), the derivative of <see cref="Erf"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V ErfDerivative<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var a = V.MinNative(V.Const(ErfcEnd<T>()), V.Abs(x));
        return V.Scale(Gaussian<V, T>(a, V.Const(1), out var n) * V.Const(TwoOverSqrtPi), n);
    }

    /// <summary>x Φ(x), Φ the distribution function of the standard normal. Error below 5 ulp; -∞ gives -0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Gelu<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        // max(x, -0) - |x| Φ(-|x|) holds on both sides; of two zeros the maximum is the second.
        var a = BoundedSize<V, T>(x);
        return V.MaxNative(V.Const(-0.0), x) - NormalTail<V, T>(a, a, out _, out _);
    }

    /// <summary>Φ(x) + x e^(-x²/2)/√(2π), the derivative of <see cref="Gelu"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V GeluDerivative<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        x = V.Clamp(x, V.Const(-BeyondExp), V.Const(BeyondExp));
        var tail = NormalTail<V, T>(BoundedSize<V, T>(x), V.Const(1), out var gaussian, out var n);
        var phi = V.Select(V.Less(x, V.Zero), tail, V.Const(1) - tail);
        return V.MultiplyAdd(x * V.Const(InverseSqrtTwoPi), V.Scale(gaussian, n), phi);
    }

    /// <summary>|x|, at most what the tail of the normal distribution takes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V BoundedSize<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.MinNative(V.Const(typeof(T) == typeof(float) ? 15 : 40), V.Abs(x)); // by then it has long vanished

    /// <summary>w Φ(-a) for a ≥ 0, w from 1 to a, and e^(-a²/2) = gaussian 2^n.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V NormalTail<V, T>(V a, V w, out V gaussian, out V n) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            var square = a * a;
            return SingleTail<V, T>(a, w, square, V.MultiplyAdd(a, a, -square), out gaussian, out n);
        }

        gaussian = Gaussian<V, T>(a, V.Const(0.5), out n);
        return V.Scale(w * (gaussian * (Erfcx<V, T>(a * V.Const(SqrtHalf)) * V.Const(0.5))), n);
    }

    /// <summary>w Φ(-a) and e^(-a²/2) = gaussian 2^n in float for a ≥ 0, a² = square + rest.</summary>
    /// <remarks>
    /// <para>With square + rest = t - 2n ln 2 the exponential is 2^n (h - t)/(h + t), h = t coth(t/4) a polynomial in t²: relative error
    /// 2^-29. R is a quotient for a below 14.2, where a Φ(-a) vanishes: relative error 2^-26, and ½ exactly at 0.</para>
    /// <para>R's numerator is weighted and scaled while the exponential is on its way: what comes after the division is waited for. A product that is
    /// subnormal there has lost less than 2^-149, and the divisor is above 300.</para>
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V SingleTail<V, T>(V a, V w, V square, V rest, out V gaussian, out V n) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        n = V.Round(square * V.Const(-0.5 * Log2E));
        var t = V.MultiplyAdd(n, V.Const(2 * SingleLn2Hi), square) + V.MultiplyAdd(n, V.Const(2 * SingleLn2Lo), rest);
        var z = t * t;
        var h = V.MultiplyAdd(z, V.MultiplyAdd(z, V.Const(-0.0003457390412222594), V.Const(0.08333306759595871)), V.Const(4));
        V up = h - t, down = h + t;
        gaussian = up / down;

        var p = V.MultiplyAdd(a, V.Const(0.398947149515152), V.Const(3.945164203643799));
        p = V.MultiplyAdd(a, p, V.Const(17.81387710571289));
        p = V.MultiplyAdd(a, p, V.Const(42.65685272216797));
        p = V.MultiplyAdd(a, p, V.Const(48.730682373046875));
        var q = a + V.Const(9.88970947265625);
        q = V.MultiplyAdd(a, q, V.Const(45.6378288269043));
        q = V.MultiplyAdd(a, q, V.Const(117.01297760009766));
        q = V.MultiplyAdd(a, q, V.Const(163.07666015625));
        q = V.MultiplyAdd(a, q, V.Const(97.46136474609375));
        return up * V.Scale(w * p, n) / (down * q);
    }

    /// <summary>erfc a for a ≥ 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ErfcOfPositive<V, T>(V a) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        a = V.MinNative(V.Const(ErfcEnd<T>()), a);
        if (typeof(T) == typeof(float))
        {
            // 2 Φ(-√2 a), √2 a rounded: of erf that is no digit.
            var square = a * a;
            var rest = V.MultiplyAdd(a, a, -square);
            return SingleTail<V, T>(a * V.Const(2 * SqrtHalf), V.Const(2), square + square, rest + rest, out _, out _);
        }

        var m = Gaussian<V, T>(a, V.Const(1), out var n);
        return V.Scale(m * Erfcx<V, T>(a), n);
    }

    /// <summary>Where erfc and e^(-a²) have vanished.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double ErfcEnd<T>() => typeof(T) == typeof(float) ? 11 : 28;

    /// <summary>e^(-c a²) = m 2^n for c a power of two, the square with twice the digits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Gaussian<V, T>(V a, V c, out V n) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var square = a * a;
        var rest = V.MultiplyAdd(a, a, -square);
        return ExpOfSum<V, T>(-square * c, -rest * c, out n);
    }

    /// <summary>e^(a²) erfc a in double for a ≥ 0 up to where erfc vanishes: P(t)/(a + k), t linear in 1/(a + k) with values from -1
    /// to 1. Relative error 2^-58.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Erfcx<V, T>(V a) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var r = V.Const(1) / (a + V.Const(3.75));
        var t = V.MultiplyAdd(a * r, V.Const(-2.272727272727273), V.Const(1));
        var q = t * t;
        var even = V.Const(-7.082074242206036e-11);
        even = V.MultiplyAdd(q, even, V.Const(1.012221850994504e-09));
        even = V.MultiplyAdd(q, even, V.Const(-9.642460885864394e-09));
        even = V.MultiplyAdd(q, even, V.Const(8.985172715915241e-08));
        even = V.MultiplyAdd(q, even, V.Const(-9.192101415460517e-07));
        even = V.MultiplyAdd(q, even, V.Const(9.897777999315886e-06));
        even = V.MultiplyAdd(q, even, V.Const(-9.007150106890916e-05));
        even = V.MultiplyAdd(q, even, V.Const(-3.485447088975e-05));
        even = V.MultiplyAdd(q, even, V.Const(0.027825255591545764));
        even = V.MultiplyAdd(q, even, V.Const(0.22165623365103695));
        even = V.MultiplyAdd(q, even, V.Const(0.7275013924709797));
        even = V.MultiplyAdd(q, even, V.Const(1.2184837249244773));
        var odd = V.Const(8.399751042573016e-11);
        odd = V.MultiplyAdd(q, odd, V.Const(-1.3283926334881066e-09));
        odd = V.MultiplyAdd(q, odd, V.Const(1.3231351628180875e-08));
        odd = V.MultiplyAdd(q, odd, V.Const(-9.832839803145389e-08));
        odd = V.MultiplyAdd(q, odd, V.Const(2.4015195704712695e-07));
        odd = V.MultiplyAdd(q, odd, V.Const(1.2466829604949198e-05));
        odd = V.MultiplyAdd(q, odd, V.Const(-0.0003817399006615789));
        odd = V.MultiplyAdd(q, odd, V.Const(0.005312164660269658));
        odd = V.MultiplyAdd(q, odd, V.Const(0.090339398448319));
        odd = V.MultiplyAdd(q, odd, V.Const(0.4396934608923587));
        odd = V.MultiplyAdd(q, odd, V.Const(1.0196733548749874));
        return r * V.MultiplyAdd(t, odd, even);
    }

    /// <summary>erf(√z)/√z - 1 for 0 ≤ z ≤ 1/4. Error 2^-29 (float), 2^-57 (double). Without the 1 its first coefficient has
    /// three more digits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ErfNearZero<V, T>(V z) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        V p;
        if (typeof(T) == typeof(float))
        {
            p = V.MultiplyAdd(z, V.Const(0.004717990290373564), V.Const(-0.02675718441605568));
            p = V.MultiplyAdd(z, p, V.Const(0.11282822489738464));
            p = V.MultiplyAdd(z, p, V.Const(-0.37612608075141907));
            return V.MultiplyAdd(z, p, V.Const(0.12837910652160645));
        }

        p = V.MultiplyAdd(z, V.Const(1.4723215378997444e-06), V.Const(-1.484558373758655e-05));
        p = V.MultiplyAdd(z, p, V.Const(0.00012053324313449652));
        p = V.MultiplyAdd(z, p, V.Const(-0.0008548297524386745));
        p = V.MultiplyAdd(z, p, V.Const(0.00522397737032621));
        p = V.MultiplyAdd(z, p, V.Const(-0.026866170632715777));
        p = V.MultiplyAdd(z, p, V.Const(0.11283791670924813));
        p = V.MultiplyAdd(z, p, V.Const(-0.37612638903183465));
        return V.MultiplyAdd(z, p, V.Const(0.12837916709551256));
    }
}
