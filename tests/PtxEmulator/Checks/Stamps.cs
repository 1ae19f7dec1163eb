using System.Runtime.CompilerServices;
using PtxEmulator.Execution;
using PtxEmulator.Memory;

namespace PtxEmulator.Checks;

/// <summary>Finds races: two accesses to the same bytes by different threads, one of them a write, with nothing that orders them.</summary>
/// <remarks>
/// <para>Each cell of memory keeps a stamp of its last write and one of its last reads, 64 bits:
/// block (32, counted over all launches), clock (19), readers (2: one thread, several lanes of a warp, several warps), strong (1: atomic or
/// volatile), thread (10). A block number in which no block ran, the launch's floor, stands for "several blocks of this launch".</para>
/// <para>A warp's clock counts what orders its lanes: bar.warp.sync advances it for the lanes named, bar.sync brings all warps of the
/// block to one common value. So an access is behind another of its block exactly if the other's clock is below the
/// clock of the last barrier or, within a warp, if both lanes have been synchronized since. Nothing orders blocks of one launch;
/// only strong accesses may meet there.</para>
/// </remarks>
internal static unsafe class Stamps
{
    private const int ClockShift = 13;
    private const int KindShift = 11;
    private const ulong StrongBit = 1UL << 10;
    private const uint ClockMask = (1 << 19) - 1;

    public static ulong Base(uint block, uint clock, int warp) => (ulong)block << 32 | (ulong)(clock & ClockMask) << ClockShift | (uint)warp << 5;

    public static ulong Floor(uint block, uint clock) => (ulong)block << 32 | (ulong)(clock & ClockMask) << ClockShift;

    /// <summary>Marks cells first…last as read by a lane.</summary>
    public static void Read(Warp warp, Step step, int lane, Region region, Cells cells, ulong floor, long offset, int bytes, bool isStrong)
    {
        var last = (offset + bytes - 1) >> cells.Shift;
        var stamp = warp.StampBase + (uint)lane + (isStrong ? StrongBit : 0);
        for (var i = offset >> cells.Shift; i <= last; i++)
        {
            var writer = cells.Writers[i];
            if (writer >= floor && !IsOrdered(warp, lane, writer, isStrong)) throw Race(warp, step, lane, region, offset, writer, "reads", "wrote");
            var reader = cells.Readers[i];
            if (reader != stamp) cells.Readers[i] = reader < floor ? stamp : Merge(warp, lane, reader, stamp, floor);
        }
    }

    /// <summary>Marks cells as written by a lane. <paramref name="isSame"/>: the bytes do not change, which lanes of a warp may do together.</summary>
    public static void Write(Warp warp, Step step, int lane, Region region, Cells cells, ulong floor, long offset, int bytes, bool isStrong, bool isSame)
    {
        var last = (offset + bytes - 1) >> cells.Shift;
        var stamp = warp.StampBase + (uint)lane + (isStrong ? StrongBit : 0);
        for (var i = offset >> cells.Shift; i <= last; i++)
        {
            var writer = cells.Writers[i];
            if (writer >= floor && !IsOrdered(warp, lane, writer, isStrong) && !(isSame && IsOfWarp(warp, writer)))
            {
                throw Race(warp, step, lane, region, offset, writer, "writes", "wrote");
            }

            var reader = cells.Readers[i];
            if (reader >= floor && !IsOrdered(warp, lane, reader, isStrong)) throw Race(warp, step, lane, region, offset, reader, "writes", "read");
            cells.Writers[i] = stamp;
        }
    }

    private static uint Block(ulong stamp) => (uint)(stamp >> 32);

    private static uint Clock(ulong stamp) => (uint)(stamp >> ClockShift) & ClockMask;

    private static int Kind(ulong stamp) => (int)(stamp >> KindShift) & 3;

    private static int Thread(ulong stamp) => (int)(stamp & 1023);

    private static bool IsOfWarp(Warp warp, ulong stamp) => Block(stamp) == warp.Block.Serial && Thread(stamp) >> 5 == warp.Index;

    private static bool IsOrdered(Warp warp, int lane, ulong stamp, bool isStrong)
    {
        if (isStrong && (stamp & StrongBit) != 0) return true;
        if (Block(stamp) != warp.Block.Serial) return false;
        var clock = Clock(stamp);
        if (clock < warp.Block.BarrierClock) return true;
        var thread = Thread(stamp);
        var kind = Kind(stamp);
        if (thread >> 5 != warp.Index || kind == 2) return false;
        if (kind == 0) return (thread & 31) == lane || warp.LaneClocks[thread & 31] > clock && warp.LaneClocks[lane] > clock;
        for (var m = warp.Alive; m != 0;)
        {
            if (warp.LaneClocks[Lanes.Next(ref m)] <= clock) return false;
        }

        return true;
    }

    private static ulong Merge(Warp warp, int lane, ulong reader, ulong stamp, ulong floor)
    {
        var strong = reader & stamp & StrongBit;
        if (Block(reader) != warp.Block.Serial) return (floor & ~0xFFFFFFFFUL) | strong;
        if (Kind(reader) == 0 && Thread(reader) == Thread(stamp)) return (stamp & ~StrongBit) | strong;
        if (IsOrdered(warp, lane, reader, false)) return stamp;
        var kind = Thread(reader) >> 5 == warp.Index ? Math.Max(Kind(reader), 1) : 2;
        return (reader & ~(3UL << KindShift) & ~StrongBit) | (ulong)kind << KindShift | strong;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static KernelFinding Race(Warp warp, Step step, int lane, Region region, long offset, ulong other, string what, string earlier)
    {
        if (Block(other) != warp.Block.Serial)
        {
            var blocks = Block(other) == warp.Block.LaunchSerial ? "several other blocks" : $"block {Block(other) - warp.Block.LaunchSerial - 1}";
            return warp.Finding(
                FindingKind.RaceBetweenBlocks, step, lane, $"{what} byte {offset} of {region.What}, which {blocks} of the same launch {earlier}");
        }

        var thread = Thread(other);
        return thread >> 5 == warp.Index && Kind(other) != 2
            ? warp.Finding(FindingKind.RaceInWarp, step, lane, $"{what} byte {offset} of {region.What}, which thread {thread} of the same warp {earlier} without a bar.warp.sync between")
            : warp.Finding(FindingKind.RaceBetweenWarps, step, lane, $"{what} byte {offset} of {region.What}, which thread {thread} {earlier} without a barrier between");
    }
}
