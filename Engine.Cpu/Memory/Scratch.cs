using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edifice.Engine.Cpu.Memory;

/// <summary>Working memory of a kernel for the length of one call: 64-byte aligned, uninitialised, of the calling thread.</summary>
/// <remarks>Each thread keeps one block and hands it out in stack order (<c>using var s = Scratch.Take(…)</c>; the last
/// taken is given back first), so that kernels which call kernels do not meet and steady work allocates nothing. Other
/// threads may use the memory while its owner waits for them.</remarks>
internal unsafe ref struct Scratch
{
    private const nuint Alignment = 64;

    [ThreadStatic] private static Block? s_block;

    private readonly Block _block;
    private readonly long _bytes;
    private readonly bool _spilled;

    private Scratch(Block block, long bytes)
    {
        _block = block;
        _bytes = bytes;
        if (block.Used + bytes <= block.Capacity)
        {
            Pointer = block.Memory + block.Used;
        }
        else if (block.Used == 0)
        {
            block.Grow(bytes);
            Pointer = block.Memory;
        }
        else
        {
            // Memory in use cannot move: this one comes from elsewhere, and the block grows once it is idle.
            Pointer = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
            _spilled = true;
        }

        block.Used += bytes;
        block.Peak = Math.Max(block.Peak, block.Used);
    }

    /// <summary>The first byte.</summary>
    public byte* Pointer { get; }

    /// <summary>Takes memory from the calling thread's block.</summary>
    public static Scratch Take(long bytes) =>
        new(s_block ??= new Block(), (Math.Max(bytes, 1) + (long)Alignment - 1) & -(long)Alignment);

    /// <summary>Takes memory for <paramref name="count"/> elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Scratch Take<T>(long count) where T : unmanaged => Take(checked(count * sizeof(T)));

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        if (_spilled) NativeMemory.AlignedFree(Pointer);
        _block.Used -= _bytes;
        if (_block.Used == 0 && _block.Peak > _block.Capacity) _block.Grow(_block.Peak);
    }

    private sealed class Block
    {
        public byte* Memory { get; private set; }

        public long Capacity { get; private set; }

        /// <summary>Bytes handed out, those beyond the block included.</summary>
        public long Used { get; set; }

        /// <summary>The most bytes ever out at once.</summary>
        public long Peak { get; set; }

        public void Grow(long bytes)
        {
            NativeMemory.AlignedFree(Memory);
            Memory = null;
            Capacity = 0;
            Memory = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
            Capacity = bytes;
        }

        ~Block() => NativeMemory.AlignedFree(Memory);
    }
}
