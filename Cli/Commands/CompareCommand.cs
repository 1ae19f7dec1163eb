using System.CommandLine;
using System.Globalization;
using Edifice.Attention;
using Edifice.Cli.Output;
using Edifice.Cli.Training;
using Edifice.Engine;
using Edifice.Engine.Cpu;

namespace Edifice.Cli.Commands;

/// <summary><c>edifice compare</c>: trains several blocks on one task under one budget and sets the results side by side.</summary>
internal static class CompareCommand
{
    private sealed record Result(string Block, long Parameters, double Score, double Loss, double StepMilliseconds, long PeakBytes, string? Refusal);

    public static Command Build()
    {
        var run = new RunOptions();
        var blocks = new Option<string>("--blocks") { DefaultValueFactory = _ => "all", Description = "a,b,c or all" };
        var output = new Option<string?>("--out") { Description = "folder for the table and the plot" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("compare", "train several blocks under one budget, side by side") { blocks, output, json };
        run.AddTo(command);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(run.Threads) is { } threads) CpuBackend.Threads = threads;
            var names = parsed.GetValue(blocks) == "all"
                ? Blocks.All.Select(b => b.Name).ToArray()
                : parsed.GetValue(blocks)!.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            foreach (var name in names) _ = Blocks.Find(name);
            var results = names.Select(name => TrainOne(name, run.Configure(parsed, name), parsed.GetValue(json))).ToList();
            return Report(results, parsed.GetValue(run.Task) ?? "text", parsed.GetValue(output), parsed.GetValue(json));
        });
        return command;
    }

    private static Result TrainOne(string name, RunConfig config, bool quiet)
    {
        var task = config.BuildTask();
        TrainedModel model;
        try
        {
            model = ModelFactory.Build(config, task);
        }
        catch (TensorException e)
        {
            return new Result(name, 0, double.NaN, double.NaN, double.NaN, 0, e.Message);
        }

        if (!quiet) Console.WriteLine($"{name}: {model.Module.ParameterCount:N0} parameters");
        GC.Collect();
        GC.WaitForPendingFinalizers();
        CpuBackend.ResetPeakMemory();
        var before = CpuBackend.MemoryStatistics.LiveBytes;
        var outcome = ProgressDisplay.Show(Trainer.ScoresAccuracy(task), quiet, report => new Trainer(config, task, model, null).Run(null, report, default));
        return new Result(name, model.Module.ParameterCount, outcome.Score, outcome.EvalLoss, outcome.StepMilliseconds,
            CpuBackend.MemoryStatistics.PeakLiveBytes - before, null);
    }

    private static int Report(List<Result> results, string task, string? folder, bool asJson)
    {
        var score = task == "text" ? "bits per byte" : "accuracy";
        if (asJson)
        {
            JsonOut.Write(json =>
            {
                json.WriteStartArray();
                foreach (var r in results)
                {
                    json.WriteStartObject();
                    json.WriteString("block", r.Block);
                    if (r.Refusal is { } refusal) json.WriteString("refused", refusal);
                    json.WriteNumber("parameters", r.Parameters);
                    json.Number("score", r.Score);
                    json.Number("loss", r.Loss);
                    json.Number("step_ms", r.StepMilliseconds);
                    json.WriteNumber("peak_bytes", r.PeakBytes);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
            });
        }
        else
        {
            Terminal.Table(["block", score, "loss", "parameters", "ms per step", "peak MB"], results.Select(r => r.Refusal is null
                ? [r.Block, Score(r.Score, task), Number(r.Loss, "F4"), r.Parameters.ToString("N0", CultureInfo.InvariantCulture), Number(r.StepMilliseconds, "F1"), Number(r.PeakBytes / 1e6, "F1")]
                : new[] { r.Block, "-", "-", "-", "-", "-" }));
            foreach (var r in results)
                if (r.Refusal is { } refusal) Console.WriteLine($"{r.Block}: {refusal}");
        }

        if (folder is not null)
        {
            Directory.CreateDirectory(folder);
            File.WriteAllLines(Path.Combine(folder, $"compare-{task}.csv"),
            [
                $"block,{score.Replace(' ', '_')},loss,parameters,step_ms,peak_bytes",
                .. results.Where(r => r.Refusal is null).Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.Block},{r.Score:G6},{r.Loss:G6},{r.Parameters},{r.StepMilliseconds:G4},{r.PeakBytes}")),
            ]);
            Plots.Bars(Path.Combine(folder, $"compare-{task}.png"), $"{task}: {score}", score, [.. results.Where(r => r.Refusal is null).Select(r => (r.Block, r.Score))]);
        }

        return CommandTree.Done;
    }

    private static string Score(double value, string task) => Number(value, task == "text" ? "F3" : "P1");

    private static string Number(double value, string format) => double.IsNaN(value) ? "-" : value.ToString(format, CultureInfo.InvariantCulture);
}
