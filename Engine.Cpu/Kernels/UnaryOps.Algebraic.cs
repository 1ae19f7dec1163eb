using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>x.</summary>
internal readonly struct Identity : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g;
}

/// <summary>-x.</summary>
internal readonly struct Negate : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        -x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        -g;
}

/// <summary>|x|; derivative 0 at 0.</summary>
internal readonly struct Abs : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Abs(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Select(V.Equal(v, V.Zero), V.Zero, g * Sign.Invoke<V, T>(v, p, q));
}

/// <summary>-1, 0 or 1 with NaN kept; derivative 0.</summary>
internal readonly struct Sign : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Select(V.Less(V.Zero, x), V.Const(1), V.Select(V.Less(x, V.Zero), V.Const(-1), x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Zero;
}

/// <summary>1/x; derivative -y².</summary>
internal readonly struct Reciprocal : IUnaryOp
{
    public static bool KeepsResult => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Const(1) / x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        -(g * v * v);
}

/// <summary>x²; derivative 2x.</summary>
internal readonly struct Square : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        x * x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * (v + v);
}

/// <summary>√x; derivative 1/(2y).</summary>
internal readonly struct SquareRoot : IUnaryOp
{
    public static bool KeepsResult => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Sqrt(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * V.Const(0.5) / v;
}

/// <summary>1/√x; derivative -y³/2.</summary>
internal readonly struct ReciprocalRoot : IUnaryOp
{
    public static bool KeepsResult => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Const(1) / V.Sqrt(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        g * V.Const(-0.5) * v * v * v;
}

/// <summary>max(x, 0) with NaN kept; derivative 1 for x > 0, else 0.</summary>
internal readonly struct Relu : IUnaryOp
{
    public static bool KeepsResult => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Select(V.LessOrEqual(x, V.Zero), V.Zero, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Select(V.Less(V.Zero, v), g, V.Zero);
}

/// <summary>min(max(x, p), q) with NaN kept; derivative 1 from bound to bound, both included.</summary>
internal readonly struct Clamp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Min(V.Max(x, p), q);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Select(V.LessOrEqual(p, v) & V.LessOrEqual(v, q), g, V.Zero);
}

/// <summary>⌊x⌋; derivative 0.</summary>
internal readonly struct Floor : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Floor(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Zero;
}

/// <summary>⌈x⌉; derivative 0.</summary>
internal readonly struct Ceiling : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Ceiling(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Zero;
}

/// <summary>Nearest integer, ties to even; derivative 0.</summary>
internal readonly struct Round : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Round(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Zero;
}

/// <summary>Integer part; derivative 0.</summary>
internal readonly struct Truncate : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V x, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Truncate(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Vjp<V, T>(V g, V v, V p, V q) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.Zero;
}
