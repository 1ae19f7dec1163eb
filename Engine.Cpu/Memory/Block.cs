namespace Edifice.Engine.Cpu.Memory;

/// <summary>A piece of native memory handed out by a <see cref="BlockPool"/>; whoever rents it returns it exactly once.</summary>
/// <param name="Start">First byte of the block.</param>
/// <param name="Length">Bytes asked for.</param>
/// <param name="Class">The block's <see cref="SizeClass"/>.</param>
/// <param name="Guarded">The block was rented in debug mode.</param>
internal readonly unsafe struct Block(byte* Start, long Length, int Class, bool Guarded)
{
    public readonly byte* Start = Start;
    public readonly long Length = Length;
    public readonly int Class = Class;
    public readonly bool Guarded = Guarded;

    /// <summary>First byte for the renter, 64-byte aligned.</summary>
    public byte* Data => Guarded ? Start + MemoryGuard.Width : Start;
}
