using System.Runtime.InteropServices;

namespace Edifice.Engine.Cpu.Memory;

/// <summary>Memory from the operating system, 64-byte aligned.</summary>
/// <remarks>Blocks of several megabytes ask for huge pages where Linux leaves the choice to the program: the first touch
/// of fresh memory costs a quarter (0.1 instead of 0.4 ms per MiB measured) and streaming gains 10 to 15%.</remarks>
internal static unsafe partial class SystemMemory
{
    public const int Alignment = 64;
    private const nuint HugePage = 2 << 20;
    private const int AdviseHugePage = 14; // MADV_HUGEPAGE of Linux, madvise(2)

    private static bool s_hugePages = OperatingSystem.IsLinux();

    /// <summary>Allocates, or returns null when the system has no such amount.</summary>
    public static byte* TryAllocate(long bytes)
    {
        var huge = s_hugePages && bytes >= 2 * (long)HugePage;
        void* memory;
        try
        {
            memory = NativeMemory.AlignedAlloc((nuint)bytes, huge ? HugePage : Alignment);
        }
        catch (OutOfMemoryException)
        {
            return null;
        }

        if (huge) AskForHugePages(memory, (nuint)bytes);
        return (byte*)memory;
    }

    public static void Free(byte* memory) => NativeMemory.AlignedFree(memory);

    private static void AskForHugePages(void* memory, nuint bytes)
    {
        try
        {
            // A refusal (a kernel built without huge pages) changes nothing but speed.
            _ = MemoryAdvise(memory, bytes, AdviseHugePage);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            s_hugePages = false;
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MemoryAdvise(void* address, nuint length, int advice);
}
