using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>RWKV-7 (Peng et al. 2025): a matrix state per head updated by the generalised delta rule, with decay per key channel, a
/// learned removal direction and in-context learning rate, token shift, value residual and channel mixing.</summary>
/// <remarks>Names are the published ones; low-rank matrices multiply from the right and are stored input axis first.</remarks>
public sealed class Rwkv : LayeredBlock
{
    private const double Eps = 1e-5;
    internal const string FirstValue = "v_first";

    private readonly LayerNorm? _ln0;

    /// <summary>Builds the block.</summary>
    /// <exception cref="OptionException">The options are wrong.</exception>
    public Rwkv(RwkvOptions options, ParameterOptions? parameters = null) : base(
        options, parameters, LinearInit.FanInUniform, i => Layer(options, i, parameters), () => Norm(options, parameters))
    {
        if (options.Ln0) _ln0 = Register("ln0", Norm(options, parameters));
    }

    internal static BlockInfo Info { get; } = BlockInfo.Of(
        "rwkv", RwkvOptions.Rows, (o, p) => new Rwkv(o, p),
        description: "RWKV-7: the generalised delta rule with token shift and channel mixing",
        Causality.Always,
        streaming: "a d × d state per head and two shifted tokens",
        gradientCases:
        [
            new("gated", """{"embed_dim": 3, "hidden_size": 4, "num_layers": 2, "head_size": 4, "ffn_mult": 1, "decay_lora_dim": 2, "a_lora_dim": 1, "v_lora_dim": 2, "gate_lora_dim": 1, "group_norm_eps": 0.01}""") { Batch = 1, Length = 4 },
            new("as published", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 2, "head_size": 4, "channel_mix": "squared_relu", "ln0": false, "ffn_mult": 1, "decay_lora_dim": 1, "a_lora_dim": 1, "v_lora_dim": 1, "gate_lora_dim": 1, "group_norm_eps": 0.01, "mode": "chunkwise", "chunk_size": 3}""") { Batch = 1, Length = 4 },
            new("in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "head_size": 4, "ffn_mult": 1, "decay_lora_dim": 1, "a_lora_dim": 1, "v_lora_dim": 1, "gate_lora_dim": 1, "group_norm_eps": 0.01}""") { Batch = 1, Length = 4, Pieces = [2, 1, 1] },
            new("chunkwise, in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 2, "head_size": 2, "ffn_mult": 1, "decay_lora_dim": 1, "a_lora_dim": 1, "v_lora_dim": 1, "gate_lora_dim": 1, "group_norm_eps": 0.01, "mode": "chunkwise", "chunk_size": 2}""") { Pieces = [1, 3, 1] },
            new("ranks by width, two heads", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "head_size": 2, "ffn_mult": 1}"""),
        ]);

    /// <inheritdoc/>
    protected override Tensor Begin(Tensor x, Pass pass) => _ln0?.Forward(x) ?? x;

    private static LayerNorm Norm(RwkvOptions o, ParameterOptions? parameters) => new(o.HiddenSize, Eps, options: parameters);

    private static ResidualLayer Layer(RwkvOptions o, int index, ParameterOptions? parameters) => new(
        Norm(o, parameters), new RwkvTimeMix(o, index, parameters), Norm(o, parameters), new RwkvChannelMix(o, index, parameters))
    {
        MixerDropout = o.Dropout, FeedForwardDropout = o.Dropout,
    };
}
