using System.Runtime.CompilerServices;
using PtxEmulator.Checks;
using PtxEmulator.Memory;
using PtxEmulator.Parsing;
using PtxEmulator.Statistics;

namespace PtxEmulator.Execution;

/// <summary>How an instruction names memory.</summary>
/// <param name="Space">The state space.</param>
/// <param name="Address">The register, or a constant.</param>
/// <param name="IsWide">64-bit address.</param>
/// <param name="Offset">What is added to it.</param>
/// <param name="Bytes">Bytes accessed by one lane: also the alignment.</param>
internal readonly record struct Place(StateSpace Space, Slot Address, bool IsWide, long Offset, int Bytes);

/// <summary>An access to memory: finds it and checks its bounds and alignment.</summary>
internal abstract unsafe class MemoryStep(Place place) : Step
{
    /// <summary>Where the other spaces lie in generic addresses; global memory lies below.</summary>
    public const ulong SharedWindow = 1UL << 60;
    public const ulong LocalWindow = 2UL << 60;
    public const ulong ConstWindow = 3UL << 60;

    private Region? _latest;

    protected Place Place => place;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected ulong AddressOf(byte* addresses, int lane) => (place.IsWide ? ((ulong*)addresses)[lane] : ((uint*)addresses)[lane]) + (ulong)place.Offset;

