using Edifice.Engine;
using Edifice.Engine.Backends;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>How RetNet turns queries and keys by their position.</summary>
public enum RetNetRotary
{
    /// <summary>The official layout: neighbours paired, frequencies down to exactly 1/10000.</summary>
    RetNet,

    /// <summary>Halves paired, the frequencies of rotary embedding.</summary>
    Rope,

    /// <summary>Not at all.</summary>
    None,
}

/// <summary>Options of <see cref="RetNet"/>.</summary>
public sealed record RetNetOptions() : BlockOptions("retnet", numLayers: 6, dropout: 0)
{
    /// <summary>h.</summary>
    public int NumHeads { get; init; } = 4;

    /// <summary>Value width as a multiple of H, rounded down.</summary>
    public double ExpandV { get; init; } = 2;

    /// <summary>The rotation.</summary>
    public RetNetRotary Rotary { get; init; }

    /// <summary>The norm of each head's output.</summary>
    public NormKind GroupNorm { get; init; } = NormKind.Rms;

    /// <summary>A learned weight (and bias for layer) in it, shared by the heads.</summary>
    public bool GroupNormAffine { get; init; }

    /// <summary>Its eps.</summary>
    public double GroupNormEps { get; init; } = 1e-6;

    /// <summary>Biases on the query, key, value, gate and output projections.</summary>
    public bool Bias { get; init; }

    /// <summary>The wrapper's norms.</summary>
    public NormKind Norm { get; init; }

    /// <summary>The feed-forward.</summary>
    public FeedForwardKind Ffn { get; init; }

    /// <summary>Its inner width is floor(FfnMult · H).</summary>
    public double FfnMult { get; init; } = 2;

    /// <summary>Its activation.</summary>
    public Activation FfnAct { get; init; } = Activation.Gelu;

    /// <summary>How retention is computed.</summary>
    public RecurrenceMode Mode { get; init; } = RecurrenceMode.Parallel;

    /// <summary>Rows per chunk in chunkwise mode.</summary>
    public int ChunkSize { get; init; } = 64;

    internal int ValueWidth => RecurrenceRules.Expanded(HiddenSize, ExpandV);

    internal int InnerWidth => RecurrenceRules.Expanded(HiddenSize, FfnMult);

    /// <summary>The rows of JSON and lists.</summary>
    public static OptionTable<RetNetOptions> Rows { get; } = OptionTable.For(new RetNetOptions { EmbedDim = 0 })
        .Int("num_heads", "heads", o => o.NumHeads, (o, v) => o with { NumHeads = v })
        .Number("expand_v", "value width as a multiple of hidden_size", o => o.ExpandV, (o, v) => o with { ExpandV = v })
        .Choice("rotary", "rotation of queries and keys", [("retnet", RetNetRotary.RetNet), ("rope", RetNetRotary.Rope), ("none", RetNetRotary.None)], o => o.Rotary, (o, v) => o with { Rotary = v })
        .GroupNorm(o => o.GroupNorm, (o, v) => o with { GroupNorm = v })
        .GroupNormAffine(o => o.GroupNormAffine, (o, v) => o with { GroupNormAffine = v })
        .GroupNormEps(o => o.GroupNormEps, (o, v) => o with { GroupNormEps = v })
        .Bias(o => o.Bias, (o, v) => o with { Bias = v })
        .Norm(o => o.Norm, (o, v) => o with { Norm = v })
        .Ffn(o => o.Ffn, (o, v) => o with { Ffn = v })
        .Number("ffn_mult", "its inner width as a multiple of hidden_size, rounded down", o => o.FfnMult, (o, v) => o with { FfnMult = v })
        .FfnAct(o => o.FfnAct, (o, v) => o with { FfnAct = v })
        .Choice("mode", "how to compute, never what", RecurrenceRules.AllModes, o => o.Mode, (o, v) => o with { Mode = v })
        .ChunkSize(o => o.ChunkSize, (o, v) => o with { ChunkSize = v });

    /// <inheritdoc/>
    protected override OptionTable Table => Rows;

    /// <inheritdoc/>
    protected override void Check(OptionProblems problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        problems.Heads(HiddenSize, NumHeads);
        problems.HeadsOf("expand_v", ValueWidth, NumHeads);
        problems.Known("rotary", Rotary);
        problems.When(
            Rotary != RetNetRotary.None && NumHeads >= 1 && HiddenSize % NumHeads == 0 && HiddenSize / NumHeads % 2 != 0,
            $"the rotation pairs channels, and the key width {HiddenSize / Math.Max(1, NumHeads)} is odd: use rotary = none or another num_heads");
        problems.Known("group_norm", GroupNorm);
        problems.Above("group_norm_eps", GroupNormEps, 0);
        problems.Known("norm", Norm);
        problems.Known("ffn", Ffn);
        problems.When(HiddenSize >= 1 && InnerWidth < 1, "ffn_mult gives no inner width of at least 1");
        problems.When(FfnAct is not (Activation.Gelu or Activation.Silu), $"ffn_act must be gelu or silu, got {FfnAct}");
        problems.Known("mode", Mode);
        problems.Chunks(ChunkSize);
    }
}

