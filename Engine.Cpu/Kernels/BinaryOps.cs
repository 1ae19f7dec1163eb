using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>a + b.</summary>
internal readonly struct Add : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged => a + b;
}

/// <summary>a - b.</summary>
internal readonly struct Subtract : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged => a - b;
}

/// <summary>a b.</summary>
internal readonly struct Multiply : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged => a * b;
}

/// <summary>a / b of floats.</summary>
internal readonly struct Divide : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged => a / b;
}

/// <summary>a / b of integers, truncated; the quotient that does not fit (least / -1) wraps like any other overflow. No
/// machine divides integers in lanes, so this goes one by one. Division by 0 is refused before; lanes that pad a partial
/// register give 0.</summary>
internal readonly struct DivideIntegers : IBinaryOp
{
    public static double Nanoseconds => 3;

    [SkipLocalsInit]
    public static unsafe V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        V dividend = a, divisor = b;
        if (typeof(T) == typeof(int))
        {
            int* x = (int*)&dividend, y = (int*)&divisor;
            for (var i = 0; i < V.Count; i++) x[i] = y[i] is 0 or -1 ? x[i] * y[i] : x[i] / y[i];
        }
        else
        {
            long* x = (long*)&dividend, y = (long*)&divisor;
            for (var i = 0; i < V.Count; i++) x[i] = y[i] is 0 or -1 ? x[i] * y[i] : x[i] / y[i];
        }

        return dividend;
    }
}

/// <summary>The larger; NaN if either is.</summary>
internal readonly struct Maximum : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged => V.Max(a, b);
}

/// <summary>The smaller; NaN if either is.</summary>
internal readonly struct Minimum : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged => V.Min(a, b);
}

/// <summary>IEEE 754's pow(a, b).</summary>
internal readonly struct Power : IBinaryOp
{
    public static double Nanoseconds => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.Pow<V, T>(a, b);
}
