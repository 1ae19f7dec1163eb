namespace PtxEmulator.Memory;

/// <summary>The card's memory: every allocation has four gibibytes of addresses to itself and begins one gibibyte into them, so
/// that an access beside it, on either side, is seen and can be named. Addresses come round again only after a million others.</summary>
internal sealed class GlobalMemory
{
    private const int SlotShift = 32;
    private const ulong Start = 1UL << 30;
    private const long Largest = 2L << 30;
    private readonly Region?[] _slots = new Region?[1 << 20];
    private readonly Lock _lock = new();
    private int _last;
    private long _count;

    public long LiveBytes { get; private set; }

    public int LiveCount { get; private set; }

    public Region Allocate(long bytes, bool isReadOnly = false)
    {
        if (bytes is <= 0 or > Largest) throw new ArgumentOutOfRangeException(nameof(bytes), bytes, $"an allocation has 1 to {Largest} bytes here");
        int slot;
        long number;
        lock (_lock)
        {
            do _last = _last + 1 < _slots.Length ? _last + 1 : 1;
            while (_slots[_last] is { IsFreed: false });
            slot = _last;
            number = ++_count;
            LiveBytes += bytes;
            LiveCount++;
            var region = new Region(((ulong)slot << SlotShift) + Start, bytes, true, $"allocation {number}") { IsReadOnly = isReadOnly };
            Volatile.Write(ref _slots[slot], region);
            return region;
        }
    }

    public void Free(ulong address)
    {
        lock (_lock)
        {
            var region = Find(address);
            if (region is null || region.Address != address) throw new ArgumentException($"0x{address:x} is not the start of an allocation", nameof(address));
            if (region.IsFreed) throw new ArgumentException($"{region.What} at 0x{address:x} is freed twice", nameof(address));
            region.Free();
            LiveBytes -= region.Length;
            LiveCount--;
        }
    }

    /// <summary>The allocation to whose addresses this one belongs, though it may lie beside it; null if there is none.</summary>
    public Region? Find(ulong address)
    {
        var slot = address >> SlotShift;
        return slot < (ulong)_slots.Length ? Volatile.Read(ref _slots[slot]) : null;
    }
}
