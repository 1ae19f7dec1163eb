using Edifice.Engine.Ops;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>Which positions a block's hidden states depend on.</summary>
public enum Causality
{
    /// <summary>Only on those up to their own.</summary>
    Always,

    /// <summary>On all of the sequence.</summary>
    Never,

    /// <summary>The options decide.</summary>
    ByOption,
}

/// <summary>A small configuration on which a block's gradient is checked.</summary>
/// <param name="Name">What it shows, in a few words.</param>
/// <param name="Options">The block's options as JSON; <c>dropout</c> is set to 0 by the check.</param>
public sealed record GradientCase(string Name, string Options)
{
    /// <summary>B.</summary>
    public int Batch { get; init; } = 2;

    /// <summary>L.</summary>
    public int Length { get; init; } = 5;

    /// <summary>Lengths of the pieces in which the sequence runs as a stream, so that gradients flow through the state; they add
    /// up to <see cref="Length"/>. Null: one whole pass.</summary>
    public IReadOnlyList<int>? Pieces { get; init; }

    /// <summary>What the block gets beside the sequence; the tensors may draw from the thread's stream, which the check seeds.</summary>
    public Func<SequenceInputs>? Inputs { get; init; }
}

/// <summary>A block of the registry: how to list it, build it and check it.</summary>
public sealed class BlockInfo
{
    private readonly Func<BlockOptions, ParameterOptions?, SequenceBlock> _build;

    private BlockInfo(
        string name, OptionTable options, Func<BlockOptions, ParameterOptions?, SequenceBlock> build,
        string description, Causality causality, string streaming, IReadOnlyList<GradientCase> gradientCases)
    {
        Name = name;
        Options = options;
        _build = build;
        Description = description;
        Causality = causality;
        Streaming = streaming;
        GradientCases = gradientCases;
    }

    /// <summary>Its name in the registry and in files.</summary>
    public string Name { get; }

    /// <summary>Its options.</summary>
    public OptionTable Options { get; }

    /// <summary>The block that this is a preset of, some of its options fixed; null: it is none.</summary>
    public string? PresetOf => Options.RecordBlock == Name ? null : Options.RecordBlock;

    /// <summary>What it is, in one line.</summary>
    public string Description { get; }

    /// <summary>Which positions a hidden state depends on.</summary>
    public Causality Causality { get; }

    /// <summary>When and how it streams, or why it does not, in one line.</summary>
    public string Streaming { get; }

    /// <summary>The configurations of its gradient check.</summary>
    public IReadOnlyList<GradientCase> GradientCases { get; }

    /// <summary>Builds the block from JSON options; those left out have their defaults.</summary>
    /// <exception cref="OptionException">Unknown or contradictory options.</exception>
    public SequenceBlock Build(OptionBag options, ParameterOptions? parameters = null) => _build(Options.Read(options), parameters);

    internal SequenceBlock Build(BlockOptions options, ParameterOptions? parameters) => _build(options, parameters);

    internal static BlockInfo Of<T>(
        string name, OptionTable<T> options, Func<T, ParameterOptions?, SequenceBlock> build,
        string description, Causality causality, string streaming, IReadOnlyList<GradientCase> gradientCases) where T : BlockOptions =>
        new(name, options, (o, p) => build((T)o, p), description, causality, streaming, gradientCases);
}
