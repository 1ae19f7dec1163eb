using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Draws elements offset … offset + count - 1, bits in batches of whole blocks.</summary>
internal readonly unsafe struct DrawTiles<V, TDraw>(ulong seed, ulong offset, long count, TDraw draw) : ITiles
    where V : unmanaged, ILanes<V, long>
    where TDraw : unmanaged, IDraw
{
    /// <summary>Elements per tile.</summary>
    public const int ElementsPerTile = 16 * 1024;

    private const int Batch = 256;

    // Tiles are cut by block, so that no pair is split but at the two ends.
    private ulong FirstBlock => offset >> 1;

    private ulong EndBlock => (offset + (ulong)count + 1) >> 1;

    /// <summary>The number of tiles.</summary>
    public long Tiles => (long)((EndBlock - FirstBlock + ElementsPerTile / 2 - 1) / (ElementsPerTile / 2));

    [SkipLocalsInit]
    public void Run(long tile)
    {
        ulong* even = stackalloc ulong[Batch], odd = stackalloc ulong[Batch];
        var block = FirstBlock + (ulong)tile * (ElementsPerTile / 2);
        var end = Math.Min(EndBlock, block + ElementsPerTile / 2);
        for (; block < end; block += Batch)
        {
            var blocks = (int)Math.Min(Batch, end - block);
            PhiloxLanes.Fill<V>(seed, block, (blocks + 2 * V.Count - 1) / (2 * V.Count) * (2 * V.Count), even, odd);

            var at = (long)(2 * block - offset); // of the batch's first element in the result; -1 where that lies before it
            var first = 0;
            if (at < 0)
            {
                draw.WriteOne(at + 1, even, odd, isOdd: true);
                first = 1;
            }

            var last = blocks;
            if (at + 2 * last > count) last--;
            if (last > first) draw.WritePairs(at + 2 * first, last - first, even + first, odd + first);
            if (last < blocks && last >= first) draw.WriteOne(at + 2 * last, even + last, odd + last, isOdd: false);
        }
    }
}
