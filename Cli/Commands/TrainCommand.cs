using System.CommandLine;
using System.Globalization;
using Edifice.Attention;
using Edifice.Cli.Output;
using Edifice.Cli.Training;
using Edifice.Engine;
using Edifice.Engine.Cpu;

namespace Edifice.Cli.Commands;

/// <summary><c>edifice train</c>: trains a block on a task or a text file, saves as it goes, resumes.</summary>
internal static class TrainCommand
{
    public static Command Build()
    {
        var run = new RunOptions();
        var block = new Option<string?>("--block") { Description = "which block" };
        var output = new Option<string?>("--out") { Description = "folder for metrics.csv, the loss curve, config.json and model.safetensors" };
        var resume = new Option<string?>("--resume") { Description = "continue the run in this folder" };
        var json = new Option<bool>("--json") { Description = "print the result as JSON" };
        var command = new Command("train", "train a block on a task or as a byte-level language model") { block, output, resume, json };
        run.AddTo(command);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(run.Threads) is { } threads) CpuBackend.Threads = threads;
            if (parsed.GetValue(resume) is { } folder)
            {
                if (parsed.GetValue(block) is not null) throw new TensorException("--resume continues a run as it was begun: leave out --block and its options");
                return Run(RunConfig.Read(folder), folder, resume: true, parsed.GetValue(json));
            }

            var name = parsed.GetValue(block) ?? throw new TensorException("train needs --block NAME (edifice blocks lists them), or --resume DIR");
            var config = run.Configure(parsed, name);
            return Run(config, parsed.GetValue(output), resume: false, parsed.GetValue(json));
        });
        return command;
    }

    private static int Run(RunConfig config, string? folder, bool resume, bool asJson)
    {
        var task = config.BuildTask();
        var model = ModelFactory.Build(config, task);
        if (folder is not null)
        {
            Directory.CreateDirectory(folder);
            if (!resume) config.Write(Path.Combine(folder, TextModel.ConfigName));
        }

        var trainer = new Trainer(config, task, model, folder);
        if (resume && File.Exists(Trainer.CheckpointIn(folder!))) trainer.Resume();
        var accuracy = Trainer.ScoresAccuracy(task);
        var score = accuracy ? "accuracy" : "bits_per_byte";
        var log = folder is null ? null : new MetricsLog(Path.Combine(folder, "metrics.csv"), score, trainer.Step);
        if (!asJson)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{config.Block} on {(config.Text ?? task.Name)}: {model.Module.ParameterCount:N0} parameters, {config.Steps} steps of {config.BatchSize} x {task.Length} tokens{(resume ? $", resumed at step {trainer.Step}" : "")}"));
        using var stop = new CancellationTokenSource();
        ConsoleCancelEventHandler onCancel = (_, e) =>
        {
            e.Cancel = true;
            stop.Cancel();
        };
        Console.CancelKeyPress += onCancel;
        Outcome outcome;
        try
        {
            outcome = ProgressDisplay.Show(accuracy, asJson, report => trainer.Run(log, report, stop.Token));
        }
        finally
        {
            Console.CancelKeyPress -= onCancel;
        }

        if (folder is not null && log!.Rows.Count > 0) Plot(Path.Combine(folder, "loss.png"), config, log.Rows);
        Report(config, outcome, accuracy, folder, asJson);
        return CommandTree.Done;
    }

    private static void Report(RunConfig config, Outcome outcome, bool accuracy, string? folder, bool asJson)
    {
        if (asJson)
        {
            JsonOut.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("block", config.Block);
                json.WriteNumber("step", outcome.Step);
                json.WriteBoolean("finished", outcome.Finished);
                json.Number("eval_loss", outcome.EvalLoss);
                json.Number(accuracy ? "accuracy" : "bits_per_byte", outcome.Score);
                json.Number("step_ms", outcome.StepMilliseconds);
                json.WriteEndObject();
            });
            return;
        }

        Console.WriteLine(accuracy
            ? string.Create(CultureInfo.InvariantCulture, $"step {outcome.Step}: accuracy {outcome.Score:P2} on unseen sequences, loss {outcome.EvalLoss:F4}")
            : string.Create(CultureInfo.InvariantCulture, $"step {outcome.Step}: {outcome.Score:F2} bits per byte on held-out text"));
        if (!outcome.Finished)
            Console.WriteLine(folder is null
                ? "stopped; without --out nothing was saved"
                : $"stopped and saved; go on with: edifice train --resume {folder}");
    }

    private static void Plot(string path, RunConfig config, IReadOnlyList<MetricsRow> rows)
    {
        var steps = rows.Select(r => (double)r.Step).ToArray();
        Plots.Curves(path, $"{config.Block} on {config.Task ?? Path.GetFileName(config.Text)}", "loss (nats per answer)",
            [("training", steps, rows.Select(r => r.TrainLoss).ToArray()), ("unseen", steps, rows.Select(r => r.EvalLoss).ToArray())]);
    }
}
