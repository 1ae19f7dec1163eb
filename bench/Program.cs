using System.CommandLine;
using System.Globalization;
using Edifice.Bench.Launch;
using Edifice.Bench.Libtorch;
using Edifice.Bench.Measure;
using Edifice.Bench.Output;
using Edifice.Bench.Suites;
using Edifice.Engine.Cpu;

if (FirstResult.RunIfAsked(args) is { } done) return done;
if (StandardLibraryShim.RestartIfNeeded(args) is { } code) return code;
if (args is [StepMemory.ChildArgument, ..]) return StepMemory.Child(args);

var suites = new (string Name, Func<Session, IEnumerable<Row>> Run)[]
{
    ("tiny", TinyOps.Run), ("gemm", MatrixProducts.Run), ("ops", Operations.Run), ("attention", AttentionKernels.Run),
    ("fft", Fourier.Run), ("recurrence", Recurrences.Run), (BlockSteps.SuiteName, BlockSteps.Run), ("memory", StepMemory.Run),
    ("stream", StreamingSteps.Run), ("scaling", Scaling.Run), ("startup", Startup.Run),
};
if (args is [RowProcess.ChildArgument, ..])
{
    var (suite, session) = RowProcess.Asked(args);
    UseThreads(session.Threads);
    RowProcess.Print(suites.Single(s => s.Name == suite).Run(session).Single(r => !r.IsLeftOut));
    return 0;
}

var which = new Argument<string[]>("suite") { DefaultValueFactory = _ => ["all"], Description = $"all, or some of {string.Join(", ", suites.Select(s => s.Name))}" };
which.AcceptOnlyFromAmong(["all", .. suites.Select(s => s.Name)]);
var threads = new Option<int>("--threads") { DefaultValueFactory = _ => Environment.ProcessorCount, Description = "threads for both engines (default: all processors)" };
var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 11, Description = "interleaved rounds whose median counts" };
var filter = new Option<string>("--rows") { DefaultValueFactory = _ => "", Description = "measure only rows whose name contains this" };
var file = new Option<string?>("--json") { Description = "write the rows to this file" };
var markdown = new Option<string?>("--markdown") { Description = "write the tables of the suite scaling to this file instead of the console" };
var plot = new Option<string?>("--plot") { Description = "draw the ratios into this PNG" };
var earlier = new Option<string[]>("--from") { AllowMultipleArgumentsPerToken = true, Description = "draw the rows of these files of earlier runs into the PNG and measure nothing" };
var root = new RootCommand("Edifice beside libtorch, in one process: the same data, the same threads, in turn") { which, threads, rounds, filter, file, markdown, plot, earlier };
earlier.Validators.Add(result =>
{
    if (result.GetResult(plot) is null) result.AddError("--from draws a picture: say where with --plot FILE");
});
root.SetAction(parsed =>
{
    if (parsed.GetValue(earlier) is { Length: > 0 } files)
    {
        var results = files.Select(ResultFile.Read).ToArray();
        RatioPlot.Write(parsed.GetRequiredValue(plot)!, results[0].Machine, [.. results.SelectMany(r => r.Rows)]);
        return 0;
    }

    var n = parsed.GetValue(threads);
    UseThreads(n);
    var limits = MachineLimits.Measure(n);
    var session = new Session(n, limits, new Pair(limits, n, parsed.GetValue(rounds), parsed.GetValue(filter)!));
    string machine = $"{Processor.Name()}, {CpuBackend.InstructionSet}", libtorch = Library.Describe();
    Console.WriteLine($"{machine}, {n} thread(s) | {libtorch}");
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"limits: {limits.SinglePeak / 1e9:F0} GFLOP/s float, {limits.DoublePeak / 1e9:F0} double, {limits.CopyBandwidth / 1e9:F1} GB/s read and written by a copy, {limits.ReadBandwidth / 1e9:F1} read where 6 MiB are read again"));
    ResultTable.Header();
    var rows = new List<Row>();
    var chosen = parsed.GetValue(which)!;
    foreach (var (name, run) in suites)
        if (chosen.Contains("all") || chosen.Contains(name))
            foreach (var row in run(session))
            {
                if (row.IsLeftOut) continue;
                ResultTable.Print(row);
                rows.Add(row);
            }

    if (parsed.GetValue(markdown) is { } document) File.WriteAllLines(document, session.Tables);
    else session.Tables.ForEach(Console.WriteLine);
    if (parsed.GetValue(file) is { } path) ResultFile.Write(path, machine, libtorch, session, rows);
    if (parsed.GetValue(plot) is { } picture) RatioPlot.Write(picture, $"{Processor.Name()}, {n} thread(s)", rows);
    return rows.All(r => r.Agrees) ? 0 : 1;
});
return root.Parse(args).Invoke();

static void UseThreads(int threads)
{
    CpuBackend.Threads = threads;
    TorchSharp.torch.set_num_threads(threads);
}
