using Edifice.Engine;
using Edifice.Engine.Serialization;

namespace Edifice.Attention.Checkpoints;

/// <summary>The other direction: a model of ours in a published layout.</summary>
public sealed partial class PublishedCheckpoint
{
    /// <summary>A model's weights under published names.</summary>
    /// <param name="model">The model.</param>
    /// <param name="layout">The layout's name.</param>
    /// <param name="dtype">The element type; null: the model's.</param>
    /// <exception cref="CheckpointException">The layout has no way to say what the model is.</exception>
    public static IReadOnlyDictionary<string, Tensor> Export(LanguageModel model, string layout, DType? dtype = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        var found = PublishedLayouts.Find(layout);
        return Export(model, found, found.Describe(model), dtype);
    }

    /// <summary>Writes a model as <see cref="Open"/> reads it: <c>model.safetensors</c> and <c>config.json</c> in a folder.</summary>
    /// <param name="model">The model.</param>
    /// <param name="folder">The folder; made when it is not there.</param>
    /// <param name="layout">The layout's name.</param>
    /// <param name="dtype">The element type; null: the model's.</param>
    /// <exception cref="CheckpointException">The layout has no way to say what the model is. Nothing was written.</exception>
    public static void Save(LanguageModel model, string folder, string layout, DType? dtype = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var found = PublishedLayouts.Find(layout);
        var described = found.Describe(model);
        Directory.CreateDirectory(folder);
        // Readers of the published code ask for this note.
        SafetensorsFile.Write(
            Path.Combine(folder, CheckpointFiles.WeightsName), Export(model, found, described, dtype), [new("format", "pt")]);
        File.WriteAllText(Path.Combine(folder, CheckpointFiles.ConfigName), found.ConfigOf(described) + "\n");
    }

    private static OrderedDictionary<string, Tensor> Export(LanguageModel model, PublishedLayout layout, PublishedModel described, DType? dtype)
    {
        using var off = Tensor.NoGrad();
        var own = model.StateDict();
        var type = dtype ?? model.Embedding.Weight.DType;
        var sizes = layout.Sizes(described);
        var published = new OrderedDictionary<string, Tensor>();
        foreach (var entry in layout.Entries(described, _ => false))
        {
            var tensor = entry.Rule switch
            {
                MappedRule { IsStacked: true } rule => Tensor.Stack([.. entry.Ours.Select(name => rule.Map.ToPublished(own[name]))]),
                MappedRule rule => rule.Map.ToPublished(own[entry.Ours[0]]),
                CopyRule { IsWritten: true } rule => published[rule.Of],
                ConstantRule rule => Tensor.FromArray(rule.Values(sizes), entry.Shape),
                _ => null,
            };
            if (tensor is not null) published.Add(entry.Published, tensor.To(type));
        }

        return published;
    }
}
