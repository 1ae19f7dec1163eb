using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Edifice.Attention;
using Edifice.Cli.Tasks;
using Edifice.Cli.Training;
using Edifice.Engine;
using Edifice.Engine.Ops;
using Edifice.Nn;

namespace Edifice.Cli.Commands;

/// <summary>The options that <c>train</c> and <c>compare</c> share, and how they become a run's configuration.</summary>
internal sealed class RunOptions
{
    /// <summary>Settings that train in minutes on two cores, for the blocks that have them; the block's page has the published
    /// defaults. The recurrences run step by step, as the figures of docs/comparison.md were taken.</summary>
    private static readonly (string Name, string? Task, string Text)[] s_modelDefaults =
    [
        ("embed_dim", "64", "192"), ("hidden_size", "64", "192"), ("num_layers", "2", "4"), ("dropout", "0", "0.2"),
        ("rope", "false", "true"), ("position", "\"none\"", "\"rope\""), ("mode", "\"recurrent\"", "\"recurrent\""), ("state_expansion", null, "64"),
    ];

    public Option<string?> Task { get; } = new("--task") { Description = $"one of {string.Join(", ", TaskCatalog.Names)}" };

    public Option<string?> Text { get; } = new("--text") { Description = "a text file: next-byte prediction, the last 10% held out" };

    public Option<string[]> Options { get; } = new("--option") { Description = "k=v, an option of the block or of the task; repeatable", AllowMultipleArgumentsPerToken = true };

    public Option<int?> Steps { get; } = new("--steps") { Description = "training steps (default: 2,000 for a task, 1,000 for text)" };

    public Option<int?> Batch { get; } = new("--batch") { Description = "sequences per step (default: 64 for a task, 16 for text)" };

    public Option<int> Length { get; } = new("--length") { DefaultValueFactory = _ => 256, Description = "tokens per sequence of a text" };

    public Option<double?> Rate { get; } = new("--lr") { Description = "peak learning rate (default: 0.002)" };

    public Option<double?> WeightDecay { get; } = new("--weight-decay") { Description = "decay of the weights, times the learning rate (default: 0.1 for a task, 1 for text, which is learnt by heart otherwise)" };

    public Option<double?> Average { get; } = new("--average") { Description = "decay of the running average of the weights that is evaluated and saved beside them; 0: none (default: 0 for a task, 0.99 for text)" };

    public Option<int?> ShortConvolution { get; } = new("--short-conv") { Description = "positions seen by a causal convolution in front of the block, for mqar, copy and induction; 0: none (default: 3)" };

    public Option<string> PrecisionName { get; } = new("--precision")
    {
        DefaultValueFactory = _ => Precision.Full,
        Description = "type of the factors of matrix products while training: f32, bf16 or f16; sums, weights and evaluation are float32",
    };

    public Option<ulong> Seed { get; } = new("--seed") { Description = "seed of weights, data and dropout (default: 0)" };

    public Option<int?> EvaluateEvery { get; } = new("--eval-every") { Description = "steps between evaluations and checkpoints (default: a tenth of the run)" };

