namespace Edifice.Engine.Cpu.Memory;

/// <summary>What the debug mode writes into and around a buffer, and how it finds that somebody else wrote there.</summary>
/// <remarks>A guarded block is [64 guard bytes][payload][guard bytes to the end of the block, at least 64]. Fresh payload is
/// all ones (a NaN in every floating type, -1 in the integers); a freed block is filled with a word that is another NaN, and
/// is looked through when it is handed out again.</remarks>
internal static unsafe class MemoryGuard
{
    /// <summary>Guard bytes before the payload, and the least number after it; keeps the payload 64-byte aligned.</summary>
    public const int Width = 64;

    private const byte GuardByte = 0xA5;
    private const byte FreshByte = 0xFF;
    private const uint FreedWord = 0xFFF0_DEAD;
    private const int Chunk = 1 << 30; // what a span holds, at most

    /// <summary>Prepares a block for its payload.</summary>
    public static void Enter(in Block block)
    {
        var blockBytes = SizeClass.Bytes(block.Class);
        Fill(block.Start, Width, GuardByte);
        Fill(block.Data, block.Length, FreshByte);
        var end = block.Data + block.Length;
        Fill(end, block.Start + blockBytes - end, GuardByte);
    }

    /// <summary>Looks at the guards and fills the block with the freed pattern.</summary>
    /// <returns>What was found, or null.</returns>
    public static string? Leave(in Block block)
    {
        var blockBytes = SizeClass.Bytes(block.Class);
        var end = block.Data + block.Length;
        var problem = FindDamage(block.Start, Width, block, "before its first byte")
            ?? FindDamage(end, block.Start + blockBytes - end, block, "past its last byte");
        for (long at = 0; at < blockBytes; at += Chunk)
            new Span<uint>(block.Start + at, (int)(Math.Min(Chunk, blockBytes - at) / sizeof(uint))).Fill(FreedWord);
        return problem;
    }

    /// <summary>Looks for writes to a block since it was freed.</summary>
    public static string? FindWriteAfterFree(byte* start, long blockBytes)
    {
        for (long at = 0; at < blockBytes; at += Chunk)
        {
            var words = new ReadOnlySpan<uint>(start + at, (int)(Math.Min(Chunk, blockBytes - at) / sizeof(uint)));
            var found = words.IndexOfAnyExcept(FreedWord);
            if (found >= 0)
                return $"memory was written after it was freed: byte {at + found * sizeof(uint)} of a block of {blockBytes} bytes holds "
                    + $"0x{words[found]:X8} instead of the freed pattern. Something kept a pointer or a span beyond its tensor's life";
        }

        return null;
    }

    private static string? FindDamage(byte* guard, long length, in Block block, string where)
    {
        for (long at = 0; at < length; at += Chunk)
        {
            var bytes = new ReadOnlySpan<byte>(guard + at, (int)Math.Min(Chunk, length - at));
            var found = bytes.IndexOfAnyExcept(GuardByte);
            if (found >= 0)
                return $"a buffer of {block.Length} bytes was written {where}: byte {guard + at + found - block.Data} (counted from its start) holds "
                    + $"0x{bytes[found]:X2} instead of the guard 0x{GuardByte:X2}. A kernel or a span user ran out of bounds";
        }

        return null;
    }

    private static void Fill(byte* start, long length, byte value)
    {
        for (; length > 0; start += Chunk, length -= Chunk) new Span<byte>(start, (int)Math.Min(length, Chunk)).Fill(value);
    }
}
