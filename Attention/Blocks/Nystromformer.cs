using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>Scale at which the iterative pseudo-inverse begins.</summary>
public enum PseudoInverseStart
{
    /// <summary>By the largest row and column sum of each matrix.</summary>
    Exact,

    /// <summary>By the largest ones of the whole tensor, so that a sample's result depends on its batch.</summary>
    Original,
}

/// <summary>Options of <see cref="Nystromformer"/>.</summary>
public sealed record NystromformerOptions() : BlockOptions("nystromformer", numLayers: 4, dropout: 0.1)
{
    /// <summary>h; the head width is H / h.</summary>
    public int NumHeads { get; init; } = 4;

    /// <summary>M; at L ≤ M the block is exact softmax attention.</summary>
    public int NumLandmarks { get; init; } = 32;

    /// <summary>How landmarks cut the sequence.</summary>
    public LandmarkSegments LandmarkSegments { get; init; }

    /// <summary>Steps of the pseudo-inverse; results depend on it.</summary>
    public int PinvIterations { get; init; } = 6;

    /// <summary>Where the pseudo-inverse begins.</summary>
    public PseudoInverseStart PinvInit { get; init; }

    /// <summary>Adds a depthwise convolution of the values.</summary>
    public bool ConvResidual { get; init; } = true;

    /// <summary>Its width, odd.</summary>
    public int ConvKernel { get; init; } = 33;

    /// <summary>Biases on the query, key, value and output projections.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Every norm of the block.</summary>
    public NormKind Norm { get; init; }

    /// <summary>The feed-forward's inner width is FfnMult · H.</summary>
    public int FfnMult { get; init; } = 4;

    /// <summary>The rows of JSON and lists.</summary>
    public static OptionTable<NystromformerOptions> Rows { get; } = OptionTable.For(new NystromformerOptions { EmbedDim = 0 })
        .Int("num_heads", "heads; their width is hidden_size / num_heads", o => o.NumHeads, (o, v) => o with { NumHeads = v })
        .Int("num_landmarks", "landmarks; sequences no longer than this get exact attention", o => o.NumLandmarks, (o, v) => o with { NumLandmarks = v })
        .Choice("landmark_segments", "how landmarks cut the sequence", [("balanced", LandmarkSegments.Balanced), ("end_aligned", LandmarkSegments.EndAligned)], o => o.LandmarkSegments, (o, v) => o with { LandmarkSegments = v })
        .Int("pinv_iterations", "steps of the iterative pseudo-inverse", o => o.PinvIterations, (o, v) => o with { PinvIterations = v })
        .Choice("pinv_init", "its scale per matrix or one for the whole tensor", [("exact", PseudoInverseStart.Exact), ("original", PseudoInverseStart.Original)], o => o.PinvInit, (o, v) => o with { PinvInit = v })
        .Bool("conv_residual", "adds a depthwise convolution of the values", o => o.ConvResidual, (o, v) => o with { ConvResidual = v })
        .Int("conv_kernel", "its width, odd", o => o.ConvKernel, (o, v) => o with { ConvKernel = v })
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
        problems.Size("num_landmarks", NumLandmarks);
        problems.Known("landmark_segments", LandmarkSegments);
        problems.Size("pinv_iterations", PinvIterations);
        problems.Known("pinv_init", PinvInit);
        problems.When(ConvResidual && (ConvKernel < 1 || ConvKernel % 2 == 0), $"conv_kernel must be odd and at least 1, got {ConvKernel}: an even kernel has no symmetric padding");
        problems.Known("norm", Norm);
        problems.Size("ffn_mult", FfnMult);
    }
}

/// <summary>Nyström attention (Xiong et al. 2021): softmax attention through landmarks and an iterative pseudo-inverse. Bidirectional:
/// landmarks average over later positions, so there is no causal and no streaming form.</summary>
public sealed class Nystromformer : LayeredBlock
{
    /// <summary>Builds the block.</summary>
    /// <exception cref="OptionException">The options are wrong.</exception>
    public Nystromformer(NystromformerOptions options, ParameterOptions? parameters = null) : base(
        options, parameters, LinearInit.FanInUniform, _ => Layer(options, parameters), () => options.Norm.Create(options.HiddenSize, parameters)) { }

    internal static BlockInfo Info { get; } = BlockInfo.Of(
        "nystromformer", NystromformerOptions.Rows, (o, p) => new Nystromformer(o, p),
        description: "softmax attention through landmarks and an iterative pseudo-inverse",
        Causality.Never,
        streaming: "none: landmarks average over later positions; for whole sequences use the classification tasks",
        gradientCases:
        [
            new("landmarks", """{"embed_dim": 3, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "num_landmarks": 2, "pinv_iterations": 2, "conv_kernel": 3, "ffn_mult": 1}"""),
            new("exact", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 2, "num_heads": 1, "num_landmarks": 8, "conv_residual": false, "norm": "rms", "ffn_mult": 1}"""),
            new("end aligned", """
                {"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "num_landmarks": 3, "landmark_segments": "end_aligned", "pinv_iterations": 1,
                 "pinv_init": "original", "bias": false, "conv_kernel": 1, "ffn_mult": 1}
                """),
            new("one scale for all", """
                {"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "num_landmarks": 2, "pinv_iterations": 3, "pinv_init": "original", "conv_residual": false, "ffn_mult": 1}
                """),
        ]);

    private static ResidualLayer Layer(NystromformerOptions o, ParameterOptions? parameters) => ResidualLayer.Pre(
        o, o.Norm, new Mixer(o, parameters), new MlpFeedForward(o.HiddenSize, o.FfnMult * o.HiddenSize, options: parameters), parameters);

    private sealed class Mixer : Sublayer
    {
        private readonly NystromformerOptions _options;
        private readonly Linear _query, _key, _value, _output;
        private readonly Convolution? _conv;

        public Mixer(NystromformerOptions o, ParameterOptions? parameters)
        {
            _options = o;
            Linear Project() => new(o.HiddenSize, o.HiddenSize, o.Bias, options: parameters);
            _query = Register("q_proj", Project());
            _key = Register("k_proj", Project());
            _value = Register("v_proj", Project());
            _output = Register("out_proj", Project());
            if (o.ConvResidual) _conv = Register("conv", new Convolution(o.NumHeads, o.ConvKernel, parameters));
        }

        public override bool IsCausal => false;

        public override string StreamingObstacle => "landmarks average over later positions";

        public override bool MixesBatch => _options.PinvInit != PseudoInverseStart.Exact;

        public override Tensor Forward(Tensor x, Pass pass, SublayerState? state)
        {
            Tensor Heads(Linear projection) => projection.Forward(x).Unflatten(-1, _options.NumHeads, -1);
            var y = Tensor.NystromAttention(
                Heads(_query), Heads(_key), Heads(_value), _options.NumLandmarks, _options.PinvIterations, _options.LandmarkSegments,
                _options.PinvInit == PseudoInverseStart.Exact, _conv?.Weight.Value);
            return _output.Forward(y.Flatten(2, 3));
        }
    }

    /// <summary>One kernel per head: <c>weight</c> [h, K], uniform in ±1/√K.</summary>
    private sealed class Convolution : Module
    {
        public Convolution(int heads, int taps, ParameterOptions? parameters) =>
            Weight = Register("weight", Initializer.FanInUniform.Create([heads, taps], parameters, new Fans(taps, heads)));

        public Parameter Weight { get; }
    }
}
