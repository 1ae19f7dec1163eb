using System.CommandLine;
using System.Globalization;
using Edifice.Bench.Launch;
using Edifice.Bench.Measure;
using Edifice.Bench.Suites;
using Edifice.Engine.Cpu;

if (StandardLibraryShim.RestartIfNeeded(args) is { } code) return code;

var suites = new Dictionary<string, Func<IEnumerable<Row>>> { ["tiny"] = TinyOps.Run, ["gemm"] = MatrixProducts.Run };
var which = new Argument<string>("suite") { DefaultValueFactory = _ => "all", Description = $"all, {string.Join(", ", suites.Keys)}" };
which.AcceptOnlyFromAmong(["all", .. suites.Keys]);
var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 1, Description = "threads for both engines" };
var root = new RootCommand("Edifice beside libtorch, in one process") { which, threads };
root.SetAction(parsed =>
{
    CpuBackend.Threads = parsed.GetValue(threads);
    TorchSharp.torch.set_num_threads(parsed.GetValue(threads));
    Console.WriteLine($"{CpuBackend.InstructionSet}, {parsed.GetValue(threads)} thread(s), libtorch {TorchSharp.torch.__version__}");
    Console.WriteLine("name\tours_ms\tlibtorch_ms\tratio\tmax_diff");
    foreach (var (name, run) in suites)
        if (parsed.GetValue(which) is "all" || parsed.GetValue(which) == name)
            foreach (var row in run())
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{row.Name}\t{row.OursMs:G4}\t{row.LibtorchMs:G4}\t{row.Ratio:F2}\t{row.MaxDiff:G3}"));
});
return root.Parse(args).Invoke();
