using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>An unsigned number in the order of the element it stands for, and where that element was.</summary>
internal struct SortEntry<TKey>(TKey key, int index)
{
    public TKey Key = key;
    public int Index = index;
}

/// <summary>How elements become unsigned numbers of the same order.</summary>
internal interface ISortKey<T, TKey>
{
    static abstract TKey Of(T value);
}

/// <summary>Orders of the sortable dtypes. Floats: the bits of negative numbers are inverted, of others the sign bit is
/// set, which orders them by value; -0 is made +0 first and every NaN becomes the largest key.</summary>
internal readonly struct SortKeys :
    ISortKey<float, uint>, ISortKey<double, ulong>, ISortKey<int, uint>, ISortKey<long, ulong>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Of(float value)
    {
        if (float.IsNaN(value)) return uint.MaxValue;
        var bits = BitConverter.SingleToUInt32Bits(value + 0f);
        return bits ^ ((uint)((int)bits >> 31) | 0x8000_0000);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(double value)
    {
        if (double.IsNaN(value)) return ulong.MaxValue;
        var bits = BitConverter.DoubleToUInt64Bits(value + 0d);
        return bits ^ ((ulong)((long)bits >> 63) | 0x8000_0000_0000_0000);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Of(int value) => (uint)value ^ 0x8000_0000;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(long value) => (ulong)value ^ 0x8000_0000_0000_0000;
}

/// <summary>A stable sort of (key, index) entries: insertion for a few, merging for some, radix for many.</summary>
internal static class StableSort
{
    private const int InsertionRun = 8;

    // Below, clearing and summing the digit counts costs more than the merge levels they save.
    private static int RadixFrom<TKey>() => 64 * Unsafe.SizeOf<TKey>();

    /// <summary>Sorts <paramref name="entries"/> ascending; <paramref name="spare"/> has the same length. The result is in
    /// the span returned: one of the two.</summary>
    public static Span<SortEntry<TKey>> Sort<TKey>(Span<SortEntry<TKey>> entries, Span<SortEntry<TKey>> spare)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        if (entries.Length >= RadixFrom<TKey>()) return Radix(entries, spare);
        for (var start = 0; start < entries.Length; start += InsertionRun)
            Insert(entries.Slice(start, Math.Min(InsertionRun, entries.Length - start)));
        for (var width = InsertionRun; width < entries.Length; width *= 2)
        {
            for (var start = 0; start < entries.Length; start += 2 * width)
            {
                var middle = Math.Min(start + width, entries.Length);
                var end = Math.Min(middle + width, entries.Length);
                Merge(entries[start..end], middle - start, spare[start..end]);
            }

            var sorted = spare;
            spare = entries;
            entries = sorted;
        }

        return entries;
    }

    private static void Insert<TKey>(Span<SortEntry<TKey>> entries) where TKey : unmanaged, IBinaryInteger<TKey>
    {
        for (var i = 1; i < entries.Length; i++)
        {
            var entry = entries[i];
            var at = i;
            for (; at > 0 && entry.Key < entries[at - 1].Key; at--) entries[at] = entries[at - 1];
            entries[at] = entry;
        }
    }

    /// <summary>Merges the sorted halves [0, middle) and [middle, end) of <paramref name="from"/>.</summary>
    private static void Merge<TKey>(ReadOnlySpan<SortEntry<TKey>> from, int middle, Span<SortEntry<TKey>> to)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        int left = 0, right = middle, i = 0;
        ref var entry = ref MemoryMarshal.GetReference(from);
        while (left < middle && right < from.Length)
        {
            // Which side comes next cannot be predicted: chosen by arithmetic, not by a jump.
            var takeRight = Unsafe.Add(ref entry, right).Key < Unsafe.Add(ref entry, left).Key;
            int fromRight = Unsafe.BitCast<bool, byte>(takeRight);
            to[i++] = Unsafe.Add(ref entry, left + ((right - left) & -fromRight));
            right += fromRight;
            left += 1 - fromRight;
        }

        from[left..middle].CopyTo(to[i..]);
        from[right..].CopyTo(to[(i + middle - left)..]);
    }

    /// <summary>Least significant byte first; bytes that all keys share are skipped.</summary>
    private static Span<SortEntry<TKey>> Radix<TKey>(Span<SortEntry<TKey>> entries, Span<SortEntry<TKey>> spare)
        where TKey : unmanaged, IBinaryInteger<TKey>
    {
        const int Digits = 256;
        var bytes = Unsafe.SizeOf<TKey>();
        Span<int> counts = stackalloc int[Digits * bytes];
        counts.Clear();
        foreach (ref readonly var entry in entries)
        {
            var key = ulong.CreateTruncating(entry.Key);
            for (var b = 0; b < bytes; b++) counts[b * Digits + (byte)(key >> 8 * b)]++;
        }

        for (var b = 0; b < bytes; b++)
        {
            var places = counts.Slice(b * Digits, Digits);
            var shift = 8 * b;
            if (places[(byte)(ulong.CreateTruncating(entries[0].Key) >> shift)] == entries.Length) continue;

            var sum = 0;
            for (var d = 0; d < Digits; d++) (places[d], sum) = (sum, sum + places[d]);
            ref var to = ref MemoryMarshal.GetReference(spare);
            foreach (ref readonly var entry in entries)
                Unsafe.Add(ref to, places[(byte)(ulong.CreateTruncating(entry.Key) >> shift)]++) = entry;

            var sorted = spare;
            spare = entries;
            entries = sorted;
        }

        return entries;
    }
}
