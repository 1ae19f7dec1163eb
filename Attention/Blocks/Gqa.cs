using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>Options of <see cref="Gqa"/>. A Llama-like model is <c>Rope = true, Bias = false, Norm = NormKind.Rms,
/// Ffn = FeedForwardKind.Gated</c>.</summary>
public sealed record GqaOptions() : BlockOptions("gqa", numLayers: 4, dropout: 0.1)
{
    /// <summary>h, query heads.</summary>
    public int NumHeads { get; init; } = 8;

    /// <summary>g, key-value heads; divides h.</summary>
    public int NumKvHeads { get; init; } = 2;

    /// <summary>d; null: H / h. When given, the inner width is h d and need not be H.</summary>
    public int? HeadDim { get; init; }

    /// <summary>Biases on the query, key, value and output projections.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Position t sees 0 … t; false: all positions.</summary>
    public bool Causal { get; init; } = true;

    /// <summary>W: position t sees t - W + 1 … t; null: no limit. Needs <see cref="Causal"/>.</summary>
    public int? WindowSize { get; init; }

    /// <summary>Rotary embedding of queries and keys.</summary>
    public bool Rope { get; init; }

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
    public static OptionTable<GqaOptions> Rows { get; } = OptionTable.For(new GqaOptions { EmbedDim = 0 })
        .Int("num_heads", "query heads", o => o.NumHeads, (o, v) => o with { NumHeads = v })
        .Int("num_kv_heads", "key-value heads; divides num_heads", o => o.NumKvHeads, (o, v) => o with { NumKvHeads = v })
        .HeadDim(o => o.HeadDim, (o, v) => o with { HeadDim = v })
        .Bias(o => o.Bias, (o, v) => o with { Bias = v })
        .Causal(o => o.Causal, (o, v) => o with { Causal = v })
        .WindowSize(o => o.WindowSize, (o, v) => o with { WindowSize = v })
        .Bool("rope", "rotary embedding of queries and keys", o => o.Rope, (o, v) => o with { Rope = v })
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
        problems.Size("num_kv_heads", NumKvHeads);
        problems.Divides("num_kv_heads", NumKvHeads, "num_heads", NumHeads);
        problems.Window(WindowSize, Causal);
        problems.Rotation(Rope, RopeBase, HeadWidth);
        problems.Known("norm", Norm);
        problems.Known("ffn", Ffn);
        problems.FeedForward(FfnMult, HiddenSize);
    }
}

/// <summary>Grouped-query attention: groups of query heads share a key-value head, so that the cache of a streamed model shrinks
/// by h/g (Ainslie et al. 2023); g = 1 is multi-query attention (Shazeer 2019).</summary>
public sealed class Gqa : LayeredBlock
{
    /// <summary>Builds the block.</summary>
    /// <exception cref="OptionException">The options are wrong.</exception>
    public Gqa(GqaOptions options, ParameterOptions? parameters = null) : base(
        options, parameters, LinearInit.Xavier, _ => Layer(options, parameters), () => options.Norm.Create(options.HiddenSize, parameters)) { }

    internal static BlockInfo Info { get; } = BlockInfo.Of(
        "gqa", GqaOptions.Rows, (o, p) => new Gqa(o, p),
        description: "softmax attention whose query heads share key-value heads: a smaller cache",
        Causality.ByOption,
        streaming: "with causal = true: a cache of keys and values",
        gradientCases:
        [
            new("causal", """{"embed_dim": 3, "hidden_size": 8, "num_layers": 2, "num_heads": 4, "num_kv_heads": 2, "ffn_mult": 1}"""),
            new("as in Llama", """
                {"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 4, "num_kv_heads": 1, "head_dim": 2, "rope": true, "bias": false,
                 "norm": "rms", "ffn": "gated", "ffn_mult": 1.5, "window_size": 3}
                """),
            new("both ways", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1, "causal": false, "ffn_mult": 1}"""),
            new("in pieces", """
                {"embed_dim": 4, "hidden_size": 4, "num_layers": 2, "num_heads": 2, "num_kv_heads": 1, "rope": true, "ffn_mult": 1}
                """) { Pieces = [2, 1, 2] },
            new("window, in pieces", """
                {"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 4, "num_kv_heads": 2, "window_size": 3, "bias": false, "norm": "rms", "ffn": "gated", "ffn_mult": 1}
                """) { Pieces = [1, 3, 1] },
        ]);

    private static ResidualLayer Layer(GqaOptions o, ParameterOptions? parameters) => ResidualLayer.Pre(
        o, o.Norm,
        new SoftmaxAttention(
            new SoftmaxAttentionSettings(o.HiddenSize, o.NumHeads, o.NumKvHeads, o.HeadWidth)
            {
                Bias = o.Bias, Causal = o.Causal, WindowSize = o.WindowSize, RopeBase = o.Rope ? o.RopeBase : null,
            },
            parameters),
        o.Ffn.Create(o.HiddenSize, Choices.InnerWidth(o.FfnMult, o.HiddenSize), LinearInit.Xavier, parameters), parameters);
}
