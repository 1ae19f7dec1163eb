using PtxEmulator.Checks;
using PtxEmulator.Memory;
using PtxEmulator.Parsing;

namespace PtxEmulator.Execution;

/// <summary>ld, of one to four elements.</summary>
/// <param name="place">Where.</param>
/// <param name="targets">The registers; null for a sink.</param>
/// <param name="isWide">64-bit registers.</param>
/// <param name="elementBytes">Bytes of an element in memory.</param>
/// <param name="isSigned">Narrow elements are continued by their sign.</param>
/// <param name="isStrong">.volatile, .relaxed, .acquire.</param>
/// <param name="isNonCoherent">.nc: the memory must not be written during the launch.</param>
internal sealed unsafe class Load(
    Place place, Slot?[] targets, bool isWide, int elementBytes, bool isSigned, bool isStrong, bool isNonCoherent) : MemoryStep(place)
{
    /// <summary>Whole registers, from memory all threads of a warp see alike.</summary>
    private readonly bool _canBeStraight = elementBytes == (isWide ? 8 : 4) && !isStrong && place.Space is not (StateSpace.Local or StateSpace.Generic);

    protected override string What => "reads";

    public override void Execute(Warp warp, uint mask)
    {
        Count(warp, mask, false);
        if (mask == Lanes.All && _canBeStraight && (Straight(warp) || Uniform(warp))) return;
        var addresses = Place.Address.At(warp);
        var bytes = Place.Bytes;
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            var region = Check(warp, lane, AddressOf(addresses, lane), out var offset);
            var source = region.Host + offset;
            for (var e = 0; e < targets.Length; e++)
            {
                if (targets[e] is { } target)
                {
                    var value = Element(source + e * elementBytes);
                    var lanes = target.At(warp);
                    if (isWide) ((long*)lanes)[lane] = value;
                    else ((int*)lanes)[lane] = (int)value;
                }
            }
        }
    }

    private Region Check(Warp warp, int lane, ulong address, out long offset)
    {
        var bytes = Place.Bytes;
        var region = Resolve(warp, lane, address, out offset, out var floor);
        RequireWritten(warp, lane, region, offset, bytes);
        var cells = CellsOf(region, elementBytes);
        if (cells is null) return region;
        if (isNonCoherent && cells.Writers[offset >> cells.Shift] >= floor)
        {
            throw warp.Finding(FindingKind.ReadOnlyMemory, this, lane, $"reads byte {offset} of {region.What} by .nc, which this launch has written");
        }

        Stamps.Read(warp, this, lane, region, cells, floor, offset, bytes, isStrong);
        return region;
    }

    private bool Straight(Warp warp)
    {
        var addresses = Place.Address.At(warp);
        var bytes = Place.Bytes;
        if (!StraightAccess.IsStepped(addresses, Place.IsWide, (uint)bytes)) return false;
        var address = AddressOf(addresses, 0);
        var region = Resolve(warp, 0, address, out var offset, out var floor);
        if (!region.Holds(address, 32 * bytes) || !StraightAccess.IsWritten(region.States + offset, 32 * bytes)) return false;
        if (region.Cells is { } cells)
        {
            if (cells.Shift != 2) return false;
            var at = offset >> 2;
            if (!StraightAccess.MayRead(warp, cells.Writers + at, cells.Readers + at, floor, bytes / 4, isNonCoherent)) return false;
            StraightAccess.Mark(warp, cells.Readers + at, bytes / 4);
        }

        var source = region.Host + offset;
        var count = targets.Length;
        for (var e = 0; e < count; e++)
        {
            if (targets[e] is not { } target) continue;
            var lanes = target.At(warp);
            if (count == 1) Buffer.MemoryCopy(source, lanes, 256, 32 * bytes);
            else if (isWide) Gather((ulong*)source + e, (ulong*)lanes, count);
            else Gather((uint*)source + e, (uint*)lanes, count);
        }

        return true;
    }

    private static void Gather<T>(T* source, T* lanes, int step) where T : unmanaged
    {
        for (var lane = 0; lane < 32; lane++) lanes[lane] = source[lane * step];
    }

    private bool Uniform(Warp warp)
    {
        var addresses = Place.Address.At(warp);
        if (!StraightAccess.IsStepped(addresses, Place.IsWide, 0)) return false;
        // What two lanes do together, all do: the cell notes that several lanes of this warp have read it.
        var address = AddressOf(addresses, 0);
        Check(warp, 0, address, out _);
        var region = Check(warp, 1, address, out var offset);
        for (var e = 0; e < targets.Length; e++)
        {
            if (targets[e] is not { } target) continue;
            var lanes = target.At(warp);
            if (isWide) new Span<ulong>(lanes, 32).Fill(((ulong*)(region.Host + offset))[e]);
            else new Span<uint>(lanes, 32).Fill(((uint*)(region.Host + offset))[e]);
        }

        return true;
    }

    private long Element(byte* source) => elementBytes switch
    {
        4 => isSigned ? *(int*)source : *(uint*)source,
        8 => *(long*)source,
        2 => isSigned ? *(short*)source : *(ushort*)source,
        _ => isSigned ? *(sbyte*)source : *source,
    };
}

