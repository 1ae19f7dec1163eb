using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PtxEmulator.Execution;

/// <summary>The two patterns most accesses have, a whole warp side by side and a whole warp at one address, recognized and checked
/// with vectors. What does not pass here goes lane by lane, which finds and names what is wrong: nothing is
/// changed before everything has been checked.</summary>
internal static unsafe class StraightAccess
{
    private static readonly Vector512<ulong> Lanes64 = Vector512.Create(0ul, 1, 2, 3, 4, 5, 6, 7);
    private static readonly Vector512<uint> Lanes32 = Vector512.Create(0u, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

    /// <summary>Block, readers and thread of a stamp: all but its clock and strength.</summary>
    private const ulong Owner = 0xFFFFFFFF00000000 | 3UL << 11 | 1023;

    /// <summary>True if lane i has the first lane's address + i × step.</summary>
    public static bool IsStepped(byte* addresses, bool isWide, uint step)
    {
        if (isWide)
        {
            var first = *(ulong*)addresses;
            var expected = Vector512.Create(first) + Lanes64 * step;
            for (var i = 0; i < 4; i++)
            {
                if (Vector512.Load((ulong*)addresses + 8 * i) != expected) return false;
                expected += Vector512.Create(8UL * step);
            }

            return true;
        }

        var low = Vector512.Create(*(uint*)addresses) + Lanes32 * step;
        return Vector512.Load((uint*)addresses) == low && Vector512.Load((uint*)addresses + 16) == low + Vector512.Create(16 * step);
    }

    public static bool IsWritten(byte* states, int bytes)
    {
        var expected = Vector512.Create((byte)1);
        for (var i = 0; i < bytes; i += 64)
        {
            if (Vector512.Load(states + i) != expected) return false;
        }

        return true;
    }

    public static bool IsWritable(byte* states, int bytes)
    {
        for (var i = 0; i < bytes; i += 64)
        {
            if (Vector512.GreaterThanAny(Vector512.Load(states + i), Vector512.Create((byte)1))) return false;
        }

        return true;
    }

    /// <summary>True if nothing unordered was done to these cells by other threads: a read may be stamped.</summary>
    public static bool MayRead(Warp warp, ulong* writers, ulong* readers, ulong floor, int wordsPerLane, bool isNonCoherent)
    {
        var (low, span) = Ordered(warp);
        for (var i = 0; i < 4 * wordsPerLane; i++)
        {
            var stamp = Stamp(warp, i, wordsPerLane);
            var writer = Vector512.Load(writers + 8 * i);
            var isOld = Vector512.LessThan(writer, Vector512.Create(floor));
            if (!isNonCoherent) isOld |= IsOrdered(writer, stamp, low, span);
            var reader = Vector512.Load(readers + 8 * i);
            var isFree = Vector512.LessThan(reader, Vector512.Create(floor)) | IsOrdered(reader, stamp, low, span);
            if ((isOld & isFree) != Vector512<ulong>.AllBitsSet) return false;
        }

        return true;
    }

    /// <summary>True if no other thread read or wrote these cells without order.</summary>
    public static bool MayWrite(Warp warp, ulong* writers, ulong* readers, ulong floor, int wordsPerLane)
    {
        var (low, span) = Ordered(warp);
        for (var i = 0; i < 4 * wordsPerLane; i++)
        {
            var stamp = Stamp(warp, i, wordsPerLane);
            var writer = Vector512.Load(writers + 8 * i);
            var reader = Vector512.Load(readers + 8 * i);
            var ok = (Vector512.LessThan(writer, Vector512.Create(floor)) | IsOrdered(writer, stamp, low, span))
                & (Vector512.LessThan(reader, Vector512.Create(floor)) | IsOrdered(reader, stamp, low, span));
            if (ok != Vector512<ulong>.AllBitsSet) return false;
        }

        return true;
    }

    public static void Mark(Warp warp, ulong* cells, int wordsPerLane)
    {
        for (var i = 0; i < 4 * wordsPerLane; i++) Stamp(warp, i, wordsPerLane).Store(cells + 8 * i);
    }

    /// <summary>The stamps of eight cells.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Stamp(Warp warp, int index, int wordsPerLane)
    {
        var lanes = wordsPerLane switch
        {
            1 => Lanes64 + Vector512.Create((ulong)(8 * index)),
            2 => (Lanes64 >> 1) + Vector512.Create((ulong)(4 * index)),
            _ => (Lanes64 >> 2) + Vector512.Create((ulong)(2 * index)),
        };
        return Vector512.Create(warp.StampBase) + lanes;
    }

    /// <summary>Stamps of this block before its last barrier: from low, less than span of them.</summary>
    private static (Vector512<ulong> Low, Vector512<ulong> Span) Ordered(Warp warp)
    {
        var block = warp.Block;
        return (Vector512.Create(block.SharedFloor), Vector512.Create(block.BarrierFloor - block.SharedFloor));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> IsOrdered(Vector512<ulong> cell, Vector512<ulong> stamp, Vector512<ulong> low, Vector512<ulong> span) =>
        Vector512.LessThan(cell - low, span) | Vector512.Equals((cell ^ stamp) & Vector512.Create(Owner), Vector512<ulong>.Zero);
}
