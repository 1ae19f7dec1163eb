using System.Text;
using System.Text.Json;
using Edifice.Attention;
using Edifice.Cli.Tasks;
using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Cli.Training;

/// <summary>Everything that determines a run; with it and the checkpoint a run can be resumed, and its model rebuilt.</summary>
internal sealed record RunConfig
{
    public required string Block { get; init; }

    /// <summary>The block's options in full, as JSON.</summary>
    public required string BlockOptions { get; init; }

    /// <summary>A task's name, or null for text.</summary>
    public string? Task { get; init; }

    /// <summary>The task's options, as JSON.</summary>
    public string TaskOptions { get; init; } = "{}";

    /// <summary>The text file's full path, or null for a task.</summary>
    public string? Text { get; init; }

    /// <summary>Tokens per training sequence of a text.</summary>
    public int Length { get; init; }

    /// <summary>Taps of the convolution behind the embedding, see <see cref="TaskModel"/>; 0: none.</summary>
    public int ShortConvolution { get; init; }

    public required int Steps { get; init; }

    public required int BatchSize { get; init; }

    public required double LearningRate { get; init; }

    public required int WarmupSteps { get; init; }

    public required double WeightDecay { get; init; }

    public required double ClipNorm { get; init; }

    /// <summary>Decay of the running average of the weights that is evaluated and used; 0: the weights themselves.</summary>
    public double AverageDecay { get; init; }

    /// <summary>Type of the matrix products of training, a name of <see cref="Training.Precision"/>.</summary>
    public string Precision { get; init; } = Training.Precision.Full;

    public required ulong Seed { get; init; }

    /// <summary>Steps between evaluations, which are also the steps between checkpoints.</summary>
    public required int EvaluateEvery { get; init; }

    public ITask BuildTask() => Text is { } path ? new TextFile(path, Length) : TaskCatalog.Build(Task!, OptionBag.Parse(TaskOptions));

    public void Write(string path)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("format", 1);
            json.WriteString("block", Block);
            json.WritePropertyName("block_options");
            json.WriteRawValue(BlockOptions);
            if (Task is not null)
            {
                json.WriteString("task", Task);
                json.WritePropertyName("task_options");
                json.WriteRawValue(TaskOptions);
                json.WriteNumber("short_conv", ShortConvolution);
            }

            if (Text is not null)
            {
                json.WriteString("text", Text);
                json.WriteNumber("length", Length);
            }

            json.WriteNumber("steps", Steps);
            json.WriteNumber("batch_size", BatchSize);
            json.WriteNumber("learning_rate", LearningRate);
            json.WriteNumber("warmup_steps", WarmupSteps);
            json.WriteNumber("weight_decay", WeightDecay);
            json.WriteNumber("clip_norm", ClipNorm);
            json.WriteNumber("average_decay", AverageDecay);
            json.WriteString("precision", Precision);
            json.WriteNumber("seed", Seed);
            json.WriteNumber("evaluate_every", EvaluateEvery);
            json.WriteEndObject();
        }

        // Written whole or not at all: a run may be killed at any moment.
        var temporary = path + ".tmp";
        File.WriteAllText(temporary, Encoding.UTF8.GetString(buffer.ToArray()) + "\n");
        File.Move(temporary, path, overwrite: true);
    }

    /// <exception cref="TensorException">The file is missing or not a configuration.</exception>
    public static RunConfig Read(string folder)
    {
        var bag = TextModel.ReadConfig(folder);
        return new RunConfig
        {
            Block = bag.Text("block", ""),
            BlockOptions = bag.Raw("block_options")?.GetRawText() ?? "{}",
            Task = bag.Has("task") ? bag.Text("task", "") : null,
            TaskOptions = bag.Raw("task_options")?.GetRawText() ?? "{}",
            Text = bag.Has("text") ? bag.Text("text", "") : null,
            Length = bag.Int("length", 0),
            ShortConvolution = bag.Int("short_conv", 0),
            Steps = bag.Int("steps", 0),
            BatchSize = bag.Int("batch_size", 0),
            LearningRate = bag.Double("learning_rate", 0),
            WarmupSteps = bag.Int("warmup_steps", 0),
            WeightDecay = bag.Double("weight_decay", 0),
            ClipNorm = bag.Double("clip_norm", 0),
            AverageDecay = bag.Double("average_decay", 0),
            Precision = bag.Text("precision", Training.Precision.Full),
            Seed = bag.Raw("seed")?.GetUInt64() ?? 0,
            EvaluateEvery = bag.Int("evaluate_every", 0),
        };
    }
}
