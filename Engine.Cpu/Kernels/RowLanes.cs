using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Registers along a row whose last one may be partly filled.</summary>
internal static unsafe class RowLanes
{
    private static ReadOnlySpan<byte> Ones =>
    [
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    ];

    /// <summary>Lanes below <paramref name="n"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V First<V, T>(int n) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        V.LoadPartial((T*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(Ones)), n); // the data segment does not move

    /// <summary>Reads n elements; a plain load where n is the constant <c>V.Count</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load<V, T>(T* p, int n) where V : unmanaged, ILanes<V, T> where T : unmanaged =>
        n == V.Count ? V.Load(p) : V.LoadPartial(p, n);

    /// <summary>Writes n elements; a plain store where n is the constant <c>V.Count</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<V, T>(V v, T* p, int n) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        if (n == V.Count) V.Store(v, p);
        else V.StorePartial(v, p, n);
    }
}
