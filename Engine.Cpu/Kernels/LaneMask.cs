using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Masks of the leading lanes, for the last, partly filled register of a row.</summary>
internal static unsafe class LaneMask
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
}
