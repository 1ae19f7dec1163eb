using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>A function of one, two or three elements, written once over lanes: what <see cref="Elementwise"/> runs.</summary>
/// <remarks>Operands an op does not use are not read; <c>p</c> and <c>q</c> are numbers that hold for all elements.</remarks>
internal interface IElementwiseOp
{
    /// <summary>Which of the operands a, b, c are read: bits 0, 1 and 2.</summary>
    static abstract int Operands { get; }

    /// <summary>Rough time for one element in nanoseconds, for the choice of the number of threads.</summary>
    static virtual double Nanoseconds => 0.15;

    /// <summary>The function.</summary>
    static abstract V Invoke<V, T>(V a, V b, V c, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged;
}

/// <summary>A function of one argument and how a cotangent goes back through it.</summary>
internal interface IUnaryOp
{
    /// <summary>Rough time for one element in nanoseconds.</summary>
    static virtual double Nanoseconds => 0.15;

    /// <summary>The derivative is written in the result rather than in the argument: what an op keeps for its backward pass
    /// (see <see cref="Backends.IBackend.MapVjp"/>).</summary>
    static virtual bool KeepsResult => false;

    /// <summary>y = f(x).</summary>
    static abstract V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged;

    /// <summary>g f'(x) from v, which is f(x) or x according to <see cref="KeepsResult"/>; at kinks, and where f' is 0, by selection rather than multiplication, so that an infinite cotangent
    /// gives 0 there.</summary>
    static abstract V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged;
}

/// <summary>A function of two arguments.</summary>
internal interface IBinaryOp
{
    /// <summary>Rough time for one element in nanoseconds.</summary>
    static virtual double Nanoseconds => 0.15;

    /// <summary>y = f(a, b).</summary>
    static abstract V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged;
}

/// <summary>y = f(a) as an elementwise op.</summary>
internal readonly struct Value<TOp> : IElementwiseOp where TOp : IUnaryOp
{
    public static int Operands => 0b001;

    public static double Nanoseconds => TOp.Nanoseconds;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b, V c, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        TOp.Invoke<V, T>(a, p, q);
}

/// <summary>Cotangent a back through f, with what f kept as b, as an elementwise op.</summary>
internal readonly struct Pullback<TOp> : IElementwiseOp where TOp : IUnaryOp
{
    public static int Operands => 0b011;

    public static double Nanoseconds => TOp.Nanoseconds;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b, V c, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        TOp.Vjp<V, T>(a, b, p, q);
}

/// <summary>f(a, b) as an elementwise op.</summary>
internal readonly struct Pair<TOp> : IElementwiseOp where TOp : IBinaryOp
{
    public static int Operands => 0b011;

    public static double Nanoseconds => TOp.Nanoseconds;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b, V c, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        TOp.Invoke<V, T>(a, b);
}

/// <summary>f(a) b as an elementwise op: the gated product.</summary>
internal readonly struct Gate<TOp> : IElementwiseOp where TOp : IUnaryOp
{
    public static int Operands => 0b011;

    public static double Nanoseconds => TOp.Nanoseconds;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b, V c, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        TOp.Invoke<V, T>(a, p, q) * b;
}

/// <summary>b + p a with one rounding: y += alpha x.</summary>
internal readonly struct ScaledSum : IElementwiseOp
{
    public static int Operands => 0b011;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b, V c, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.MultiplyAdd(p, a, b);
}
