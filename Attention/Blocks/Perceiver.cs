using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>Options of <see cref="Perceiver"/>.</summary>
public sealed record PerceiverOptions() : BlockOptions("perceiver", numLayers: 4, dropout: 0.1)
{
    /// <summary>M, rows of the latent array.</summary>
    public int NumLatents { get; init; } = 64;

    /// <summary>C, cross-attention layers; 1 ≤ C ≤ number of layers.</summary>
    public int NumCrossLayers { get; init; } = 1;

    /// <summary>Heads of self-attention.</summary>
    public int NumHeads { get; init; } = 4;

    /// <summary>Heads of cross-attention; null: <see cref="NumHeads"/>.</summary>
    public int? NumCrossHeads { get; init; }

    /// <summary>Biases on the query, key, value and output projections.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Every norm of the block.</summary>
    public NormKind Norm { get; init; }

    /// <summary>The feed-forward.</summary>
    public FeedForwardKind Ffn { get; init; }

    /// <summary>Its inner width is floor(FfnMult · H + 1/2).</summary>
    public double FfnMult { get; init; } = 4;

    internal int CrossHeadsInUse => NumCrossHeads ?? NumHeads;

    /// <summary>The rows of JSON and lists.</summary>
    public static OptionTable<PerceiverOptions> Rows { get; } = OptionTable.For(new PerceiverOptions { EmbedDim = 0 })
        .Int("num_latents", "rows of the latent array", o => o.NumLatents, (o, v) => o with { NumLatents = v })
        .Int("num_cross_layers", "layers that read the input; num_layers counts the self-attention layers between them", o => o.NumCrossLayers, (o, v) => o with { NumCrossLayers = v })
        .Int("num_heads", "heads of self-attention", o => o.NumHeads, (o, v) => o with { NumHeads = v })
        .IntOrNull("num_cross_heads", "heads of cross-attention; null: num_heads", o => o.NumCrossHeads, (o, v) => o with { NumCrossHeads = v })
        .Bias(o => o.Bias, (o, v) => o with { Bias = v })
        .Norm(o => o.Norm, (o, v) => o with { Norm = v })
        .Ffn(o => o.Ffn, (o, v) => o with { Ffn = v })
        .FfnMult(o => o.FfnMult, (o, v) => o with { FfnMult = v });

    /// <inheritdoc/>
    protected override OptionTable Table => Rows;

    /// <inheritdoc/>
    protected override void Check(OptionProblems problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        problems.Size("num_latents", NumLatents);
        problems.Size("num_cross_layers", NumCrossLayers);
        problems.When(NumLayers < NumCrossLayers, $"num_layers {NumLayers} must be at least num_cross_layers {NumCrossLayers}: each cross layer is followed by self-attention");
        problems.Heads(HiddenSize, NumHeads);
        problems.Size("num_cross_heads", NumCrossHeads);
        if (NumCrossHeads is { } cross) problems.Divides("num_cross_heads", cross, "hidden_size", HiddenSize);
        problems.Known("norm", Norm);
        problems.Known("ffn", Ffn);
        problems.FeedForward(FfnMult, HiddenSize);
    }
}

/// <summary>Perceiver (Jaegle et al. 2021): a learned array of latents reads an input of any length by cross-attention and works on
/// itself by self-attention, at a cost linear in the input. <see cref="SequenceBlock.ForwardSequence"/> gives the latents
/// [B, M, H]; the output is their mean. Takes a key mask.</summary>
public sealed class Perceiver : SequenceBlock
{
    private readonly Parameter _latents;
    private readonly Linear? _inputProjection;
    private readonly ModuleList<CrossLayer> _cross;
    private readonly ModuleList<ResidualLayer> _layers;
    private readonly Norm _finalNorm;

    /// <summary>Builds the block.</summary>
    /// <exception cref="OptionException">The options are wrong.</exception>
    public Perceiver(PerceiverOptions options, ParameterOptions? parameters = null) : base(options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var init = LinearInit.WithZeroBias(Initializer.FanInTruncatedNormal());
        _latents = Register("latents", Initializer.TruncatedNormal(0.02).Create([options.NumLatents, HiddenSize], parameters));
        if (EmbedDim != HiddenSize) _inputProjection = Register("input_proj", new Linear(EmbedDim, HiddenSize, init: init, options: parameters));
        _cross = Register("cross", new ModuleList<CrossLayer>());
        for (var c = 0; c < options.NumCrossLayers; c++) _cross.Add(new CrossLayer(options, init, parameters));
        _layers = Register("layers", new ModuleList<ResidualLayer>());
        for (var i = 0; i < options.NumLayers; i++)
            _layers.Add(ResidualLayer.Pre(
                options, options.Norm, Attention(options, options.NumHeads, init, parameters), Feed(options, init, parameters), parameters));
        _finalNorm = Register("final_norm", options.Norm.Create(HiddenSize, parameters));
    }

