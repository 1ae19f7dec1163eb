using PtxEmulator.Checks;

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
    protected override string What => "reads";

    public override void Execute(Warp warp, uint mask)
    {
        var addresses = Place.Address.At(warp);
        var bytes = Place.Bytes;
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            var address = AddressOf(addresses, lane);
            var region = Resolve(warp, lane, address, out var offset, out var floor);
            RequireWritten(warp, lane, region, offset, bytes);
            var cells = CellsOf(region, elementBytes);
            if (cells is not null)
            {
                if (isNonCoherent && cells.Writers[offset >> cells.Shift] >= floor)
                {
                    throw warp.Finding(FindingKind.ReadOnlyMemory, this, lane, $"reads byte {offset} of {region.What} by .nc, which this launch has written");
                }

                Stamps.Read(warp, this, lane, region, cells, floor, offset, bytes, isStrong);
            }

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
    protected override string What => "writes";

    public override void Execute(Warp warp, uint mask)
    {
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
}
