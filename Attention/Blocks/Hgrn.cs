using Edifice.Engine;
using Edifice.Engine.Backends;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>Options of <see cref="Hgrn"/>. There is no free number of heads: it is H / <see cref="StateExpansion"/>.</summary>
public sealed record HgrnOptions() : BlockOptions("hgrn", numLayers: 6, dropout: 0)
{
    /// <summary>d, the head width: each head keeps a d × d state; null: min(128, H).</summary>
    public int? StateExpansion { get; init; }

    /// <summary>Learned lower bounds on the forget gates, growing with depth.</summary>
    public bool UseLowerBound { get; init; } = true;

    /// <summary>Multiplies queries by d^(-1/2).</summary>
    public bool ScaleQueries { get; init; }

    /// <summary>A learned weight in the output norm.</summary>
    public bool OutNormAffine { get; init; } = true;

    /// <summary>eps of the output norm.</summary>
    public double OutNormEps { get; init; } = 1e-6;

    /// <summary>The wrapper's norms.</summary>
    public NormKind Norm { get; init; } = NormKind.Rms;

    /// <summary>Inner width of the gated feed-forward before rounding is 2/3 FfnMult · H.</summary>
    public double FfnMult { get; init; } = 4;

    /// <summary>It is rounded up to a multiple of this.</summary>
    public int FfnMultipleOf { get; init; } = 256;

    /// <summary>The inner width itself; null: by the rule.</summary>
    public int? FfnInnerSize { get; init; }

    /// <summary>Its activation.</summary>
    public Activation FfnAct { get; init; } = Activation.Silu;

    /// <summary>How the recurrence is computed.</summary>
    public RecurrenceMode Mode { get; init; } = RecurrenceMode.Chunkwise;

    /// <summary>Rows per chunk.</summary>
    public int ChunkSize { get; init; } = 64;

    /// <summary>Rows per sub-chunk.</summary>
    public int SubChunkSize { get; init; } = 16;

    internal int HeadWidth => StateExpansion ?? Math.Min(128, HiddenSize);

    internal int Heads => HiddenSize / HeadWidth;

    internal int InnerWidth => FfnInnerSize ?? RecurrenceRules.RoundedWidth(HiddenSize, FfnMult, FfnMultipleOf);

    /// <summary>The rows of JSON and lists.</summary>
    public static OptionTable<HgrnOptions> Rows { get; } = OptionTable.For(new HgrnOptions { EmbedDim = 0 })
        .IntOrNull("state_expansion", "head width d, each head keeping a d × d state; null: min(128, hidden_size)", o => o.StateExpansion, (o, v) => o with { StateExpansion = v })
        .Bool("use_lower_bound", "learned lower bounds on the forget gates", o => o.UseLowerBound, (o, v) => o with { UseLowerBound = v })
        .Bool("scale_queries", "multiplies queries by the inverse root of d", o => o.ScaleQueries, (o, v) => o with { ScaleQueries = v })
        .Bool("out_norm_affine", "learned weight in the output norm", o => o.OutNormAffine, (o, v) => o with { OutNormAffine = v })
        .Number("out_norm_eps", "eps of the output norm", o => o.OutNormEps, (o, v) => o with { OutNormEps = v })
        .Norm(o => o.Norm, (o, v) => o with { Norm = v })
        .RoundedFfnMult(o => o.FfnMult, (o, v) => o with { FfnMult = v })
        .FfnMultipleOf(o => o.FfnMultipleOf, (o, v) => o with { FfnMultipleOf = v })
        .FfnInnerSize(o => o.FfnInnerSize, (o, v) => o with { FfnInnerSize = v })
        .FfnAct(o => o.FfnAct, (o, v) => o with { FfnAct = v })
        .Choice("mode", "how to compute, never what", RecurrenceRules.LinearModes, o => o.Mode, (o, v) => o with { Mode = v })
        .ChunkSize(o => o.ChunkSize, (o, v) => o with { ChunkSize = v })
        .SubChunkSize(o => o.SubChunkSize, (o, v) => o with { SubChunkSize = v });

    /// <inheritdoc/>
    protected override OptionTable Table => Rows;

    /// <inheritdoc/>
    protected override void Check(OptionProblems problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        problems.Size("state_expansion", StateExpansion);
        problems.Divides("state_expansion", HeadWidth, "hidden_size", HiddenSize, StateExpansion is null ? ": the default does not fit, give a value" : "");
        problems.Above("out_norm_eps", OutNormEps, 0);
        problems.Known("norm", Norm);
        problems.RoundedFeedForward(HiddenSize, FfnMult, FfnMultipleOf, FfnInnerSize);
        problems.When(FfnAct is not (Activation.Gelu or Activation.Silu), $"ffn_act must be gelu or silu, got {FfnAct}");
        problems.When(Mode is not (RecurrenceMode.Recurrent or RecurrenceMode.Chunkwise), $"mode must be recurrent or chunkwise, got {Mode}");
        problems.Chunks(ChunkSize, SubChunkSize);
    }
}

