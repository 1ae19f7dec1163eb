using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Something worked out for each position of a row: summed by <see cref="RowSum"/>, written by
/// <see cref="RowMap"/>. Numbers that hold for the whole row are fields.</summary>
internal interface IRowTerm<V, T> where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    /// <summary>Positions i … i + n - 1 (1 ≤ n ≤ <c>V.Count</c>); the other lanes are arbitrary.</summary>
    V At(int i, int n);
}

/// <summary>Writes terms along a row.</summary>
internal static unsafe class RowMap
{
    /// <summary>y_i = term i; y may be an operand of the terms.</summary>
    public static void Run<V, T, TTerm>(int n, TTerm terms, T* y)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
        where TTerm : struct, IRowTerm<V, T>
    {
        var i = 0;
        for (; i <= n - V.Count; i += V.Count) V.Store(terms.At(i, V.Count), y + i);
        if (i < n) V.StorePartial(terms.At(i, n - i), y + i, n - i);
    }
}

/// <summary>x.</summary>
internal readonly unsafe struct EntryTerm<V, T>(T* x) : IRowTerm<V, T> where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At(int i, int n) => RowLanes.Load<V, T>(x + i, n);
}

/// <summary>x - shift.</summary>
internal readonly unsafe struct DifferenceTerm<V, T>(T* x, T shift) : IRowTerm<V, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At(int i, int n) => RowLanes.Load<V, T>(x + i, n) - V.Splat(shift);
}

/// <summary>x y.</summary>
internal readonly unsafe struct ProductTerm<V, T>(T* x, T* y) : IRowTerm<V, T> where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At(int i, int n) => RowLanes.Load<V, T>(x + i, n) * RowLanes.Load<V, T>(y + i, n);
}

/// <summary>factor x + shift.</summary>
internal readonly unsafe struct AffineTerm<V, T>(T* x, T factor, T shift) : IRowTerm<V, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At(int i, int n) => V.MultiplyAdd(RowLanes.Load<V, T>(x + i, n), V.Splat(factor), V.Splat(shift));
}

/// <summary>e^(x - shift).</summary>
internal readonly unsafe struct ExponentialTerm<V, T>(T* x, T shift) : IRowTerm<V, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At(int i, int n) => LaneMath.Exp<V, T>(RowLanes.Load<V, T>(x + i, n) - V.Splat(shift));
}

/// <summary>e^(x - shift), written to y on the way.</summary>
internal readonly unsafe struct StoredExponentialTerm<V, T>(T* x, T shift, T* y) : IRowTerm<V, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At(int i, int n)
    {
        var e = LaneMath.Exp<V, T>(RowLanes.Load<V, T>(x + i, n) - V.Splat(shift));
        RowLanes.Store(e, y + i, n);
        return e;
    }
}
