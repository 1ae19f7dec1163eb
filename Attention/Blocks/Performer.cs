using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>Options of <see cref="Performer"/>.</summary>
public sealed record PerformerOptions() : BlockOptions("performer", numLayers: 4, dropout: 0.1)
{
    /// <summary>h; the head width is H / h.</summary>
    public int NumHeads { get; init; } = 4;

    /// <summary>m, rows of the projection.</summary>
    public int NumFeatures { get; init; } = 64;

    /// <summary>Which kernel the features estimate.</summary>
    public FavorKernel Kernel { get; init; }

    /// <summary>Position t sees 0 … t; false: all positions.</summary>
    public bool Causal { get; init; } = true;

    /// <summary>What is subtracted in the exponent of the keys. Anything but none lets a "causal" model see the future through
    /// <see cref="FeatureEps"/>, and does not stream.</summary>
    public KeyStabilizer KeyStabilizer { get; init; }

    /// <summary>Added to every feature; null: 1e-6 for softmax, 1e-3 for relu.</summary>
    public double? FeatureEps { get; init; }

    /// <summary>Row lengths of the projection: 0 as of normal vectors, 1 √d.</summary>
    public int OrthoScaling { get; init; }

    /// <summary>Training passes between redraws of the projections; 0: never.</summary>
    public int FeatureRedrawInterval { get; init; }

    /// <summary>Biases on the query, key, value and output projections.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Every norm of the block.</summary>
    public NormKind Norm { get; init; }

    /// <summary>The feed-forward's inner width is FfnMult · H.</summary>
    public int FfnMult { get; init; } = 4;

    internal double FeatureEpsInUse => FeatureEps ?? (Kernel == FavorKernel.Softmax ? 1e-6 : 1e-3);

    /// <summary>The rows of JSON and lists.</summary>
    public static OptionTable<PerformerOptions> Rows { get; } = OptionTable.For(new PerformerOptions { EmbedDim = 0 })
        .Int("num_heads", "heads; their width is hidden_size / num_heads", o => o.NumHeads, (o, v) => o with { NumHeads = v })
        .Int("num_features", "random features per head", o => o.NumFeatures, (o, v) => o with { NumFeatures = v })
        .Choice("kernel", "what the features estimate", [("softmax", FavorKernel.Softmax), ("relu", FavorKernel.Relu)], o => o.Kernel, (o, v) => o with { Kernel = v })
        .Causal(o => o.Causal, (o, v) => o with { Causal = v })
        .Choice("key_stabilizer", "maximum subtracted from the keys' exponents; anything but none is not strictly causal",
            [("none", KeyStabilizer.None), ("sequence", KeyStabilizer.Sequence), ("global", KeyStabilizer.Global)], o => o.KeyStabilizer, (o, v) => o with { KeyStabilizer = v })
        .NumberOrNull("feature_eps", "added to every feature; null: 1e-6 for softmax, 1e-3 for relu", o => o.FeatureEps, (o, v) => o with { FeatureEps = v })
        .Int("ortho_scaling", "row lengths of the projection: 0 as of normal vectors, 1 the root of the head width", o => o.OrthoScaling, (o, v) => o with { OrthoScaling = v })
        .Int("feature_redraw_interval", "training passes between redraws of the projections; 0: never", o => o.FeatureRedrawInterval, (o, v) => o with { FeatureRedrawInterval = v })
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
        problems.Size("num_features", NumFeatures);
        problems.Known("kernel", Kernel);
        problems.Known("key_stabilizer", KeyStabilizer);
        problems.Above("feature_eps", FeatureEps, 0);
        problems.When(OrthoScaling is not (0 or 1), $"ortho_scaling must be 0 or 1, got {OrthoScaling}");
        problems.When(FeatureRedrawInterval < 0, $"feature_redraw_interval must be at least 0, got {FeatureRedrawInterval}");
        problems.Known("norm", Norm);
        problems.Size("ffn_mult", FfnMult);
    }
}

/// <summary>FAVOR+ (Choromanski et al. 2021): softmax attention estimated with positive orthogonal random features, in the form of
/// linear attention.</summary>
/// <remarks>Buffer: <c>layers.{i}.mixer.projection</c> [m, d], drawn at the start, saved and loaded, never trained.</remarks>
public sealed class Performer : LayeredBlock
{
    private readonly PerformerOptions _options;
    private readonly Generator? _generator;
    private long _trainingPasses;

    /// <summary>Builds the block.</summary>
    /// <exception cref="OptionException">The options are wrong.</exception>
    public Performer(PerformerOptions options, ParameterOptions? parameters = null) : base(
        options, parameters, LinearInit.FanInUniform, _ => Layer(options, parameters), () => options.Norm.Create(options.HiddenSize, parameters)) =>
        (_options, _generator) = (options, parameters?.Generator);