    /// <summary>The memory at an address, the offset in it and the floor of its stamps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected Region Resolve(Warp warp, int lane, ulong address, out long offset, out ulong floor)
    {
        if ((address & (ulong)(place.Bytes - 1)) != 0) throw Misaligned(warp, lane, address);
        if (place.Space == StateSpace.Global)
        {
            floor = warp.Block.LaunchFloor;
            var latest = _latest;
            if (latest is not null && latest.Holds(address, place.Bytes) && !latest.IsFreed)
            {
                offset = (long)(address - latest.Address);
                return latest;
            }
        }

        return Find(warp, lane, place.Space, address, out offset, out floor);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private Region Find(Warp warp, int lane, StateSpace space, ulong address, out long offset, out ulong floor)
    {
        var block = warp.Block;
        floor = block.LaunchFloor;
        var bytes = place.Bytes;
        switch (space)
        {
            case StateSpace.Shared:
                floor = block.SharedFloor;
                offset = (long)address;
                if (block.Shared is null || !block.Shared.Holds(address, bytes)) throw OutOfBounds(warp, lane, address, "shared memory", block.Shared?.Length ?? 0);
                return block.Shared;
            case StateSpace.Local:
                var size = block.Launch.Program.LocalBytes;
                if (block.Local is null || address > (ulong)(size - bytes)) throw OutOfBounds(warp, lane, address, "local memory", size);
                offset = (long)address + (long)(warp.Index * 32 + lane) * size;
                return block.Local;
            case StateSpace.Const:
            case StateSpace.Param:
                var region = space == StateSpace.Const ? block.Launch.Program.ConstMemory : block.Launch.Parameters;
                offset = (long)address;
                if (region is null || !region.Holds(address, bytes)) throw OutOfBounds(warp, lane, address, space == StateSpace.Const ? "constant memory" : "the parameters", region?.Length ?? 0);
                return region;
            case StateSpace.Generic:
                var window = address >> 60;
                return window switch
                {
                    1 => Find(warp, lane, StateSpace.Shared, address - SharedWindow, out offset, out floor),
                    2 => Find(warp, lane, StateSpace.Local, address - LocalWindow, out offset, out floor),
                    3 => Find(warp, lane, StateSpace.Const, address - ConstWindow, out offset, out floor),
                    _ => Find(warp, lane, StateSpace.Global, address, out offset, out floor),
                };
            default:
                var found = block.Launch.Memory.Find(address);
                if (found is null)
                {
                    throw warp.Finding(FindingKind.OutOfBounds, this, lane, $"{What} {bytes} bytes at 0x{address:x}, where no allocation is");
                }

                offset = (long)(address - found.Address);
                if (found.IsFreed)
                {
                    throw warp.Finding(FindingKind.UseAfterFree, this, lane, $"{What} {bytes} bytes at 0x{address:x}, byte {offset} of {found.What}, which has been freed");
                }

                if (!found.Holds(address, bytes))
                {
                    var where = offset < 0 ? $"{-offset} bytes before the start of" : $"at byte {offset} of";
                    throw warp.Finding(FindingKind.OutOfBounds, this, lane, $"{What} {bytes} bytes at 0x{address:x}, {where} {found.What}, which has {found.Length} bytes");
                }

                _latest = found;
                return found;
        }
    }

    protected abstract string What { get; }

    /// <summary>Notes an access for the statistics, if somebody wants them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected void Count(Warp warp, uint mask, bool isWrite)
    {
        if (warp.Block.Launch.Statistics is { } statistics) Note(statistics, warp, mask, isWrite);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Note(KernelStatistics statistics, Warp warp, uint mask, bool isWrite)
    {
        Span<ulong> addresses = stackalloc ulong[32];
        var count = 0;
        var lanes = place.Address.At(warp);
        while (mask != 0) addresses[count++] = AddressOf(lanes, Lanes.Next(ref mask));
        var space = place.Space == StateSpace.Generic && addresses[0] >> 60 <= 1 ? addresses[0] >> 60 == 1 ? StateSpace.Shared : StateSpace.Global : place.Space;
        if (space == StateSpace.Global) statistics.AddGlobal(Line, addresses[..count], place.Bytes, isWrite);
        else if (space == StateSpace.Shared) statistics.AddShared(Line, addresses[..count], place.Bytes, isWrite);
    }

    private KernelFinding OutOfBounds(Warp warp, int lane, ulong address, string memory, long length) =>
        warp.Finding(FindingKind.OutOfBounds, this, lane, $"{What} {place.Bytes} bytes at 0x{address:x} of {memory}, which has {length} bytes");

    private KernelFinding Misaligned(Warp warp, int lane, ulong address) =>
        warp.Finding(FindingKind.Misaligned, this, lane, $"{What} {place.Bytes} bytes at 0x{address:x}, which is not a multiple of {place.Bytes}");

    /// <summary>The cells to use for an access of this width; null where nobody else can reach the memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected Cells? CellsOf(Region region, int elementBytes)
    {
        var cells = region.Cells;
        return elementBytes >= 4 || cells is null ? cells : region.ByteCells();
    }

    /// <summary>Throws unless the bytes were written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected void RequireWritten(Warp warp, int lane, Region region, long offset, int bytes)
    {
        var states = region.States + offset;
        var isWritten = bytes switch
        {
            4 => *(uint*)states == 0x01010101,
            8 => *(ulong*)states == 0x0101010101010101,
            16 => *(ulong*)states == 0x0101010101010101 && *(ulong*)(states + 8) == 0x0101010101010101,
            2 => *(ushort*)states == 0x0101,
            _ => *states == 1,
        };
        if (!isWritten) throw NotWritten(warp, lane, region, offset, bytes);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private KernelFinding NotWritten(Warp warp, int lane, Region region, long offset, int bytes)
    {
        var at = new ReadOnlySpan<byte>(region.States + offset, bytes).IndexOfAnyExcept(ByteState.Written);
        return region.States[offset + at] switch
        {
            ByteState.Gap => warp.Finding(FindingKind.OutOfBounds, this, lane, $"{What} byte {offset + at} of {region.What}, which lies between two variables"),
            ByteState.Pending => warp.Finding(FindingKind.MissingWait, this, lane, $"{What} byte {offset + at} of {region.What} before the cp.async that fills it was waited for"),
            _ => warp.Finding(FindingKind.UninitializedMemory, this, lane, $"{What} byte {offset + at} of {region.What}, which nobody has written"),
        };
    }

    /// <summary>Marks the bytes as written; throws where they are nobody's or the target of a copy under way.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected void MarkWritten(Warp warp, int lane, Region region, long offset, int bytes)
    {
        if (region.IsReadOnly) throw warp.Finding(FindingKind.ReadOnlyMemory, this, lane, $"{What} byte {offset} of {region.What}, which is read-only");
        var states = region.States + offset;
        for (var i = 0; i < bytes; i++)
        {
            if (states[i] > ByteState.Written) throw NotWritten(warp, lane, region, offset + i, 1);
            states[i] = ByteState.Written;
        }
    }
}
