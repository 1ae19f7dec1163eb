using Edifice.Engine;
using Edifice.Engine.Backends;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>Options of <see cref="Gla"/>.</summary>
public sealed record GlaOptions() : BlockOptions("gla", numLayers: 6, dropout: 0)
{
    /// <summary>h.</summary>
    public int NumHeads { get; init; } = 4;

    /// <summary>Base head width; null: H / h.</summary>
    public int? HeadDim { get; init; }

    /// <summary>Key width as a multiple of the base width, rounded down.</summary>
    public double ExpandK { get; init; } = 0.5;

    /// <summary>Value width as a multiple of the base width, rounded down.</summary>
    public double ExpandV { get; init; } = 1;

    /// <summary>Rank of the decay projection.</summary>
    public int GateLowRankDim { get; init; } = 16;

    /// <summary>τ, divides the log decay.</summary>
    public double GateLogitNormalizer { get; init; } = 16;

    /// <summary>A swish gate on the output.</summary>
    public bool UseOutputGate { get; init; } = true;

    /// <summary>The norm of each head's output.</summary>
    public NormKind GroupNorm { get; init; } = NormKind.Rms;

    /// <summary>A learned weight (and bias for layer) in it, shared by the heads.</summary>
    public bool GroupNormAffine { get; init; } = true;

    /// <summary>Its eps.</summary>
    public double GroupNormEps { get; init; } = 1e-6;

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

    internal int BaseWidth => HeadDim is { } d ? NumHeads * d : HiddenSize;

    internal int KeyWidth => RecurrenceRules.Expanded(BaseWidth, ExpandK);

    internal int ValueWidth => RecurrenceRules.Expanded(BaseWidth, ExpandV);

    internal int InnerWidth => FfnInnerSize ?? RecurrenceRules.RoundedWidth(HiddenSize, FfnMult, FfnMultipleOf);

    /// <summary>The rows of JSON and lists.</summary>
    public static OptionTable<GlaOptions> Rows { get; } = OptionTable.For(new GlaOptions { EmbedDim = 0 })
        .Int("num_heads", "heads", o => o.NumHeads, (o, v) => o with { NumHeads = v })
        .IntOrNull("head_dim", "base head width; null: hidden_size / num_heads", o => o.HeadDim, (o, v) => o with { HeadDim = v })
        .Number("expand_k", "key width as a multiple of the base width", o => o.ExpandK, (o, v) => o with { ExpandK = v })
        .Number("expand_v", "value width as a multiple of the base width", o => o.ExpandV, (o, v) => o with { ExpandV = v })
        .Int("gate_low_rank_dim", "rank of the decay projection", o => o.GateLowRankDim, (o, v) => o with { GateLowRankDim = v })
        .Number("gate_logit_normalizer", "divides the log decay", o => o.GateLogitNormalizer, (o, v) => o with { GateLogitNormalizer = v })
        .Bool("use_output_gate", "swish gate on the output", o => o.UseOutputGate, (o, v) => o with { UseOutputGate = v })
        .GroupNorm(o => o.GroupNorm, (o, v) => o with { GroupNorm = v })
        .GroupNormAffine(o => o.GroupNormAffine, (o, v) => o with { GroupNormAffine = v })
        .GroupNormEps(o => o.GroupNormEps, (o, v) => o with { GroupNormEps = v })
        .Norm(o => o.Norm, (o, v) => o with { Norm = v })
        .RoundedFfnMult(o => o.FfnMult, (o, v) => o with { FfnMult = v })
        .FfnMultipleOf(o => o.FfnMultipleOf, (o, v) => o with { FfnMultipleOf = v })
        .FfnInnerSize(o => o.FfnInnerSize, (o, v) => o with { FfnInnerSize = v })
        .FfnAct(o => o.FfnAct, (o, v) => o with { FfnAct = v })
        .Choice("mode", "how to compute, never what", RecurrenceRules.AllModes, o => o.Mode, (o, v) => o with { Mode = v })
        .ChunkSize(o => o.ChunkSize, (o, v) => o with { ChunkSize = v })
        .SubChunkSize(o => o.SubChunkSize, (o, v) => o with { SubChunkSize = v });

    /// <inheritdoc/>
    protected override OptionTable Table => Rows;

    /// <inheritdoc/>
    protected override void Check(OptionProblems problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        problems.Heads(HiddenSize, NumHeads, HeadDim);
        problems.HeadsOf("expand_k", KeyWidth, NumHeads);
        problems.HeadsOf("expand_v", ValueWidth, NumHeads);
        problems.Size("gate_low_rank_dim", GateLowRankDim);
        problems.Above("gate_logit_normalizer", GateLogitNormalizer, 0);
        problems.Known("group_norm", GroupNorm);
        problems.Above("group_norm_eps", GroupNormEps, 0);
        problems.Known("norm", Norm);
        problems.RoundedFeedForward(HiddenSize, FfnMult, FfnMultipleOf, FfnInnerSize);
        problems.When(FfnAct is not (Activation.Gelu or Activation.Silu), $"ffn_act must be gelu or silu, got {FfnAct}");
        problems.Known("mode", Mode);
        problems.Chunks(ChunkSize, SubChunkSize);
    }
}

/// <summary>Gated linear attention (Yang et al. 2023): the matrix state of each head fades per key channel by a factor computed from
/// the input.</summary>
public sealed class Gla : LayeredBlock
{
    private const double Spread = 0.02;

