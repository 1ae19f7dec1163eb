using System.Globalization;
using Edifice.Engine;
using Edifice.Engine.Serialization;

namespace Edifice.Nn;

/// <summary>A training run in one safetensors file: parameters and buffers, optimizer, average, step, random streams and
/// notes. A run that is loaded goes on bit for bit as if it had never stopped.</summary>
/// <remarks>
/// <para>Saving replaces the file as a whole, so a run killed at any moment leaves the last complete checkpoint. Loading
/// checks everything before it changes anything.</para>
/// <para>In the file: <c>model.{name}</c>, <c>optimizer.{parameter}.{state}</c>, <c>average.{parameter}</c>; metadata
/// <c>format</c>, <c>step</c>, <c>optimizer.{group}</c> (the rule as JSON), <c>average.updates</c>,
/// <c>random.{stream}</c> (seed and offset) and <c>note.{key}</c>.</para>
/// <para>What lies outside is up to the caller: the same data order (derive it from the step or from one of
/// <see cref="Generators"/>) and a checkpoint between steps, after <see cref="Optimizer.Step"/>.</para>
/// </remarks>
public sealed class TrainingCheckpoint
{
    /// <summary>The name of the thread's own stream among the saved ones.</summary>
    public const string CurrentStream = "current";

    private const string FormatKey = "format", Format = "edifice training checkpoint 1";
    private const string StepKey = "step", UpdatesKey = "average.updates";
    private const string ModelPrefix = "model.", OptimizerPrefix = "optimizer.", AveragePrefix = "average.";
    private const string RandomPrefix = "random.", NotePrefix = "note.";

    private readonly Dictionary<string, Generator> _generators = [];

    /// <summary>Ties together the objects of a run; they are read by <see cref="Save"/> and written by
    /// <see cref="Load"/>.</summary>
    public TrainingCheckpoint(Module model, Optimizer? optimizer = null, ExponentialMovingAverage? average = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        Model = model;
        Optimizer = optimizer;
        Average = average;
    }

    /// <summary>The model.</summary>
    public Module Model { get; }

    /// <summary>The optimizer, if it is part of the run.</summary>
    public Optimizer? Optimizer { get; }

    /// <summary>The average, if it is part of the run.</summary>
    public ExponentialMovingAverage? Average { get; }

    /// <summary>How many steps are done.</summary>
    public long Step { get; set; }

    /// <summary>Notes of one's own.</summary>
    public IDictionary<string, string> Notes { get; } = new Dictionary<string, string>();

    /// <summary>Random streams besides the thread's own (<see cref="Generator.Current"/>, always saved), by name.</summary>
    public IDictionary<string, Generator> Generators => _generators;

    /// <summary>Writes the run as it stands, all or nothing.</summary>
    public void Save(string path)
    {
        var tensors = new List<KeyValuePair<string, Tensor>>();
        var metadata = new Dictionary<string, string> { [FormatKey] = Format, [StepKey] = Text(Step) };
        Add(tensors, ModelPrefix, Model.StateDict());
        if (Optimizer is not null)
        {
            var state = Optimizer.StateDict();
            Add(tensors, OptimizerPrefix, state.Tensors);
            for (var i = 0; i < state.Rules.Count; i++) metadata.Add(OptimizerPrefix + Text(i), state.Rules[i]);
        }

        if (Average is not null)
        {
            Add(tensors, AveragePrefix, Average.StateDict());
            metadata.Add(UpdatesKey, Text(Average.Updates));
        }

        foreach (var (name, generator) in Streams())
        {
            var (seed, offset) = generator.Save();
            metadata.Add(RandomPrefix + name, string.Create(CultureInfo.InvariantCulture, $"{seed} {offset}"));
        }

        foreach (var (key, value) in Notes) metadata.Add(NotePrefix + key, value);
        SafetensorsFile.Write(path, tensors, metadata);
    }