    internal static BlockInfo Info { get; } = BlockInfo.Of(
        "perceiver", PerceiverOptions.Rows, (o, p) => new Perceiver(o, p),
        description: "a learned latent array that reads the input by cross-attention",
        Causality.Never,
        streaming: "none: the latents depend on all inputs; for whole sequences use the classification tasks",
        gradientCases:
        [
            new("one cross layer", """{"embed_dim": 3, "hidden_size": 4, "num_layers": 2, "num_latents": 3, "num_heads": 2, "num_cross_heads": 1, "ffn_mult": 1}"""),
            new("masked", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 3, "num_latents": 2, "num_cross_layers": 2, "num_heads": 1, "bias": false, "norm": "rms", "ffn": "gated", "ffn_mult": 1}""")
            {
                Inputs = () => new SequenceInputs { KeyMask = Tensor.FromArray([true, true, false, true, false, false, true, true, true, true], [2, 5]) },
            },
        ]);

    /// <inheritdoc/>
    public override bool IsCausal => false;

    /// <inheritdoc/>
    public override string StreamingObstacle => "the latents depend on all inputs";

    /// <inheritdoc/>
    public override bool KeepsPositions => false;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Takes => [SequenceInputs.KeyMaskName];

    /// <inheritdoc/>
    protected override Tensor Run(Tensor x, Pass pass)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(pass);
        x = _inputProjection?.Forward(x) ?? x;
        var z = _latents.Value.Expand(x.Size(0), -1, -1);
        var perGroup = _layers.Count / _cross.Count;
        for (var c = 0; c < _cross.Count; c++)
        {
            z = _cross[c].Forward(z, x, pass.Inputs.KeyMask);
            var end = c == _cross.Count - 1 ? _layers.Count : (c + 1) * perGroup;
            for (var i = c * perGroup; i < end; i++) z = _layers[i].Forward(z, pass, null, null);
        }

        return _finalNorm.Forward(z);
    }

    /// <inheritdoc/>
    protected override Tensor Pool(Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        return hidden.Mean(1);
    }

    private protected override StatePlan PlanState() => new([]);

    private static SoftmaxAttention Attention(PerceiverOptions o, int heads, LinearInit init, ParameterOptions? parameters) => new(
        new SoftmaxAttentionSettings(o.HiddenSize, heads, heads, o.HiddenSize / heads) { Bias = o.Bias, Causal = false, Init = init }, parameters);

    private static FeedForward Feed(PerceiverOptions o, LinearInit init, ParameterOptions? parameters) =>
        o.Ffn.Create(o.HiddenSize, Choices.InnerWidth(o.FfnMult, o.HiddenSize), init, parameters);

    /// <summary>z = z + drop(attention(q_norm(z), kv_norm(x))); z = z + drop(ffn(norm2(z))).</summary>
    private sealed class CrossLayer : Module
    {
        private readonly Norm _queryNorm, _inputNorm, _norm2;
        private readonly SoftmaxAttention _mixer;
        private readonly FeedForward _ffn;
        private readonly double _dropout;

        public CrossLayer(PerceiverOptions o, LinearInit init, ParameterOptions? parameters)
        {
            _queryNorm = Register("q_norm", o.Norm.Create(o.HiddenSize, parameters));
            _inputNorm = Register("kv_norm", o.Norm.Create(o.HiddenSize, parameters));
            _mixer = Register("mixer", Attention(o, o.CrossHeadsInUse, init, parameters));
            _norm2 = Register("norm2", o.Norm.Create(o.HiddenSize, parameters));
            _ffn = Register("ffn", Feed(o, init, parameters));
            _dropout = o.Dropout;
        }

        public Tensor Forward(Tensor z, Tensor x, Tensor? keyMask)
        {
            z += _mixer.Forward(_queryNorm.Forward(z), _inputNorm.Forward(x), keyMask).Dropout(_dropout, IsTraining);
            return z + _ffn.Forward(_norm2.Forward(z)).Dropout(_dropout, IsTraining);
        }
    }
}