/// <summary>st, of one to four elements.</summary>
internal sealed unsafe class Store(Place place, Slot[] sources, bool isWide, int elementBytes, bool isStrong) : MemoryStep(place)
{
    private readonly bool _canBeStraight = elementBytes == (isWide ? 8 : 4) && !isStrong && place.Space is not (StateSpace.Local or StateSpace.Generic);

    protected override string What => "writes";

    public override void Execute(Warp warp, uint mask)
    {
        Count(warp, mask, true);
        if (mask == Lanes.All && _canBeStraight && Straight(warp)) return;
        var addresses = Place.Address.At(warp);
        var bytes = Place.Bytes;
        var buffer = stackalloc byte[32];
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            var address = AddressOf(addresses, lane);
            var region = Resolve(warp, lane, address, out var offset, out var floor);
            for (var e = 0; e < sources.Length; e++)
            {
                var lanes = sources[e].At(warp);
                var value = isWide ? ((ulong*)lanes)[lane] : ((uint*)lanes)[lane];
                *(ulong*)(buffer + e * elementBytes) = value;
            }

            var target = region.Host + offset;
            var cells = CellsOf(region, elementBytes);
            if (cells is not null)
            {
                var isSame = new ReadOnlySpan<byte>(buffer, bytes).SequenceEqual(new ReadOnlySpan<byte>(target, bytes));
                Stamps.Write(warp, this, lane, region, cells, floor, offset, bytes, isStrong, isSame);
            }

            MarkWritten(warp, lane, region, offset, bytes);
            new ReadOnlySpan<byte>(buffer, bytes).CopyTo(new Span<byte>(target, bytes));
        }
    }

    private bool Straight(Warp warp)
    {
        var addresses = Place.Address.At(warp);
        var bytes = Place.Bytes;
        if (!StraightAccess.IsStepped(addresses, Place.IsWide, (uint)bytes)) return false;
        var address = AddressOf(addresses, 0);
        var region = Resolve(warp, 0, address, out var offset, out var floor);
        if (region.IsReadOnly || !region.Holds(address, 32 * bytes) || !StraightAccess.IsWritable(region.States + offset, 32 * bytes)) return false;
        if (region.Cells is not { Shift: 2 } cells) return false;
        var at = offset >> 2;
        if (!StraightAccess.MayWrite(warp, cells.Writers + at, cells.Readers + at, floor, bytes / 4)) return false;
        StraightAccess.Mark(warp, cells.Writers + at, bytes / 4);
        new Span<byte>(region.States + offset, 32 * bytes).Fill(ByteState.Written);
        var target = region.Host + offset;
        var count = sources.Length;
        for (var e = 0; e < count; e++)
        {
            var lanes = sources[e].At(warp);
            if (count == 1) Buffer.MemoryCopy(lanes, target, 32 * bytes, 32 * bytes);
            else if (isWide) Scatter((ulong*)lanes, (ulong*)target + e, count);
            else Scatter((uint*)lanes, (uint*)target + e, count);
        }

        return true;
    }

    private static void Scatter<T>(T* lanes, T* target, int step) where T : unmanaged
    {
        for (var lane = 0; lane < 32; lane++) target[lane * step] = lanes[lane];
    }
}
