using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Edifice.Bench.Launch;
using Edifice.Bench.Libtorch;
using Edifice.Bench.Measure;
using Edifice.Engine;
using Edifice.Engine.Cpu;

namespace Edifice.Bench.Suites;

/// <summary>The most resident memory that training takes on top of what the process held before the model was built, for each block by each
/// engine in a process of its own.</summary>
internal static class StepMemory
{
    /// <summary>The hidden argument with which the program measures one engine and prints the result.</summary>
    public const string ChildArgument = "measure-memory";

    private const int Steps = 4, WarmUpLength = 256;
    private const double Megabyte = 1 << 20;

    private sealed record Reading(double PeakMegabytes, double PoolMegabytes);

    public static IEnumerable<Row> Run(Session session)
    {
        foreach (var (batch, length) in BlockSteps.Shapes)
            foreach (var c in BlockCase.All)
            {
                var name = $"{c.Name} peak memory of training, {batch} x {length} x {BlockCase.Width}";
                if (!session.Pair.Wants(name)) continue;
                var ours = InChild(c, batch, length, session.Threads, libtorch: false);
                var libtorch = c.Twin is null ? null : InChild(c, batch, length, session.Threads, libtorch: true);
                yield return new Row(name, ours.PeakMegabytes, libtorch?.PeakMegabytes ?? double.NaN, double.NaN, double.NaN)
                {
                    Unit = "MB",
                    Libtorch = string.Create(CultureInfo.InvariantCulture, $"tensors of ours alone {ours.PoolMegabytes:F0} MB"),
                };
            }
    }

    /// <summary>What a child does: <c>measure-memory CASE BATCH LENGTH THREADS ours|libtorch</c>.</summary>
    /// <returns>The exit code.</returns>
    public static int Child(string[] args)
    {
        var c = BlockCase.All.Single(b => b.Name == args[1]);
        int batch = Number(args[2]), length = Number(args[3]), threads = Number(args[4]);
        var libtorch = args[5] == "libtorch";
        CpuBackend.Threads = threads;
        TorchSharp.torch.set_num_threads(threads);

        // Code, thread stacks and tables are there before the reading begins: it is of the model and its steps.
        Repeat(Prepared(c, 1, WarmUpLength, libtorch));
        Tidy();
        var before = Resident("VmRSS");
        var step = Prepared(c, batch, length, libtorch);
        Tidy();
        ResetPeak();
        CpuBackend.ResetPeakMemory();
        Repeat(step);
        var reading = new Reading((Resident("VmHWM") - before) / Megabyte, CpuBackend.MemoryStatistics.PeakLiveBytes / Megabyte);
        Console.WriteLine(JsonSerializer.Serialize(reading));
        return 0;
    }

    /// <summary>A training step of one engine; what the other one needs is not made, or gone.</summary>
    private static Action Prepared(BlockCase c, int batch, int length, bool libtorch)
    {
        var block = c.Build();
        if (!libtorch)
        {
            var (input, goal) = c.Data(block, batch, length);
            return new Measure.TrainingStep(block, input, goal).Run;
        }

        using var scope = Tensor.Scope();
        var (x, target) = c.Data(block, batch, length);
        var step = new Libtorch.TrainingStep(c.Twin!(block), x.Twin(), target.Twin(), Measure.TrainingStep.Rate, Measure.TrainingStep.Decay);
        foreach (var p in block.Parameters()) p.Value.Dispose();
        return step.Run;
    }

    private static void Repeat(Action step)
    {
        for (var i = 0; i < Steps; i++) step();
    }

    private static void Tidy()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        CpuBackend.ReleaseCachedMemory();
        _ = Trim(0);
    }

    /// <summary>Gives what the C library holds free, and libtorch allocates from, back to the system.</summary>
    [DllImport("libc", EntryPoint = "malloc_trim")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Trim(nuint keep);

    private static Reading InChild(BlockCase c, int batch, int length, int threads, bool libtorch) => JsonSerializer.Deserialize<Reading>(
        OwnProcess.Output(ChildArgument, c.Name, Text(batch), Text(length), Text(threads), libtorch ? "libtorch" : "ours"))!;

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static string Text(int n) => n.ToString(CultureInfo.InvariantCulture);

    /// <summary>A line of the kernel's report on this process, in bytes.</summary>
    private static double Resident(string line) =>
        1024.0 * long.Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith($"{line}:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);

    /// <summary>Makes the kernel's high-water mark begin anew (proc(5), clear_refs).</summary>
    private static void ResetPeak() => File.WriteAllText("/proc/self/clear_refs", "5");
}