    internal static BlockInfo Info { get; } = BlockInfo.Of(
        "performer", PerformerOptions.Rows, (o, p) => new Performer(o, p),
        description: "softmax attention estimated by positive orthogonal random features",
        Causality.ByOption,
        streaming: "with causal = true and key_stabilizer = none (or kernel = relu): an m × d state and an m vector per head",
        gradientCases:
        [
            new("causal", """{"embed_dim": 3, "hidden_size": 4, "num_layers": 2, "num_heads": 2, "num_features": 5, "ffn_mult": 1}"""),
            new("both ways", """
                {"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 1, "num_features": 3, "causal": false, "key_stabilizer": "sequence",
                 "feature_eps": 0.01, "ortho_scaling": 1, "norm": "rms", "ffn_mult": 1}
                """),
            new("one stabilizer for all", """
                {"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "num_features": 3, "key_stabilizer": "global", "feature_eps": 0.05, "ffn_mult": 1}
                """),
            new("in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "num_features": 4, "kernel": "relu", "ffn_mult": 1}""") { Pieces = [2, 1, 2] },
            new("softmax, in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 1, "num_features": 3, "bias": false, "ffn_mult": 1}""") { Pieces = [1, 3, 1] },
            new("relu, both ways", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 1, "num_features": 3, "kernel": "relu", "feature_eps": 0.1, "causal": false, "ffn_mult": 1}"""),
        ]);

    /// <inheritdoc/>
    protected override Tensor Begin(Tensor x, Pass pass)
    {
        ArgumentNullException.ThrowIfNull(pass);
        if (IsTraining && !pass.IsStreaming)
        {
            if (_options.FeatureRedrawInterval > 0 && _trainingPasses > 0 && _trainingPasses % _options.FeatureRedrawInterval == 0) Redraw();
            _trainingPasses++;
        }

        return x;
    }

    /// <summary>Draws new projections for all layers. A streaming state belongs to the projection it was built with.</summary>
    public void Redraw()
    {
        using var off = Tensor.NoGrad();
        foreach (var layer in Layers)
            ((KernelAttention)layer.Mixer).Projection!.Set(Draw(_options, new ParameterOptions { DType = DType, Device = Device, Generator = _generator }));
    }

    /// <summary>W [m, d]: blocks of d orthonormal rows evenly distributed over the orthogonal group, the rows scaled to the lengths
    /// of normal vectors or to √d.</summary>
    internal static Tensor Draw(PerformerOptions o, ParameterOptions? parameters)
    {
        int width = o.HiddenSize / o.NumHeads, rows = o.NumFeatures;
        var exact = (parameters ?? ParameterOptions.Default) with { DType = DType.Float64 };
        var blocks = new List<Tensor>();
        for (var r = 0; r < rows; r += width) blocks.Add(Initializer.Orthogonal().Create([width, width], exact));
        var directions = Tensor.Cat([.. blocks]).Narrow(0, 0, rows);
        var lengths = o.OrthoScaling == 1
            ? Tensor.Full([rows, 1], Math.Sqrt(width), DType.Float64, exact.Device)
            : Initializer.Normal(1).Create([rows, width], exact).Norm(2, [1], keepdim: true);
        return (directions * lengths).To(parameters?.DType ?? DType.Float32);
    }

    private static ResidualLayer Layer(PerformerOptions o, ParameterOptions? parameters)
    {
        var features = new Features(o);
        var mixer = new KernelAttention(
            o.HiddenSize, o.NumHeads, o.NumFeatures, o.Bias, o.Causal, eps: 0, features, parameters, Draw(o, parameters));
        features.Projection = mixer.Projection!;
        return ResidualLayer.Pre(
            o, o.Norm, mixer, new MlpFeedForward(o.HiddenSize, o.FfnMult * o.HiddenSize, options: parameters), parameters);
    }

    private sealed class Features(PerformerOptions options) : KernelFeatures
    {
        public StateBuffer? Projection { get; set; }

        public override string? StreamingObstacle => options.Kernel == FavorKernel.Relu || options.KeyStabilizer == KeyStabilizer.None
            ? null
            : "the key stabilizer is a maximum over positions that a stream has not seen yet: use key_stabilizer = none";

        public override bool MixesBatch => options is { Kernel: FavorKernel.Softmax, KeyStabilizer: KeyStabilizer.Global };

        public override Tensor Query(Tensor q) => q.FavorFeatures(Projection!.Value, options.Kernel, isQuery: true, KeyStabilizer.None, options.FeatureEpsInUse);

        public override Tensor Key(Tensor k) => k.FavorFeatures(Projection!.Value, options.Kernel, isQuery: false, options.KeyStabilizer, options.FeatureEpsInUse);
    }
}
