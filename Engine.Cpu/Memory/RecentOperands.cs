using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Memory;

/// <summary>Keeps the storages whose address a thread took last reachable.</summary>
/// <remarks>A kernel works on bare addresses of native memory, which the garbage collector does not see: without this,
/// a tensor whose last use is to be an operand could be finalized, and its memory handed to somebody else, while the kernel
/// still reads it. No kernel takes more operands than there are places here, so asking every kernel for GC.KeepAlive calls
/// (and finding the one that was forgotten) is not needed. A place costs a few nanoseconds to fill; what it keeps alive
/// needlessly is let go before the pool collects (<see cref="Clear"/>).</remarks>
internal static class RecentOperands
{
    /// <summary>How many storages a thread keeps; the largest kernel has fourteen operands.</summary>
    public const int Places = 32;

    [ThreadStatic] private static Ring? t_ring;

    /// <summary>A struct, so that filling a place is a plain store without the check of an array of a base type.</summary>
    private struct Place
    {
        public Storage? Storage;
    }

    private sealed class Ring
    {
        public readonly Place[] Places = new Place[RecentOperands.Places];
        public int Next;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Keep(Storage storage)
    {
        var ring = t_ring ?? Create();
        ring.Places[ring.Next++ & (Places - 1)].Storage = storage;
    }

    /// <summary>Lets go of the calling thread's operands. Only where no kernel is running on this thread.</summary>
    public static void Clear()
    {
        if (t_ring is { } ring) Array.Clear(ring.Places);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Ring Create() => t_ring = new Ring();
}