    public Option<int?> Threads { get; } = new("--threads") { Description = "threads (default: all processors)" };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[Task, Text, Options, Steps, Batch, Length, Rate, WeightDecay, Average, ShortConvolution, PrecisionName, Seed, EvaluateEvery, Threads]) command.Add(option);
    }

    /// <exception cref="TensorException">Options that contradict one another, or that neither the block nor the task has.</exception>
    public RunConfig Configure(ParseResult parsed, string block)
    {
        var info = Blocks.Find(block);
        string? task = parsed.GetValue(Task), text = parsed.GetValue(Text);
        if (task is null == text is null) throw new TensorException("give either --task NAME or --text FILE");
        if (task is not null && !TaskCatalog.Names.Contains(task))
            throw new TensorException($"unknown task '{task}'{NearestName.Hint(task, TaskCatalog.Names)}: {string.Join(", ", TaskCatalog.Names)}");
        var isText = text is not null;
        var length = isText ? parsed.GetValue(Length) : 0;
        if (isText && length < 1) throw new TensorException($"--length must be at least 1, got {length}");
        var blockOptions = OptionBag.Empty;
        foreach (var (name, forTask, forText) in s_modelDefaults)
            if ((isText ? forText : forTask) is { } value && info.Options.Rows.Any(o => o.Name == name)) blockOptions = blockOptions.With(name, value);
        // Rotations by distances that no training sequence has are rotations the model never learnt: a streamed text would fall apart
        // behind its first window.
        if (isText && info.Options.Rows.Any(o => o.Name == "window_size"))
            blockOptions = blockOptions.With("window_size", length.ToString(CultureInfo.InvariantCulture));
        // Its first attention layer is the third; with two layers it would be Hawk.
        if (!isText && block == "griffin") blockOptions = blockOptions.With("num_layers", "3");
        var taskOptions = OptionBag.Empty;
        foreach (var pair in parsed.GetValue(Options) ?? [])
        {
            var at = pair.IndexOf('=', StringComparison.Ordinal);
            if (at < 1) throw new TensorException($"--option needs k=v, got '{pair}'");
            string name = pair[..at], typed = pair[(at + 1)..];
            if (task is not null && TaskCatalog.HasOption(task, name)) taskOptions = taskOptions.With(name, AsJson(typed));
            else blockOptions = info.Options.With(blockOptions, name, typed);
        }

        var tokenByToken = task is not null && TaskCatalog.Build(task, taskOptions).Form == TaskForm.TokenByToken;
        if (parsed.GetValue(ShortConvolution) is { } taps)
        {
            if (!tokenByToken) throw new TensorException("--short-conv is for tasks that are answered token by token: mqar, copy and induction");
            if (taps < 0) throw new TensorException($"--short-conv must be at least 0, got {taps}");
        }

        var steps = parsed.GetValue(Steps) ?? (isText ? 1000 : 2000);
        var batch = parsed.GetValue(Batch) ?? (isText ? 16 : 64);
        var rate = parsed.GetValue(Rate) ?? 2e-3;
        if (steps < 1) throw new TensorException($"--steps must be at least 1, got {steps}");
        if (batch < 1) throw new TensorException($"--batch must be at least 1, got {batch}");
        if (!(rate > 0 && double.IsFinite(rate))) throw new TensorException($"--lr must be a positive number, got {rate}");
        var decay = parsed.GetValue(WeightDecay) ?? (isText ? 1 : 0.1);
        var average = parsed.GetValue(Average) ?? (isText ? 0.99 : 0);
        if (!(decay >= 0 && double.IsFinite(decay))) throw new TensorException($"--weight-decay must be a number from 0, got {decay}");
        if (!(average >= 0 && average < 1)) throw new TensorException($"--average must lie in [0, 1), got {average}");
        var every = parsed.GetValue(EvaluateEvery) ?? Math.Max(1, steps / 10);
        if (every < 1) throw new TensorException($"--eval-every must be at least 1, got {every}");
        var precision = parsed.GetValue(PrecisionName)!;
        _ = Precision.Parse(precision);
        return new RunConfig
        {
            Block = block,
            BlockOptions = info.Options.Write(info.Options.Read(blockOptions)).ToString(),
            Task = task,
            TaskOptions = taskOptions.ToString(),
            Text = text is null ? null : Path.GetFullPath(text),
            Length = length,
            ShortConvolution = parsed.GetValue(ShortConvolution) ?? (tokenByToken ? 3 : 0),
            Steps = steps,
            BatchSize = batch,
            LearningRate = rate,
            WarmupSteps = Math.Max(1, steps / 20),
            WeightDecay = decay,
            ClipNorm = 1,
            AverageDecay = average,
            Precision = precision,
            Seed = parsed.GetValue(Seed),
            EvaluateEvery = every,
        };
    }

    /// <summary>A value as it was typed, as JSON: numbers, true, false and null are themselves, anything else is a text.</summary>
    private static string AsJson(string typed)
    {
        if (typed is "true" or "false" or "null") return typed;
        try
        {
            using var document = JsonDocument.Parse(typed);
            if (document.RootElement.ValueKind == JsonValueKind.Number) return typed;
        }
        catch (JsonException)
        {
            // Not a number: a word.
        }

        return $"\"{JsonEncodedText.Encode(typed)}\"";
    }
}
