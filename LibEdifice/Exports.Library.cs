using System.Runtime.InteropServices;
using Edifice.Engine.Cpu;

namespace Edifice.C;

/// <summary>The functions of <c>edifice.h</c>; what each does is said there. None lets an exception out: it would end the
/// process.</summary>
internal static unsafe partial class Exports
{
    private const int MostThreads = 1024;

    [UnmanagedCallersOnly(EntryPoint = "edifice_api_version")]
    public static int ApiVersion() => 1;

    [UnmanagedCallersOnly(EntryPoint = "edifice_version")]
    public static byte* Version() => Constants.Version.Pointer;

    [UnmanagedCallersOnly(EntryPoint = "edifice_instruction_set")]
    public static byte* InstructionSet() => Constants.InstructionSet.Pointer;

    [UnmanagedCallersOnly(EntryPoint = "edifice_status_name")]
    public static byte* StatusName(int status) =>
        ((uint)status < (uint)Constants.StatusNames.Length ? Constants.StatusNames[status] : Constants.NoStatus).Pointer;

    [UnmanagedCallersOnly(EntryPoint = "edifice_last_error")]
    public static byte* LastErrorText() => LastError.Text;

    [UnmanagedCallersOnly(EntryPoint = "edifice_get_threads")]
    public static Status GetThreads(int* threads) => LastError.Guard(() =>
    {
        Buffers.NotNull(threads, "threads");
        *threads = CpuBackend.Threads;
    });

    [UnmanagedCallersOnly(EntryPoint = "edifice_set_threads")]
    public static Status SetThreads(int threads) => LastError.Guard(() =>
    {
        Buffers.InRange("the number of threads", threads, 1, MostThreads);
        CpuBackend.Threads = threads;
    });
}