    /// <summary>Brings every object of the run back to where it was when the file was written.</summary>
    /// <exception cref="TensorException">The file is no checkpoint, or something in it does not fit these objects: a name, a
    /// shape, a dtype, an update rule, a random stream. Nothing was changed then.</exception>
    public void Load(string path)
    {
        using var file = Open(path);
        var metadata = file.Metadata;
        var step = Number(path, metadata, StepKey);
        var model = new TensorsOfFile(file, ModelPrefix);
        Model.CheckState($"Load {path}", model, strict: true, sameDType: true);
        var rules = Rules(metadata);
        Agree(path, "an optimizer", Optimizer is not null, rules.Count > 0);
        Agree(path, "an average", Average is not null, metadata.ContainsKey(UpdatesKey));
        var plan = Optimizer?.CheckState(rules, new TensorsOfFile(file, OptimizerPrefix));
        var averages = new TensorsOfFile(file, AveragePrefix);
        Average?.CheckState(averages);
        var updates = Average is null ? 0 : Number(path, metadata, UpdatesKey);
        var streams = Streams().Select(s => (s.Generator, State: Stream(path, metadata, s.Name))).ToArray();

        Model.LoadState($"Load {path}", model, strict: true, sameDType: true);
        if (plan is not null) Optimizer!.Restore(plan);
        Average?.Restore(averages, updates);
        foreach (var (generator, state) in streams) generator.Restore(state);
        Step = step;
        Notes.Clear();
        foreach (var (key, value) in metadata)
            if (key.StartsWith(NotePrefix, StringComparison.Ordinal)) Notes.Add(key[NotePrefix.Length..], value);
    }

    /// <summary>Takes the trained parameters and buffers alone out of a checkpoint: what using a model needs of its training.
    /// Where the run kept an average, the parameters are the averaged ones.</summary>
    /// <exception cref="TensorException">The file is no checkpoint, or its model is another. Nothing was changed then.</exception>
    public static void LoadModel(Module model, string path)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var file = Open(path);
        // The averages have no buffers: those stay as the model's.
        var averages = new TensorsOfFile(file, AveragePrefix);
        model.CheckState($"Load {path}", averages, strict: false, sameDType: true);
        model.LoadState($"Load {path}", new TensorsOfFile(file, ModelPrefix), strict: true, sameDType: true);
        model.LoadState($"Load {path}", averages, strict: false, sameDType: true);
    }

    private static SafetensorsFile Open(string path)
    {
        var file = SafetensorsFile.Open(path);
        if (file.Metadata.GetValueOrDefault(FormatKey) is var format && format == Format) return file;
        file.Dispose();
        throw new TensorException($"{path}: not a training checkpoint: its '{FormatKey}' is '{format}', not '{Format}'");
    }

    private IEnumerable<(string Name, Generator Generator)> Streams() =>
        _generators.Select(g => (g.Key, g.Value)).Prepend((CurrentStream, Generator.Current));

    private static void Add(List<KeyValuePair<string, Tensor>> to, string prefix, IReadOnlyDictionary<string, Tensor> tensors)
    {
        foreach (var (name, tensor) in tensors) to.Add(new(prefix + name, tensor));
    }

    private static List<string> Rules(IReadOnlyDictionary<string, string> metadata)
    {
        var rules = new List<string>();
        while (metadata.TryGetValue(OptimizerPrefix + Text(rules.Count), out var rule)) rules.Add(rule);
        return rules;
    }

    private static void Agree(string path, string what, bool here, bool there)
    {
        if (here != there)
            throw new TensorException($"{path}: the file has {(there ? what : "no " + what[(what.IndexOf(' ') + 1)..])}, this run {(here ? "has one" : "has none")}");
    }

    private static RandomState Stream(string path, IReadOnlyDictionary<string, string> metadata, string name)
    {
        var known = metadata.Keys.Where(k => k.StartsWith(RandomPrefix, StringComparison.Ordinal)).Select(k => k[RandomPrefix.Length..]);
        if (!metadata.TryGetValue(RandomPrefix + name, out var text))
            throw new TensorException($"{path}: the file has no random stream '{name}': it has {string.Join(", ", known)}");
        return text.Split(' ') is [var seed, var offset] && ulong.TryParse(seed, NumberStyles.None, CultureInfo.InvariantCulture, out var s) &&
            ulong.TryParse(offset, NumberStyles.None, CultureInfo.InvariantCulture, out var o)
            ? new RandomState(s, o)
            : throw new TensorException($"{path}: the random stream '{name}' is '{text}', not a seed and an offset");
    }

    private static long Number(string path, IReadOnlyDictionary<string, string> metadata, string key) =>
        metadata.TryGetValue(key, out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new TensorException($"{path}: '{key}' is '{text}', not a whole number");

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
