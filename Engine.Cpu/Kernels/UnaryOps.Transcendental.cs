using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>eˣ; derivative y.</summary>
internal readonly struct Exp : IUnaryOp
{
    public static double Nanoseconds => 0.3;

    public static bool KeepsResult => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.Exp<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * v;
}

/// <summary>eˣ - 1; derivative eˣ.</summary>
internal readonly struct Expm1 : IUnaryOp
{
    public static double Nanoseconds => 0.4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.Expm1<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * LaneMath.Exp<V, T>(v);
}

/// <summary>ln x; derivative 1/x.</summary>
internal readonly struct Log : IUnaryOp
{
    public static double Nanoseconds => 0.6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.Log<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g / v;
}

/// <summary>ln(1 + x); derivative 1/(1 + x).</summary>
internal readonly struct Log1p : IUnaryOp
{
    public static double Nanoseconds => 0.7;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.Log1p<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g / (V.Const(1) + v);
}

/// <summary>sin x; derivative cos x.</summary>
internal readonly struct Sine : IUnaryOp
{
    public static double Nanoseconds => 1.5;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.Sin<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * LaneMath.Cos<V, T>(v);
}

/// <summary>cos x; derivative -sin x.</summary>
internal readonly struct Cosine : IUnaryOp
{
    public static double Nanoseconds => 1.5;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.Cos<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        -(g * LaneMath.Sin<V, T>(v));
}

/// <summary>tanh x; derivative 1 - y².</summary>
internal readonly struct HyperbolicTangent : IUnaryOp
{
    public static double Nanoseconds => 0.4;

    public static bool KeepsResult => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.Tanh<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * V.MultiplyAdd(-v, v, V.Const(1));
}

/// <summary>σ(x); derivative y (1 - y).</summary>
internal readonly struct Sigmoid : IUnaryOp
{
    public static double Nanoseconds => 0.4;

    public static bool KeepsResult => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.Sigmoid<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * (v * (V.Const(1) - v));
}

/// <summary>erf x; derivative 2/√π e^(-x²).</summary>
internal readonly struct ErrorFunction : IUnaryOp
{
    public static double Nanoseconds => 0.8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.Erf<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * LaneMath.ErfDerivative<V, T>(v);
}

/// <summary>x Φ(x); derivative Φ(x) + x φ(x).</summary>
internal readonly struct Gelu : IUnaryOp
{
    public static double Nanoseconds => 0.9;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.Gelu<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * LaneMath.GeluDerivative<V, T>(v);
}

/// <summary>x σ(2u), u = √(2/π)(x + 0.044715 x³).</summary>
internal readonly struct GeluTanh : IUnaryOp
{
    public static double Nanoseconds => 0.6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.GeluTanh<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * LaneMath.GeluTanhDerivative<V, T>(v);
}

/// <summary>x σ(x); derivative σ(x) (1 + x (1 - σ(x))).</summary>
internal readonly struct Silu : IUnaryOp
{
    public static double Nanoseconds => 0.5;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.Silu<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * LaneMath.SiluDerivative<V, T>(v);
}

/// <summary>ln(1 + eˣ); derivative σ(x).</summary>
internal readonly struct Softplus : IUnaryOp
{
    public static double Nanoseconds => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.Softplus<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * LaneMath.Sigmoid<V, T>(v);
}

/// <summary>ln σ(x); derivative σ(-x).</summary>
internal readonly struct LogSigmoid : IUnaryOp
{
    public static double Nanoseconds => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        LaneMath.LogSigmoid<V, T>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * LaneMath.Sigmoid<V, T>(-v);
}

/// <summary>x for x &gt; 0, else p (eˣ - 1); derivative at 0: p.</summary>
internal readonly struct Elu : IUnaryOp
{
    public static double Nanoseconds => 0.5;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Select(V.Less(V.Zero, x), x, p * LaneMath.Expm1<V, T>(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Select(V.Less(V.Zero, v), g, g * (p * LaneMath.Exp<V, T>(v)));
}

/// <summary>elu(x) + 1 = x + 1 for x &gt; 0, else eˣ: the positive feature map of linear attention (Katharopoulos et al. 2020).</summary>
internal readonly struct EluPlusOne : IUnaryOp
{
    public static double Nanoseconds => 0.4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Select(V.Less(V.Zero, x), x + V.Const(1), LaneMath.Exp<V, T>(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Select(V.Less(V.Zero, v), g, g * LaneMath.Exp<V, T>(v));
}
