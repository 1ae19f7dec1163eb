using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Simd;

/// <summary>One bit per lane turned into one byte per lane.</summary>
internal static unsafe class ByteSpread
{
    /// <summary>1 in every byte.</summary>
    public const ulong Ones = 0x0101010101010101;

    /// <summary>Writes the low <paramref name="count"/> bits (2, 4, 8 or 16) as bytes 0 or 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(uint bits, byte* p, int count)
    {
        var low = Spread(bits);
        if (count == 2) *(ushort*)p = (ushort)low;
        else if (count == 4) *(uint*)p = (uint)low;
        else *(ulong*)p = low;
        if (count == 16) *(ulong*)(p + 8) = Spread(bits >> 8);
    }

    // A copy of the bits in every byte, byte i reduced to bit i; adding 0x7f then carries any bit into the top one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Spread(uint bits) =>
        ((((bits & 0xff) * Ones) & 0x8040201008040201) + 0x7f7f7f7f7f7f7f7f) >> 7 & Ones;
}
