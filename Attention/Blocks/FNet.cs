using Edifice.Engine;
using Edifice.Engine.Backends;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>Options of <see cref="FNet"/>. The published encoder is <c>NormPosition = NormPosition.Post, NormEps = 1e-12,
/// Activation = Activation.GeluTanh</c>.</summary>
public sealed record FNetOptions() : BlockOptions("fnet", numLayers: 4, dropout: 0.1)
{
    /// <summary>Every norm of the block.</summary>
    public NormKind Norm { get; init; }

    /// <summary>eps of every norm; null: the norm's own.</summary>
    public double? NormEps { get; init; }

    /// <summary>Where the norms stand.</summary>
    public NormPosition NormPosition { get; init; }

    /// <summary>The feed-forward.</summary>
    public FeedForwardKind Ffn { get; init; }

    /// <summary>Its inner width is floor(FfnMult · H + 1/2).</summary>
    public double FfnMult { get; init; } = 4;

    /// <summary>Activation of the mlp: exact GELU or its tanh form.</summary>
    public Activation Activation { get; init; } = Activation.Gelu;

    /// <summary>The rows of JSON and lists.</summary>
    public static OptionTable<FNetOptions> Rows { get; } = OptionTable.For(new FNetOptions { EmbedDim = 0 })
        .Norm(o => o.Norm, (o, v) => o with { Norm = v })
        .NumberOrNull("norm_eps", "eps of every norm; null: 1e-5 for layer, 1e-6 for rms", o => o.NormEps, (o, v) => o with { NormEps = v })
        .Choice("norm_position", "norms on the inputs of the sublayers or on the sums", [("pre", NormPosition.Pre), ("post", NormPosition.Post)], o => o.NormPosition, (o, v) => o with { NormPosition = v })
        .Ffn(o => o.Ffn, (o, v) => o with { Ffn = v })
        .FfnMult(o => o.FfnMult, (o, v) => o with { FfnMult = v })
        .Choice("activation", "of the mlp", [("gelu", Activation.Gelu), ("gelu_tanh", Activation.GeluTanh)], o => o.Activation, (o, v) => o with { Activation = v });

    /// <inheritdoc/>
    protected override OptionTable Table => Rows;

    /// <inheritdoc/>
    protected override void Check(OptionProblems problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        problems.Known("norm", Norm);
        problems.Above("norm_eps", NormEps, 0);
        problems.Known("norm_position", NormPosition);
        problems.Known("ffn", Ffn);
        problems.FeedForward(FfnMult, HiddenSize);
        problems.When(Activation is not (Activation.Gelu or Activation.GeluTanh), $"activation must be gelu or gelu_tanh, got {Activation}");
    }
}

/// <summary>Fourier mixing (Lee-Thorp et al. 2021): the real part of the 2-D transform over sequence and hidden axes in place of
/// attention; the mixer has no parameters. Neither causal nor streaming: every output depends on every input and on L.</summary>
public sealed class FNet : LayeredBlock
{
    private const double Spread = 0.02;

    /// <summary>Builds the block.</summary>
    /// <exception cref="OptionException">The options are wrong.</exception>
    public FNet(FNetOptions options, ParameterOptions? parameters = null) : base(
        options, parameters, LinearInit.Normal(Spread), _ => Layer(options, parameters),
        options.NormPosition == NormPosition.Pre ? () => options.Norm.Create(options.HiddenSize, parameters, options.NormEps) : null) { }

    internal static BlockInfo Info { get; } = BlockInfo.Of(
        "fnet", FNetOptions.Rows, (o, p) => new FNet(o, p),
        description: "real part of the 2-D Fourier transform as a mixer without parameters",
        Causality.Never,
        streaming: "none: every output depends on every input; for whole sequences use the classification tasks",
        gradientCases:
        [
            new("pre", """{"embed_dim": 3, "hidden_size": 4, "num_layers": 2, "ffn_mult": 1}"""),
            new("post", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "norm_position": "post", "activation": "gelu_tanh", "ffn_mult": 1}"""),
            new("gated", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "norm": "rms", "ffn": "gated", "ffn_mult": 1.5}"""),
            new("gated, post, odd widths", """{"embed_dim": 5, "hidden_size": 5, "num_layers": 1, "norm_position": "post", "norm_eps": 0.001, "ffn": "gated", "ffn_mult": 1}""") { Length = 6 },
        ]);

    private static ResidualLayer Layer(FNetOptions o, ParameterOptions? parameters)
    {
        var inner = Choices.InnerWidth(o.FfnMult, o.HiddenSize);
        var init = new LinearInit(Initializer.Normal(Spread), Initializer.Normal(Spread));
        FeedForward ffn = o.Ffn == FeedForwardKind.Mlp
            ? new MlpFeedForward(o.HiddenSize, inner, o.Activation, init: init, downInit: LinearInit.Normal(Spread), options: parameters)
            : new GatedFeedForward(o.HiddenSize, inner, init: init, options: parameters);
        return new ResidualLayer(
            o.Norm.Create(o.HiddenSize, parameters, o.NormEps), new Mixer(), o.Norm.Create(o.HiddenSize, parameters, o.NormEps), ffn)
        {
            FeedForwardDropout = o.Dropout, NormPosition = o.NormPosition,
        };
    }

    private sealed class Mixer : Sublayer
    {
        public override bool IsCausal => false;

        public override string StreamingObstacle => "every output of the Fourier transform depends on every input and on the length";

        public override Tensor Forward(Tensor x, Pass pass, SublayerState? state) => x.Fft2Real();
    }
}
