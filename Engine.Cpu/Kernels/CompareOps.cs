using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>A relation between two elements. The other four are these with the operands exchanged or the result inverted.</summary>
internal interface ICompareOp
{
    /// <summary>Mask of the lanes where the relation holds.</summary>
    static abstract V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged;
}

/// <summary>a = b.</summary>
internal readonly struct IsEqual : ICompareOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged => V.Equal(a, b);
}

/// <summary>a ≠ b; true where either is NaN.</summary>
internal readonly struct IsNotEqual : ICompareOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged => ~V.Equal(a, b);
}

/// <summary>a &lt; b.</summary>
internal readonly struct IsLess : ICompareOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged => V.Less(a, b);
}

/// <summary>a ≤ b.</summary>
internal readonly struct IsLessOrEqual : ICompareOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<V, T>(V a, V b) where V : unmanaged, ILanes<V, T> where T : unmanaged => V.LessOrEqual(a, b);
}