/// <summary>RetNet (Sun et al. 2023): each head keeps a matrix state that fades by a fixed factor per step; parallel, recurrent and
/// chunkwise modes are one function of the same weights. The running normalisers of the official code are left out: they cancel
/// in the norm of each head but for its eps.</summary>
public sealed class RetNet : LayeredBlock
{
    /// <summary>Builds the block.</summary>
    /// <exception cref="OptionException">The options are wrong.</exception>
    public RetNet(RetNetOptions options, ParameterOptions? parameters = null) : base(
        options, parameters, LinearInit.FanInUniform, _ => Layer(options, parameters), () => options.Norm.Create(options.HiddenSize, parameters)) { }

    internal static BlockInfo Info { get; } = BlockInfo.Of(
        "retnet", RetNetOptions.Rows, (o, p) => new RetNet(o, p),
        description: "multi-scale retention: a matrix state per head with a fixed decay",
        Causality.Always,
        streaming: "a dk × dv state per head",
        gradientCases:
        [
            new("parallel", """{"embed_dim": 3, "hidden_size": 8, "num_layers": 1, "num_heads": 2, "ffn_mult": 1, "group_norm_eps": 0.01}"""),
            new("recurrent", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 2, "num_heads": 2, "rotary": "rope", "mode": "recurrent", "group_norm_affine": true, "group_norm_eps": 0.01, "norm": "rms", "ffn": "gated", "ffn_act": "silu", "ffn_mult": 1}"""),
            new("chunkwise", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 1, "rotary": "none", "mode": "chunkwise", "chunk_size": 2, "group_norm": "layer", "group_norm_eps": 0.01, "group_norm_affine": true, "bias": true, "ffn_mult": 1}"""),
            new("in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 1, "group_norm_eps": 0.01, "ffn_mult": 1}""") { Pieces = [2, 1, 2] },
            new("recurrent, in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 2, "rotary": "none", "mode": "recurrent", "group_norm_eps": 0.01, "ffn_mult": 1}""") { Pieces = [1, 3, 1] },
            new("chunkwise, in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "num_heads": 1, "rotary": "rope", "mode": "chunkwise", "chunk_size": 2, "group_norm_eps": 0.01, "ffn_mult": 1}""") { Pieces = [1, 3, 1] },
        ]);

    private static ResidualLayer Layer(RetNetOptions o, ParameterOptions? parameters) => ResidualLayer.Pre(
        o, o.Norm, new Retention(o, parameters),
        o.Ffn.Create(o.HiddenSize, o.InnerWidth, LinearInit.FanInUniform, parameters, o.FfnAct), parameters);

    private sealed class Retention : Sublayer
    {
        private const string State = "s";

        private readonly RetNetOptions _options;
        private readonly double[] _gamma;
        private readonly Linear _query, _key, _value, _gate, _output;
        private readonly Norm _groupNorm;

        public Retention(RetNetOptions o, ParameterOptions? parameters)
        {
            _options = o;
            // 1 - 2^(-5-m): below float's resolution from head 20 on, so kept in double.
            _gamma = [.. Enumerable.Range(0, o.NumHeads).Select(m => 1 - Math.Pow(2, -5 - m))];
            int h = o.HiddenSize, v = o.ValueWidth;
            Linear Project(int from, int to, double gain) =>
                new(from, to, o.Bias, init: LinearInit.WithZeroBias(Initializer.XavierUniform(gain)), options: parameters);
            var gain = Math.Pow(2, -2.5);
            _query = Register("q_proj", Project(h, h, gain));
            _key = Register("k_proj", Project(h, h, gain));
            _value = Register("v_proj", Project(h, v, gain));
            _gate = Register("g_proj", Project(h, v, gain));
            _output = Register("out_proj", Project(v, h, 0.5));
            _groupNorm = Register("group_norm", HeadNorm.Create(o.GroupNorm, v / o.NumHeads, o.GroupNormEps, o.GroupNormAffine, parameters));
        }

        public override IReadOnlyList<StateSlot> StateSlots =>
            [StateSlot.Fixed(State, _options.NumHeads, _options.HiddenSize / _options.NumHeads, _options.ValueWidth / _options.NumHeads)];

        public override Tensor Forward(Tensor x, Pass pass, SublayerState? state)
        {
            Tensor Heads(Tensor y) => y.Unflatten(-1, _options.NumHeads, -1);
            var q = Heads(_query.Forward(x));
            // The factor multiplies the whole projection, bias included.
            var k = Heads(_key.Forward(x)) * Math.Pow(_options.HiddenSize / _options.NumHeads, -0.5);
            (q, k) = _options.Rotary switch
            {
                RetNetRotary.RetNet => (q.RetNetRotary(pass.Offset), k.RetNetRotary(pass.Offset)),
                RetNetRotary.Rope => (q.Rope(offset: pass.Offset), k.Rope(offset: pass.Offset)),
                _ => (q, k),
            };
            var mode = state is not null && x.Size(1) == 1 ? RecurrenceMode.Recurrent : _options.Mode;
            var (y, s) = Tensor.Retention(q, k, Heads(_value.Forward(x)), _gamma, 1, state?[State], mode, _options.ChunkSize);
            if (state is not null) state[State] = s;
            return _output.Forward(Tensor.Gated(Activation.Silu, _gate.Forward(x), _groupNorm.Forward(y).Flatten(2, 3)));
        }
    }
}
