using System.Buffers;
using System.Text;
using System.Text.Json;
using Edifice.Engine.Ops;

namespace Edifice.Attention.Checkpoints;

/// <summary>How a family of published language models names and stores its tensors, as one table that reads and writes.</summary>
public abstract class PublishedLayout
{
    private protected PublishedLayout(string name, string block, string description) => (Name, Block, Description) = (name, block, description);

    /// <summary>Its name in the registry.</summary>
    public string Name { get; }

    /// <summary>The name of our block.</summary>
    public string Block { get; }

    /// <summary>Whose it is, in one line.</summary>
    public string Description { get; }

    /// <summary>The model that shapes and configuration describe.</summary>
    internal abstract PublishedModel Read(LayoutReader source);

    /// <summary>The table.</summary>
    /// <param name="model">The model.</param>
    /// <param name="has">Whether a checkpoint has a tensor, where releases differ in names; for a checkpoint to be written it has none.</param>
    internal abstract IReadOnlyList<LayoutRule> Rules(PublishedModel model, Func<string, bool> has);

    /// <summary>The sizes that the table's shapes are made of.</summary>
    internal abstract IReadOnlyDictionary<string, int> Sizes(PublishedModel model);

    /// <summary>The same function in the options that <see cref="Read"/> gives: what does not matter has its default, widths are
    /// explicit.</summary>
    internal abstract BlockOptions Canonical(BlockOptions options);

    /// <summary>Writes what <see cref="Read"/> reads, and what the published code wants besides.</summary>
    internal abstract void WriteConfig(PublishedModel model, Utf8JsonWriter json);

    /// <summary>All tensors of a model.</summary>
    internal IReadOnlyList<LayoutEntry> Entries(PublishedModel model, Func<string, bool> has) =>
        LayoutEntry.Expand(Rules(model, has), model.Options.NumLayers, Sizes(model));

    /// <summary>Describes a model of ours, when this layout can hold it.</summary>
    /// <exception cref="CheckpointException">It cannot; the message says all that it has no way to say.</exception>
    internal PublishedModel Describe(LanguageModel model)
    {
        var subject = $"this model in the layout {Name}";
        var options = model.Block.Options;
        if (options.Block != Block) throw new CheckpointException(subject, [$"its block is {options.Block}, the layout's {Block}"]);
        if (model.Embedding.Positions != TokenPositions.None)
            throw new CheckpointException(subject, [$"its embedding adds {model.Embedding.Positions} positions, the layout's nothing"]);
        var described = new PublishedModel(Canonical(options), model.Vocabulary, model.Tied, model.Embedding.Scale, model.LogitCap);
        // What comes back from its own shapes and configuration is what the layout can say.
        var shapes = Entries(described, _ => false).ToDictionary(e => e.Published, e => e.Shape);
        var source = new LayoutReader(shapes, OptionBag.Parse(ConfigOf(described)));
        var readBack = Read(source);
        string[] problems = [.. source.Problems, .. described.Differences(readBack)];
        return problems.Length == 0 ? described : throw new CheckpointException(subject, problems);
    }

    /// <summary>The configuration as JSON.</summary>
    internal string ConfigOf(PublishedModel model)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            WriteConfig(model, json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>The multiple m with floor(whole · m) = part, the option that gives a width.</summary>
    internal static double Multiple(int part, int whole)
    {
        var m = part / (double)whole;
        return Math.Floor(whole * m) < part ? Math.BitIncrement(m) : m;
    }

    /// <summary>How configurations for transformers name the model.</summary>
    private protected static void WriteKind(Utf8JsonWriter json, string modelType, string architecture)
    {
        json.WriteString("model_type", modelType);
        json.WriteStartArray("architectures");
        json.WriteStringValue(architecture);
        json.WriteEndArray();
    }

    private protected static MappedRule Map(string published, string shape, string ours) => new(published, shape, TensorMap.Same, ours);

    private protected static MappedRule Map(string published, string shape, string ours, TensorMap map) => new(published, shape, map, ours);

    /// <summary>The weight and the bias of something.</summary>
    private protected static IEnumerable<LayoutRule> Affine(string published, string shape, string bias, string ours) =>
        [Map($"{published}.weight", shape, $"{ours}.weight"), Map($"{published}.bias", bias, $"{ours}.bias")];
}
