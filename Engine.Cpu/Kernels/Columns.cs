using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>How a register of neighbouring channels is read and written: whole, or cut at the last channel. The arithmetic in
/// between is the same, so a channel's bits do not depend on where it stands.</summary>
internal unsafe interface IColumns<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    /// <summary>Reads <paramref name="count"/> channels; the other lanes are zero.</summary>
    static abstract V Load(T* p, int count);

    /// <summary>Writes <paramref name="count"/> channels.</summary>
    static abstract void Store(V v, T* p, int count);
}

/// <summary>All lanes are channels.</summary>
internal readonly unsafe struct WholeColumns<V, T> : IColumns<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load(T* p, int count) => V.Load(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(V v, T* p, int count) => V.Store(v, p);
}

/// <summary>The last channels, fewer than a register holds.</summary>
internal readonly unsafe struct EdgeColumns<V, T> : IColumns<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load(T* p, int count) => V.LoadPartial(p, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(V v, T* p, int count) => V.StorePartial(v, p, count);
}
