using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>How a <see cref="MultiHead"/> block tells positions apart.</summary>
public enum PositionSignal
{
    /// <summary>Not at all (a causal mask still does, a little).</summary>
    None,

    /// <summary>Rotary embedding of queries and keys (Su et al. 2021).</summary>
    Rope,

    /// <summary>A bias falling with distance (Press et al. 2022).</summary>
    Alibi,
}

/// <summary>Options of <see cref="MultiHead"/>.</summary>
public sealed record MultiHeadOptions() : BlockOptions("multihead", numLayers: 2, dropout: 0.1)
{
    /// <summary>h.</summary>
    public int NumHeads { get; init; } = 4;

    /// <summary>d; null: H / h. When given, the inner width is h d and need not be H.</summary>
    public int? HeadDim { get; init; }

    /// <summary>Biases on the query, key, value and output projections.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Position t sees 0 … t; false: all positions.</summary>
    public bool Causal { get; init; } = true;

    /// <summary>W: position t sees t - W + 1 … t; null: no limit. Needs <see cref="Causal"/>.</summary>
    public int? WindowSize { get; init; }

    /// <summary>Layer norm over the channels of every query and key head (Dehghani et al. 2023).</summary>
    public bool QkLayerNorm { get; init; }

    /// <summary>How positions are told apart.</summary>
    public PositionSignal Position { get; init; }

    /// <summary>Base of the rotary frequencies.</summary>
    public double RopeBase { get; init; } = 10000;

    /// <summary>Every norm of the block.</summary>
    public NormKind Norm { get; init; }

    /// <summary>The feed-forward.</summary>
    public FeedForwardKind Ffn { get; init; }

    /// <summary>Its inner width is floor(FfnMult · H + 1/2).</summary>
    public double FfnMult { get; init; } = 4;

    /// <summary>d in use.</summary>
    internal int HeadWidth => HeadDim ?? HiddenSize / Math.Max(1, NumHeads);

    /// <summary>The rows of JSON and lists.</summary>
    public static OptionTable<MultiHeadOptions> Rows { get; } = OptionTable.For(new MultiHeadOptions { EmbedDim = 0 })
        .Int("num_heads", "heads", o => o.NumHeads, (o, v) => o with { NumHeads = v })
        .HeadDim(o => o.HeadDim, (o, v) => o with { HeadDim = v })
        .Bias(o => o.Bias, (o, v) => o with { Bias = v })
        .Causal(o => o.Causal, (o, v) => o with { Causal = v })
        .WindowSize(o => o.WindowSize, (o, v) => o with { WindowSize = v })
        .Bool("qk_layernorm", "layer norm over every query and key head", o => o.QkLayerNorm, (o, v) => o with { QkLayerNorm = v })
        .Choice("position", "how positions are told apart",
            [("none", PositionSignal.None), ("rope", PositionSignal.Rope), ("alibi", PositionSignal.Alibi)],
            o => o.Position, (o, v) => o with { Position = v })
        .RopeBase(o => o.RopeBase, (o, v) => o with { RopeBase = v })
        .Norm(o => o.Norm, (o, v) => o with { Norm = v })
        .Ffn(o => o.Ffn, (o, v) => o with { Ffn = v })
        .FfnMult(o => o.FfnMult, (o, v) => o with { FfnMult = v });

    /// <inheritdoc/>
    protected override OptionTable Table => Rows;

    /// <inheritdoc/>
    protected override void Check(OptionProblems problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        problems.Heads(HiddenSize, NumHeads, HeadDim);
        problems.Window(WindowSize, Causal);
        problems.Known("position", Position);
        problems.Rotation(Position == PositionSignal.Rope, RopeBase, HeadWidth);
        problems.Known("norm", Norm);
        problems.Known("ffn", Ffn);
        problems.FeedForward(FfnMult, HiddenSize);
    }
}

/// <summary>Multi-head softmax attention, the baseline of all blocks: causal or both ways, full or in a sliding window, with no
/// position signal, rotary embedding or linear distance bias (Vaswani et al. 2017; pre-norm as in Xiong et al. 2020).</summary>
public sealed class MultiHead : LayeredBlock
{
    /// <summary>Builds the block.</summary>
    /// <exception cref="OptionException">The options are wrong.</exception>
    public MultiHead(MultiHeadOptions options, ParameterOptions? parameters = null) : base(
        options, parameters, LinearInit.Xavier, _ => Layer(options, parameters), () => options.Norm.Create(options.HiddenSize, parameters)) { }

    internal static BlockInfo Info { get; } = BlockInfo.Of(
        "multihead", MultiHeadOptions.Rows, (o, p) => new MultiHead(o, p),
        description: "softmax attention of every position to all before it (or to all): the baseline",
        Causality.ByOption,
        streaming: "with causal = true: a cache of keys and values",
        gradientCases:
        [
            new("causal", """{"embed_dim": 3, "hidden_size": 4, "num_layers": 2, "num_heads": 2, "ffn_mult": 1.5}"""),
            new("rope, window, qk norm", """
                {"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "head_dim": 4, "window_size": 3, "position": "rope",
                 "qk_layernorm": true, "norm": "rms", "ffn": "gated", "ffn_mult": 1}
                """),
            new("alibi, both ways", """
                {"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "causal": false, "position": "alibi", "bias": false, "ffn_mult": 1}
                """),
            new("in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 2, "num_heads": 2, "position": "rope", "window_size": 3, "ffn_mult": 1}""")
            {
                Pieces = [1, 3, 1],
            },
            new("rope, qk norm, both ways", """
                {"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 1, "causal": false, "position": "rope", "qk_layernorm": true, "ffn": "gated", "ffn_mult": 1}
                """),
            new("alibi, window, in pieces", """
                {"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "position": "alibi", "window_size": 3, "qk_layernorm": true, "ffn_mult": 1}
                """) { Pieces = [2, 2, 1] },
        ]);

    private static ResidualLayer Layer(MultiHeadOptions o, ParameterOptions? parameters) => ResidualLayer.Pre(
        o, o.Norm,
        new SoftmaxAttention(
            new SoftmaxAttentionSettings(o.HiddenSize, o.NumHeads, o.NumHeads, o.HeadWidth)
            {
                Bias = o.Bias, Causal = o.Causal, WindowSize = o.WindowSize, QkLayerNorm = o.QkLayerNorm,
                RopeBase = o.Position == PositionSignal.Rope ? o.RopeBase : null, Alibi = o.Position == PositionSignal.Alibi,
            },
            parameters),
        o.Ffn.Create(o.HiddenSize, Choices.InnerWidth(o.FfnMult, o.HiddenSize), LinearInit.Xavier, parameters), parameters);
}
