using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Simd;

/// <summary>The logistic function and its relatives; each form works with e^-|x| alone, so nothing overflows and small
/// results keep their digits.</summary>
internal static partial class LaneMath
{
    // An argument to which larger ones can be cut before they meet a factor that is zero there (∞ · 0).
    private const double BeyondExp = 1000;

    /// <summary>tanh x. Error below 3 ulp; odd.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Tanh<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        // With t = e^(-2|x|) - 1: tanh |x| = -t / (t + 2), no cancellation anywhere.
        var sign = x & V.Const(-0.0);
        var t = Expm1OfNegative<V, T>(V.Abs(x) * V.Const(-2));
        var y = t / (t + V.Const(2));
        return V.AndNot(y, V.Const(-0.0)) | sign;
    }

    /// <summary>1 / (1 + e^-x). Error below 3 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sigmoid<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var z = ExpBelowOverflow<V, T>(x | V.Const(-0.0));
        return V.Select(V.Less(x, V.Zero), z, V.Const(1)) / (z + V.Const(1));
    }

    /// <summary>x σ(x). Error below 3 ulp; -∞ gives -0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Silu<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        // What is bounded for the exponential is x itself where x is negative.
        var m = BoundedExp<V, T>(x, out var bounded, out var n);
        return OverOnePlusExp<V, T>(x, x, bounded, m, n);
    }

    /// <summary>x σ(v) for v of x's sign; x = -∞ gives -0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V TimesSigmoid<V, T>(V x, V v) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        var m = BoundedExp<V, T>(v, out _, out var n);
        return OverOnePlusExp<V, T>(v, x, V.MaxNative(V.Const(-BeyondExp), x), m, n);
    }

    /// <summary>e^-|v| = m 2^n; -|v| is raised to where the exponential has vanished.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V BoundedExp<V, T>(V v, out V bounded, out V n) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        bounded = V.MaxNative(V.Const(typeof(T) == typeof(float) ? -120 : -800), v | V.Const(-0.0));
        return ExpOfReduced<V, T>(ReduceByLn2<V, T>(bounded, out n));
    }

    /// <summary>With z = m 2^n: positive / (1 + z), or negative z / (1 + z) for negative v.</summary>
    /// <remarks>The product with m is scaled as a whole, so that a result above the subnormals never passes through them; where it is subnormal
    /// itself, 1 + z is 1 and rounds nothing again.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V OverOnePlusExp<V, T>(V v, V positive, V negative, V m, V n) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Select(V.Less(v, V.Zero), V.Scale(negative * m, n), positive) / (V.Scale(m, n) + V.Const(1));

    /// <summary>σ(x) (1 + x (1 - σ(x))), the derivative of <see cref="Silu"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V SiluDerivative<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        x = V.Clamp(x, V.Const(-BeyondExp), V.Const(BeyondExp));
        var s = Sigmoid<V, T>(x);
        return s * V.MultiplyAdd(x, V.Const(1) - s, V.Const(1));
    }

    /// <summary>ln(1 + eˣ) = max(x, 0) + ln(1 + e^-|x|). Error below 3 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Softplus<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.MaxNative(V.Zero, x) + Log1pOfFinite<V, T>(ExpBelowOverflow<V, T>(x | V.Const(-0.0)));

    /// <summary>ln σ(x) = min(x, 0) - ln(1 + e^-|x|). Error below 3 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V LogSigmoid<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.MinNative(V.Zero, x) - Log1pOfFinite<V, T>(ExpBelowOverflow<V, T>(x | V.Const(-0.0)));

    // 2√(2/π) and 0.044715 times it: v(x) = x (a + b x²) is twice the argument of tanh.
    private const double GeluTanhA = 1.5957691216057308, GeluTanhB = 0.07135481627260025;

    /// <summary>x σ(v), v = 2√(2/π)(x + 0.044715 x³), the approximation of GELU by tanh. Error: that of v times |v|, so a
    /// few ulp for results of ordinary size and a relative |v| ε where they vanish; -∞ gives -0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V GeluTanh<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        TimesSigmoid<V, T>(x, x * V.MultiplyAdd(x * x, V.Const(GeluTanhB), V.Const(GeluTanhA)));

    /// <summary>σ(v) + x σ(v)(1 - σ(v)) v', the derivative of <see cref="GeluTanh"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V GeluTanhDerivative<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        x = V.Clamp(x, V.Const(-BeyondExp), V.Const(BeyondExp));
        var q = x * x;
        var s = Sigmoid<V, T>(x * V.MultiplyAdd(q, V.Const(GeluTanhB), V.Const(GeluTanhA)));
        var slope = V.MultiplyAdd(q, V.Const(3 * GeluTanhB), V.Const(GeluTanhA));
        return V.MultiplyAdd(x * slope, s * (V.Const(1) - s), s);
    }
}
