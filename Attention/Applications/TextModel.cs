using Edifice.Engine;
using Edifice.Engine.Ops;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>Models of a text's bytes in the folder that <c>edifice train --text FILE --out FOLDER</c> leaves: how they are built
/// and read.</summary>
/// <remarks>Of the folder two files count: <see cref="ConfigName"/> names the block and its options, <see cref="WeightsName"/> is
/// a <see cref="TrainingCheckpoint"/>.</remarks>
public static class TextModel
{
    /// <summary>Number of different tokens.</summary>
    public const int Bytes = 256;

    /// <summary>The file that says what the model is.</summary>
    public const string ConfigName = "config.json";

    /// <summary>The file of its weights.</summary>
    public const string WeightsName = "model.safetensors";

    /// <summary>Builds a model, with weights from the thread's random stream.</summary>
    /// <param name="block">The block's name.</param>
    /// <param name="options">Its options.</param>
    /// <exception cref="TensorException">No such block, wrong options, or a block that is not causal.</exception>
    public static LanguageModel Build(string block, OptionBag options)
    {
        var built = Blocks.Build(block, options);
        if (!built.IsCausal)
            throw new TensorException(
                $"{block} sees the whole sequence, so it cannot predict text token by token: train it on a classification of whole sequences (--task majority or --task match)" +
                (Blocks.Find(block).Causality == Causality.ByOption ? ", or with --option causal=true" : ""));
        return new LanguageModel(Bytes, built, positions: PositionsFor(built));
    }

    /// <summary>What the embedding adds in front of a block: positions for blocks that have no sense of order of their own.</summary>
    public static TokenPositions PositionsFor(SequenceBlock block)
    {
        ArgumentNullException.ThrowIfNull(block);
        var options = block.Options.ToOptions();
        var orderless = block.Options.Block is "multihead" or "gqa" or "perceiver" or "fnet" or "linear_transformer" or "performer" or "nystromformer" &&
            !options.Bool("rope", false) && options.Text("position", "none") == "none";
        return orderless ? TokenPositions.Sinusoidal : TokenPositions.None;
    }

    /// <summary>What <see cref="ConfigName"/> in a run's folder says, of a model of text or of a task.</summary>
    /// <exception cref="TensorException">The file is missing or of an unknown format.</exception>
    public static OptionBag ReadConfig(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var path = Path.Combine(folder, ConfigName);
        if (!File.Exists(path)) throw new TensorException($"{path} does not exist: is this the --out folder of a training run?");
        var config = OptionBag.Parse(File.ReadAllText(path));
        return config.Int("format", 0) == 1 ? config : throw new TensorException($"{path}: unknown format {config.Int("format", 0)}");
    }

    /// <summary>The block and the options of the model in a folder.</summary>
    /// <exception cref="TensorException">The folder holds no model of text; the message says what it holds.</exception>
    public static (string Block, OptionBag Options) Describe(string folder)
    {
        var config = ReadConfig(folder);
        if (!config.Has("text")) throw new TensorException($"{folder} holds a model of the task '{config.Text("task", "")}', which has no text: train with --text FILE");
        return (config.Text("block", ""), OptionBag.Parse(config.Raw("block_options")?.GetRawText() ?? "{}"));
    }

    /// <summary>Reads the model in a folder, ready to be used: it does not drop out.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">Options to use instead of the trained ones, where the weights allow it; null: the trained ones.</param>
    /// <exception cref="TensorException">The folder holds no model of text, or the weights do not fit the options.</exception>
    /// <exception cref="IOException">The weights cannot be read.</exception>
    public static LanguageModel Load(string folder, OptionBag? options = null)
    {
        var (block, trained) = Describe(folder);
        var model = Build(block, options ?? trained);
        TrainingCheckpoint.LoadModel(model, Path.Combine(folder, WeightsName));
        model.Eval();
        return model;
    }
}