/// <summary>HGRN-2 (Qin et al. 2024): a gated linear recurrence whose forget gate also is the key (k = 1 - gate), with an outer product
/// as its state and a lower bound on each layer's gate that grows with depth.</summary>
/// <remarks>Parameter of the whole model: <c>lower_bounds</c> [N, H]. Layer 0 is not bounded.</remarks>
public sealed class Hgrn : LayeredBlock
{
    private const double Spread = 0.02;

    private readonly HgrnOptions _options;
    private readonly Parameter? _lowerBounds;

    /// <summary>Builds the block.</summary>
    /// <exception cref="OptionException">The options are wrong.</exception>
    public Hgrn(HgrnOptions options, ParameterOptions? parameters = null) : base(
        options, parameters, LinearInit.FanInUniform, i => Layer(options, i, parameters), () => options.Norm.Create(options.HiddenSize, parameters))
    {
        _options = options;
        if (options.UseLowerBound)
            _lowerBounds = Register("lower_bounds", (parameters ?? ParameterOptions.Default).Zeros([options.NumLayers, options.HiddenSize]));
    }

    internal static BlockInfo Info { get; } = BlockInfo.Of(
        "hgrn", HgrnOptions.Rows, (o, p) => new Hgrn(o, p),
        description: "HGRN-2: gated recurrence with state expansion and layer-wise lower bounds",
        Causality.Always,
        streaming: "a d × d state per head",
        gradientCases:
        [
            new("recurrent", """{"embed_dim": 3, "hidden_size": 4, "num_layers": 3, "state_expansion": 2, "out_norm_eps": 0.01, "ffn_inner_size": 3, "mode": "recurrent"}"""),
            new("chunkwise", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 2, "state_expansion": 4, "scale_queries": true, "out_norm_eps": 0.01, "norm": "layer", "ffn_inner_size": 2, "chunk_size": 3, "sub_chunk_size": 2}"""),
            new("in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "state_expansion": 1, "use_lower_bound": false, "out_norm_affine": false, "out_norm_eps": 0.01, "ffn_inner_size": 2}""") { Pieces = [2, 1, 2] },
            new("recurrent, in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 2, "out_norm_eps": 0.01, "ffn_mult": 1, "ffn_multiple_of": 2, "ffn_act": "gelu", "mode": "recurrent"}""") { Pieces = [1, 3, 1] },
        ]);

    /// <summary>The bounds of all layers, once per pass: bound_i = Σ_{1≤j≤i} P_j with P the softmax over the layers.</summary>
    protected override Tensor Begin(Tensor x, Pass pass)
    {
        ArgumentNullException.ThrowIfNull(pass);
        if (_lowerBounds is null || _options.NumLayers == 1) return x;
        var bounds = _lowerBounds.Value.Softmax(0).Narrow(0, 1, _options.NumLayers - 1).CumSum(0);
        for (var i = 1; i < _options.NumLayers; i++) pass.Shared[BoundOf(i)] = bounds.Select(0, i - 1).Unflatten(0, _options.Heads, _options.HeadWidth);
        return x;
    }

    private static string BoundOf(int layer) => $"lower_bound.{layer}";

    private static ResidualLayer Layer(HgrnOptions o, int index, ParameterOptions? parameters) => ResidualLayer.Pre(
        o, o.Norm, new Mixer(o, index, parameters),
        new GatedFeedForward(o.HiddenSize, o.InnerWidth, o.FfnAct, init: LinearInit.Normal(Spread), options: parameters), parameters);

    private sealed class Mixer : Sublayer
    {
        private const string State = "s";

        private readonly HgrnOptions _options;
        private readonly int _index;
        private readonly Linear _query, _forget, _input, _output;
        private readonly RmsNorm _norm;

        public Mixer(HgrnOptions o, int index, ParameterOptions? parameters)
        {
            (_options, _index) = (o, index);
            Linear Project() => new(o.HiddenSize, o.HiddenSize, bias: false, init: LinearInit.Normal(Spread), options: parameters);
            _query = Register("q_proj", Project());
            _forget = Register("f_proj", Project());
            _input = Register("i_proj", Project());
            _norm = Register("out_norm", new RmsNorm(o.HiddenSize, o.OutNormEps, o.OutNormAffine, parameters));
            _output = Register("out_proj", Project());
        }

        public override IReadOnlyList<StateSlot> StateSlots => [StateSlot.Fixed(State, _options.Heads, _options.HeadWidth, _options.HeadWidth)];

        public override Tensor Forward(Tensor x, Pass pass, SublayerState? state)
        {
            Tensor Heads(Tensor y) => y.Unflatten(-1, _options.Heads, _options.HeadWidth);
            var bound = pass.Shared.TryGetValue(BoundOf(_index), out var b) ? b : null;
            var mode = state is not null && x.Size(1) == 1 ? RecurrenceMode.Recurrent : _options.Mode;
            var (y, s) = Tensor.Hgrn2(
                Heads(_query.Forward(x).Silu()), Heads(_forget.Forward(x)), Heads(_input.Forward(x)), bound,
                _options.ScaleQueries ? Math.Pow(_options.HeadWidth, -0.5) : 1, state?[State], mode, _options.ChunkSize, _options.SubChunkSize);
            if (state is not null) state[State] = s;
            return _output.Forward(_norm.Forward(y.Flatten(2, 3)));
        }
    }
}