    /// <summary>Builds the block.</summary>
    /// <exception cref="OptionException">The options are wrong.</exception>
    public Gla(GlaOptions options, ParameterOptions? parameters = null) : base(
        options, parameters, LinearInit.FanInUniform, _ => Layer(options, parameters), () => options.Norm.Create(options.HiddenSize, parameters)) { }

    internal static BlockInfo Info { get; } = BlockInfo.Of(
        "gla", GlaOptions.Rows, (o, p) => new Gla(o, p),
        description: "gated linear attention: a matrix state that fades per channel by the input",
        Causality.Always,
        streaming: "a dk × dv state per head",
        gradientCases:
        [
            new("recurrent", """{"embed_dim": 3, "hidden_size": 4, "num_layers": 2, "num_heads": 2, "expand_k": 1, "gate_low_rank_dim": 2, "group_norm_eps": 0.01, "ffn_inner_size": 3, "mode": "recurrent"}"""),
            new("chunkwise", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 1, "gate_low_rank_dim": 2, "gate_logit_normalizer": 1, "use_output_gate": false, "group_norm": "layer", "group_norm_eps": 0.01, "norm": "layer", "ffn_multiple_of": 2, "ffn_mult": 1, "chunk_size": 3, "sub_chunk_size": 2}"""),
            new("in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 1, "head_dim": 3, "expand_k": 1, "gate_low_rank_dim": 1, "group_norm_eps": 0.01, "ffn_inner_size": 2}""") { Pieces = [2, 1, 2] },
            new("parallel", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "expand_k": 1, "gate_low_rank_dim": 1, "group_norm_affine": false, "group_norm_eps": 0.01, "ffn_inner_size": 2, "ffn_act": "gelu", "mode": "parallel"}"""),
            new("parallel, in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 1, "gate_low_rank_dim": 1, "group_norm_eps": 0.01, "ffn_inner_size": 2, "mode": "parallel"}""") { Pieces = [2, 1, 2] },
            new("recurrent, in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "expand_k": 1, "gate_low_rank_dim": 1, "group_norm_eps": 0.01, "ffn_inner_size": 2, "mode": "recurrent"}""") { Pieces = [1, 3, 1] },
        ]);

    private static ResidualLayer Layer(GlaOptions o, ParameterOptions? parameters) => ResidualLayer.Pre(
        o, o.Norm, new Mixer(o, parameters),
        new GatedFeedForward(o.HiddenSize, o.InnerWidth, o.FfnAct, init: LinearInit.Normal(Spread), options: parameters), parameters);

    private sealed class Mixer : Sublayer
    {
        private const string State = "s";

        private readonly GlaOptions _options;
        private readonly Linear _query, _key, _value, _output;
        private readonly Linear? _gate;
        private readonly LowRank _decay;
        private readonly Norm _groupNorm;

        public Mixer(GlaOptions o, ParameterOptions? parameters)
        {
            _options = o;
            var init = LinearInit.Normal(Spread);
            Linear Project(int from, int to) => new(from, to, bias: false, init: init, options: parameters);
            _query = Register("q_proj", Project(o.HiddenSize, o.KeyWidth));
            _key = Register("k_proj", Project(o.HiddenSize, o.KeyWidth));
            _value = Register("v_proj", Project(o.HiddenSize, o.ValueWidth));
            _decay = Register("gk_proj", new LowRank(o.HiddenSize, o.GateLowRankDim, o.KeyWidth, init, parameters));
            if (o.UseOutputGate) _gate = Register("g_proj", Project(o.HiddenSize, o.ValueWidth));
            _groupNorm = Register("group_norm", HeadNorm.Create(o.GroupNorm, o.ValueWidth / o.NumHeads, o.GroupNormEps, o.GroupNormAffine, parameters));
            _output = Register("out_proj", Project(o.ValueWidth, o.HiddenSize));
        }

        public override IReadOnlyList<StateSlot> StateSlots =>
            [StateSlot.Fixed(State, _options.NumHeads, _options.KeyWidth / _options.NumHeads, _options.ValueWidth / _options.NumHeads)];

        public override Tensor Forward(Tensor x, Pass pass, SublayerState? state)
        {
            Tensor Heads(Tensor y) => y.Unflatten(-1, _options.NumHeads, -1);
            var logDecay = Heads(_decay.Forward(x).LogSigmoid() / _options.GateLogitNormalizer);
            var mode = state is not null && x.Size(1) == 1 ? RecurrenceMode.Recurrent : _options.Mode;
            var (y, s) = Tensor.GatedLinearAttention(
                Heads(_query.Forward(x)), Heads(_key.Forward(x)), Heads(_value.Forward(x)), logDecay,
                Math.Pow(_options.KeyWidth / _options.NumHeads, -0.5), state?[State], mode, _options.ChunkSize, _options.SubChunkSize);
            if (state is not null) state[State] = s;
            y = _groupNorm.Forward(y).Flatten(2, 3);
            return _output.Forward(_gate is null ? y : Tensor.Gated(Activation.Silu, _gate.Forward(x), y));
        }
    }

    /// <summary>up(down(x)) with nothing between: <c>down.weight</c> [r, H], <c>up.weight</c> [K, r], <c>up.bias</c> [K].</summary>
    private sealed class LowRank : Module
    {
        private readonly Linear _down, _up;

        public LowRank(int from, int rank, int to, LinearInit init, ParameterOptions? parameters)
        {
            _down = Register("down", new Linear(from, rank, bias: false, init: init, options: parameters));
            _up = Register("up", new Linear(rank, to, init: init, options: parameters));
        }

        public Tensor Forward(Tensor x) => _up.Forward(_down.Forward(x));
    }
}
