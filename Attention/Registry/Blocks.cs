using Edifice.Engine;
using Edifice.Engine.Ops;
using Edifice.Engine.Serialization;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>The registry: every block by its name.</summary>
/// <example><code>
/// var block = Blocks.Build("gqa", """{"embed_dim": 64, "num_heads": 8, "rope": true}""");
/// var same = Blocks.Build(new GqaOptions { EmbedDim = 64, NumHeads = 8, Rope = true });
/// </code></example>
public static class Blocks
{
    private const string BlockKey = "block", OptionsKey = "options";

    /// <summary>All blocks in the order in which they are listed.</summary>
    public static IReadOnlyList<BlockInfo> All { get; } =
    [
        MultiHead.Info,
        Gqa.Info,
        Perceiver.Info,
        FNet.Info,
        LinearTransformer.Info,
        Nystromformer.Info,
        Performer.Info,
        RetNet.Info,
        Rwkv.Info,
        Gla.Info,
        Hgrn.Info,
        Griffin.Info,
        Griffin.HawkInfo,
    ];

    /// <summary>A block by name.</summary>
    /// <exception cref="TensorException">There is none; the message has the nearest name.</exception>
    public static BlockInfo Find(string name) => All.FirstOrDefault(b => b.Name == name) ?? throw new TensorException(
        $"there is no block '{name}'{NearestName.Hint(name, All.Select(b => b.Name))}; there are {string.Join(", ", All.Select(b => b.Name))}");

    /// <summary>Builds a block from its name and JSON options; those left out have their defaults.</summary>
    /// <exception cref="TensorException">No such block, or options it does not have or that do not go together.</exception>
    public static SequenceBlock Build(string name, OptionBag options, ParameterOptions? parameters = null) => Find(name).Build(options, parameters);

    /// <summary>As <see cref="Build(string, OptionBag, ParameterOptions)"/> from JSON text.</summary>
    public static SequenceBlock Build(string name, string json, ParameterOptions? parameters = null) => Build(name, OptionBag.Parse(json), parameters);

    /// <summary>Builds the block that an options record is for.</summary>
    /// <exception cref="OptionException">The options do not go together.</exception>
    public static SequenceBlock Build(BlockOptions options, ParameterOptions? parameters = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Find(options.Block).Build(options, parameters);
    }

    /// <summary>Writes a block's state dict to a safetensors file with its name and options, so that <see cref="Load"/> needs
    /// nothing else.</summary>
    public static void Save(SequenceBlock block, string path)
    {
        ArgumentNullException.ThrowIfNull(block);
        block.Save(path, [new(BlockKey, block.Options.Block), new(OptionsKey, block.Options.ToOptions().ToString())]);
    }

    /// <summary>Builds a block from a file of <see cref="Save"/>.</summary>
    /// <exception cref="TensorException">The file names no block, or does not hold its state.</exception>
    public static SequenceBlock Load(string path, ParameterOptions? parameters = null)
    {
        string? name, options;
        using (var file = SafetensorsFile.Open(path))
        {
            name = file.Metadata.GetValueOrDefault(BlockKey);
            options = file.Metadata.GetValueOrDefault(OptionsKey);
        }

        if (name is null || options is null) throw new TensorException($"{path}: the metadata name no block and options: write the file with Blocks.Save");
        var block = Build(name, options, parameters);
        block.Load(path);
        return block;
    }
}
