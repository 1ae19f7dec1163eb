using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PtxEmulator.Execution;

/// <summary>Reading and writing the 32 lanes of a register. Registers of 16 and 32 bits have 4 bytes per lane, of 64 bits 8.</summary>
internal static unsafe class Lanes
{
    public const int Count = 32;
    public const uint All = uint.MaxValue;

    private static readonly Vector512<uint> Bits32 = Vector512.Create(
        1u, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768);

    private static readonly Vector512<ulong> Bits64 = Vector512.Create(1ul, 2, 4, 8, 16, 32, 64, 128);

    /// <summary>A lane's value; types narrower than a lane read its low bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Read<T>(byte* lanes, int lane) where T : unmanaged =>
        sizeof(T) == 8 ? ((T*)lanes)[lane] : *(T*)(lanes + 4 * lane);

    /// <summary>Sets a lane; types narrower than a lane are continued by zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write<T>(byte* lanes, int lane, T value) where T : unmanaged
    {
        if (sizeof(T) == 8) ((T*)lanes)[lane] = value;
        else if (sizeof(T) == 4) ((T*)lanes)[lane] = value;
        else if (sizeof(T) == 2) ((uint*)lanes)[lane] = Unsafe.BitCast<T, ushort>(value);
        else ((uint*)lanes)[lane] = Unsafe.BitCast<T, byte>(value);
    }

    /// <summary>Stores one vector of lanes, those of the mask only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(byte* lanes, int index, Vector512<T> value, uint mask) where T : unmanaged
    {
        var at = lanes + index * 64;
        if (mask == All)
        {
            value.AsByte().Store(at);
        }
        else if (sizeof(T) == 4)
        {
            var bits = Vector512.Create(mask >> (index * 16)) & Bits32;
            Vector512.ConditionalSelect(Vector512.Equals(bits, Bits32), value.AsUInt32(), Vector512.Load((uint*)at)).Store((uint*)at);
        }
        else
        {
            var bits = Vector512.Create((ulong)(mask >> (index * 8))) & Bits64;
            Vector512.ConditionalSelect(Vector512.Equals(bits, Bits64), value.AsUInt64(), Vector512.Load((ulong*)at)).Store((ulong*)at);
        }
    }

    /// <summary>Vectors per register of a type.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Vectors<T>() where T : unmanaged => sizeof(T) == 8 ? 4 : 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Load<T>(byte* lanes, int index) where T : unmanaged => Vector512.Load(lanes + index * 64).As<byte, T>();

    /// <summary>One vector of all-ones or zeros from a predicate.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Expand<T>(uint predicate, int index) where T : unmanaged => sizeof(T) == 8
        ? Vector512.Equals(Vector512.Create((ulong)(predicate >> (index * 8))) & Bits64, Bits64).As<ulong, T>()
        : Vector512.Equals(Vector512.Create(predicate >> (index * 16)) & Bits32, Bits32).As<uint, T>();

    /// <summary>Takes the lowest lane out of a mask.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Next(ref uint mask)
    {
        var lane = BitOperations.TrailingZeroCount(mask);
        mask &= mask - 1;
        return lane;
    }
}
