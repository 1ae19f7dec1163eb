using System.Numerics;

namespace Edifice.Engine.Cpu.Memory;

/// <summary>The block sizes of the pool: multiples of 64 bytes up to 1 KiB, from there eight sizes per doubling, so that a
/// block is at most an eighth larger than what was asked for (rounded up to 64 bytes).</summary>
internal static class SizeClass
{
    /// <summary>Requests above this many bytes have no class: no machine can serve them.</summary>
    public const long Largest = 1L << 47;

    /// <summary>The number of classes.</summary>
    public static readonly int Count = Of(Largest) + 1;

    // With u = (bytes - 1) / 64, a class is the exponent of u and its three leading bits below the first: u = m · 2^shift
    // with m in [8, 16), or m = u and shift = 0 for u < 16.

    /// <summary>The class of the smallest blocks that hold <paramref name="bytes"/> (at least 1, at most
    /// <see cref="Largest"/>).</summary>
    public static int Of(long bytes)
    {
        var u = (ulong)(bytes - 1) >> 6;
        var shift = Math.Max(0, BitOperations.Log2(u) - 3);
        return 8 * shift + (int)(u >> shift);
    }

    /// <summary>The size of a class's blocks.</summary>
    public static long Bytes(int sizeClass)
    {
        var shift = Math.Max(0, sizeClass / 8 - 1);
        return (sizeClass - 8L * shift + 1) << (shift + 6);
    }
}
