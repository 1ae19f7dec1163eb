using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>Positive features in place of the softmax.</summary>
public enum FeatureMap
{
    /// <summary>elu(u) + 1.</summary>
    Elu1,

    /// <summary>max(u, 0).</summary>
    Relu,
}

/// <summary>Options of <see cref="LinearTransformer"/>.</summary>
public sealed record LinearTransformerOptions() : BlockOptions("linear_transformer", numLayers: 4, dropout: 0.1)
{
    /// <summary>h; the head width is H / h.</summary>
    public int NumHeads { get; init; } = 4;

    /// <summary>φ.</summary>
    public FeatureMap FeatureMap { get; init; }

    /// <summary>Position t sees 0 … t; false: all positions.</summary>
    public bool Causal { get; init; } = true;

    /// <summary>Added to every denominator.</summary>
    public double Eps { get; init; } = 1e-6;

    /// <summary>Biases on the query, key, value and output projections.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Every norm of the block.</summary>
    public NormKind Norm { get; init; }

    /// <summary>The feed-forward's inner width is FfnMult · H.</summary>
    public int FfnMult { get; init; } = 4;

    /// <summary>The rows of JSON and lists.</summary>
    public static OptionTable<LinearTransformerOptions> Rows { get; } = OptionTable.For(new LinearTransformerOptions { EmbedDim = 0 })
        .Int("num_heads", "heads; their width is hidden_size / num_heads", o => o.NumHeads, (o, v) => o with { NumHeads = v })
        .Choice("feature_map", "the positive features", [("elu1", FeatureMap.Elu1), ("relu", FeatureMap.Relu)], o => o.FeatureMap, (o, v) => o with { FeatureMap = v })
        .Causal(o => o.Causal, (o, v) => o with { Causal = v })
        .Number("eps", "added to every denominator", o => o.Eps, (o, v) => o with { Eps = v })
        .Bias(o => o.Bias, (o, v) => o with { Bias = v })
        .Norm(o => o.Norm, (o, v) => o with { Norm = v })
        .FfnMult(o => o.FfnMult, (o, v) => o with { FfnMult = v });

    /// <inheritdoc/>
    protected override OptionTable Table => Rows;

    /// <inheritdoc/>
    protected override void Check(OptionProblems problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        problems.Heads(HiddenSize, NumHeads);
        problems.Known("feature_map", FeatureMap);
        problems.Above("eps", Eps, 0);
        problems.Known("norm", Norm);
        problems.Size("ffn_mult", FfnMult);
    }
}

/// <summary>Linear attention (Katharopoulos et al. 2020): with positive features the sums over the past become a running state of
/// fixed size, so the cost is linear in the length and a streamed step costs the same at any position.</summary>
public sealed class LinearTransformer : LayeredBlock
{
    /// <summary>Builds the block.</summary>
    /// <exception cref="OptionException">The options are wrong.</exception>
    public LinearTransformer(LinearTransformerOptions options, ParameterOptions? parameters = null) : base(
        options, parameters, LinearInit.FanInUniform, _ => Layer(options, parameters), () => options.Norm.Create(options.HiddenSize, parameters)) { }

    internal static BlockInfo Info { get; } = BlockInfo.Of(
        "linear_transformer", LinearTransformerOptions.Rows, (o, p) => new LinearTransformer(o, p),
        description: "linear attention with a positive feature map and a normaliser",
        Causality.ByOption,
        streaming: "with causal = true: a d × d state and a d vector per head",
        gradientCases:
        [
            new("causal", """{"embed_dim": 3, "hidden_size": 4, "num_layers": 2, "num_heads": 2, "ffn_mult": 1}"""),
            new("both ways", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "causal": false, "norm": "rms", "ffn_mult": 1}"""),
            new("in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 2, "num_heads": 1, "bias": false, "ffn_mult": 1}""") { Pieces = [2, 1, 2] },
            new("relu features", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "feature_map": "relu", "eps": 0.1, "ffn_mult": 1}"""),
            new("relu features, both ways", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 1, "feature_map": "relu", "eps": 0.1, "causal": false, "ffn_mult": 1}"""),
            new("relu features, in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "feature_map": "relu", "eps": 0.1, "norm": "rms", "ffn_mult": 1}""") { Pieces = [1, 3, 1] },
        ]);

    private static ResidualLayer Layer(LinearTransformerOptions o, ParameterOptions? parameters) => ResidualLayer.Pre(
        o, o.Norm,
        new KernelAttention(o.HiddenSize, o.NumHeads, o.HiddenSize / o.NumHeads, o.Bias, o.Causal, o.Eps, new Features(o.FeatureMap), parameters),
        new MlpFeedForward(o.HiddenSize, o.FfnMult * o.HiddenSize, options: parameters), parameters);

    private sealed class Features(FeatureMap map) : KernelFeatures
    {
        public override Tensor Query(Tensor q) => Key(q);

        public override Tensor Key(Tensor k) => map == FeatureMap.Elu1 ? k.Elu1() : k.Relu();
    }
}
