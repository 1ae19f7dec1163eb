namespace Edifice.Engine.Cpu;

/// <summary>What the CPU backend's native memory pool holds. Buffers below 4 KiB are ordinary managed arrays and are not
/// counted (in <see cref="CpuBackend.DebugMemory"/> mode every buffer is native and counted).</summary>
/// <param name="LiveBytes">Bytes handed out and not yet returned, rounded up to block sizes.</param>
/// <param name="CachedBytes">Bytes waiting to be handed out again.</param>
/// <param name="LiveBlocks">Blocks handed out and not yet returned.</param>
/// <param name="PeakLiveBytes">The largest <paramref name="LiveBytes"/> so far.</param>
/// <param name="SystemAllocations">How often memory was asked from the operating system: constant in a steady state.</param>
/// <param name="Collections">How often the pool ran a garbage collection to find tensors that were dropped without
/// Dispose.</param>
public readonly record struct MemoryStatistics(
    long LiveBytes, long CachedBytes, long LiveBlocks, long PeakLiveBytes, long SystemAllocations, long Collections);
