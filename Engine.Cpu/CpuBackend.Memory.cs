using Edifice.Engine.Cpu.Memory;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <summary>What the native memory pool holds now.</summary>
    public static MemoryStatistics MemoryStatistics => BlockPool.Shared.Statistics;

    /// <summary>Finds memory errors: guard words around every buffer are checked when it is freed, fresh and freed memory
    /// is filled with (different) NaNs, freed memory is checked for later writes. Off by default; about two passes over
    /// every buffer when on. Buffers that exist at the time of switching keep the mode they were made in.</summary>
    /// <remarks>A damaged guard throws <see cref="TensorException"/> from the Dispose that frees the buffer, or from the
    /// next allocation when the garbage collector freed it.</remarks>
    public static bool DebugMemory
    {
        get => BlockPool.Shared.Debug;
        set => BlockPool.Shared.Debug = value;
    }

    /// <summary>The most native bytes (live and cached together) tensors may take; an allocation beyond it frees the cache,
    /// collects, and then throws <see cref="TensorException"/>. Without a limit by default.</summary>
    public static long MemoryLimit
    {
        get => BlockPool.Shared.Limit;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            BlockPool.Shared.Limit = value;
        }
    }

    /// <summary>Starts measuring <see cref="MemoryStatistics.PeakLiveBytes"/> anew, from what is live now.</summary>
    public static void ResetPeakMemory() => BlockPool.Shared.ResetPeak();

    /// <summary>Gives cached memory back to the operating system. Worth calling only before a long idle time.</summary>
    public static void ReleaseCachedMemory() => BlockPool.Shared.ReleaseCache();
}
