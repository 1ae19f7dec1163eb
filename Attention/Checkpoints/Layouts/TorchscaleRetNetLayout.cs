using System.Text.Json;
using Edifice.Engine.Backends;

namespace Edifice.Attention.Checkpoints.Layouts;

/// <summary>RetNet as its authors publish it (torchscale's <c>RetNetDecoder</c>).</summary>
/// <remarks>The running normalisers of that code are left out here: they cancel in the norm of each head but for its eps.</remarks>
internal sealed class TorchscaleRetNetLayout() : PublishedLayout("torchscale-retnet", "retnet", "RetNet as in microsoft/torchscale")
{
    private const double Eps = 1e-6;
    private const string Layer = "layers.{i}.", Ours = "block.layers.{i}.", Decay = "retnet_rel_pos.decay", Angle = "retnet_rel_pos.angle";

    internal override PublishedModel Read(LayoutReader source)
    {
        int vocabulary = source.Extent("embed_tokens.weight", 0), hidden = source.Extent("embed_tokens.weight", 1);
        var layers = source.Layers("layers.", "decoder_layers");
        int values = source.Extent(Layer + "retention.v_proj.weight", 0), inner = source.Extent(Layer + "ffn.fc1.weight", 0);
        var heads = source.Known("decoder_retention_heads", source.Has(Decay) ? source.Extent(Decay, 0) : null);
        source.Agree("decoder_embed_dim", hidden);
        source.Agree("decoder_value_embed_dim", values);
        source.Agree("decoder_ffn_embed_dim", inner);
        source.Fixed("layernorm_eps", Eps);
        source.OneOf("activation_fn", "gelu", "swish");
        source.Fixed("deepnorm", false, "the block's norms stand before its sublayers and its residual weighs 1");
        source.Fixed("decoder_normalize_before", true, "the block's norms stand before its sublayers");
        source.Fixed("layernorm_embedding", false, "the model has no norm after the embedding");
        source.Fixed("multiway", false, "the block has one set of weights");
        source.Refuse(source.Config.Int("moe_freq", 0) != 0, "config: moe_freq is set: the block has no mixture of experts");
        var options = new RetNetOptions
        {
            EmbedDim = hidden, HiddenSize = hidden, NumLayers = layers, NumHeads = heads, ExpandV = Multiple(values, hidden),
            Norm = NormKind.Rms, Ffn = FeedForwardKind.Gated, FfnMult = Multiple(inner, hidden),
            FfnAct = source.Config.Text("activation_fn", "gelu") == "swish" ? Activation.Silu : Activation.Gelu,
        };
        return new PublishedModel(
            options, vocabulary, source.Config.Bool("share_decoder_input_output_embed", false),
            source.Config.Bool("no_scale_embedding", true) ? 1 : Math.Sqrt(hidden));
    }

    internal override IReadOnlyList<LayoutRule> Rules(PublishedModel model, Func<string, bool> has) =>
    [
        Map("embed_tokens.weight", "V, H", "embedding.weight"),
        new ConstantRule(Angle, "dk", s => Angles(s["dk"])),
        new ConstantRule(Decay, "h", s => Decays(s["h"])),
        Map(Layer + "retention_layer_norm.weight", "H", Ours + "norm1.weight"),
        Map(Layer + "retention.q_proj.weight", "H, H", Ours + "mixer.q_proj.weight"),
        Map(Layer + "retention.k_proj.weight", "H, H", Ours + "mixer.k_proj.weight"),
        Map(Layer + "retention.v_proj.weight", "W, H", Ours + "mixer.v_proj.weight"),
        Map(Layer + "retention.g_proj.weight", "W, H", Ours + "mixer.g_proj.weight"),
        Map(Layer + "retention.out_proj.weight", "H, W", Ours + "mixer.out_proj.weight"),
        Map(Layer + "final_layer_norm.weight", "H", Ours + "norm2.weight"),
        // fc1 is the activated one.
        Map(Layer + "ffn.fc1.weight", "F, H", Ours + "ffn.gate.weight"),
        Map(Layer + "ffn.gate.weight", "F, H", Ours + "ffn.up.weight"),
        Map(Layer + "ffn.fc2.weight", "H, F", Ours + "ffn.down.weight"),
        Map("layer_norm.weight", "H", "block.final_norm.weight"),
        model.Tied ? new CopyRule("output_projection.weight", "V, H", "embed_tokens.weight", IsWritten: true) : Map("output_projection.weight", "V, H", "head.weight"),
    ];

    internal override IReadOnlyDictionary<string, int> Sizes(PublishedModel model) => RetNetNames.Sizes(model);

    internal override BlockOptions Canonical(BlockOptions options) => RetNetNames.Canonical((RetNetOptions)options);

    internal override void WriteConfig(PublishedModel model, Utf8JsonWriter json)
    {
        var o = (RetNetOptions)model.Options;
        json.WriteNumber("vocab_size", model.Vocabulary);
        json.WriteNumber("decoder_embed_dim", o.HiddenSize);
        json.WriteNumber("decoder_value_embed_dim", o.ValueWidth);
        json.WriteNumber("decoder_ffn_embed_dim", o.InnerWidth);
        json.WriteNumber("decoder_layers", o.NumLayers);
        json.WriteNumber("decoder_retention_heads", o.NumHeads);
        json.WriteString("activation_fn", o.FfnAct == Activation.Silu ? "swish" : "gelu");
        json.WriteNumber("layernorm_eps", Eps);
        json.WriteBoolean("decoder_normalize_before", true);
        json.WriteBoolean("no_scale_embedding", model.EmbeddingScale.Equals(1));
        json.WriteBoolean("share_decoder_input_output_embed", model.Tied);
    }

    /// <summary>10000^(-i/(n-1)), n = dk/2, each for the two channels of a pair.</summary>
    private static double[] Angles(int width) =>
        [.. Enumerable.Range(0, width).Select(c => width < 4 ? 1 : Math.Pow(10000, -(c / 2) / (width / 2 - 1.0)))];

    private static double[] Decays(int heads) => [.. Enumerable.Range(0, heads).Select(m => Math.Log(1 - Math.Pow(2, -5 - m)))];
}
