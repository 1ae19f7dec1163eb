using System.Text.Json;

namespace Edifice.Attention.Checkpoints.Layouts;

/// <summary>Griffin, Hawk and RecurrentGemma as their authors publish them (google-deepmind/recurrentgemma, PyTorch); files are .pt
/// and must be converted.</summary>
/// <remarks>The configuration has the names of that code's <c>GriffinConfig</c>.</remarks>
internal sealed class GriffinLayout() : GriffinFamily("griffin", "Griffin, Hawk and RecurrentGemma as in google-deepmind/recurrentgemma")
{
    private const string Residual = "blocks.{i}.", Recurrent = Residual + "recurrent_block.", Attention = Residual + "attention_block.", Embedder = "embedder.input_embedding";
    private const string Window = "attention_window_size", Scaled = "embeddings_scale_by_sqrt_dim", Cap = "logits_soft_cap";

    internal override PublishedModel Read(LayoutReader source)
    {
        var options = ReadOptions(source, new Places(
            Embedder, "blocks.", "num_layers", InnerWidth: Residual + "mlp_block.ffw_up.w", InnerAxis: 2,
            GateBlocks: Recurrent + "rg_lru.a_gate.w", RecurrentWidth: Recurrent + "linear_x.weight",
            Taps: Recurrent + "conv_1d.w", TapAxis: 0, Keys: Attention + "proj_k.weight"));
        var vocabulary = source.Extent(Embedder, 0);
        source.Agree("vocab_size", vocabulary);
        source.Agree("width", options.HiddenSize);
        source.Refuse(!source.Config.Has(Scaled), $"config: {Scaled} is missing, and shapes do not tell it");
        source.Refuse(!source.Config.Has(Cap), $"config: {Cap} is missing, and shapes do not tell it (0: none)");
        var cap = source.Config.Double(Cap, 0);
        source.Refuse(cap < 0, $"config: {Cap} is below 0");
        return new PublishedModel(
            options, vocabulary, Tied: true, source.Config.Bool(Scaled, false) ? RootOf(options.HiddenSize) : 1, cap == 0 ? null : cap);
    }

    internal override IReadOnlyList<LayoutRule> Rules(PublishedModel model, Func<string, bool> has)
    {
        var o = (GriffinOptions)model.Options;
        return
        [
            Map(Embedder, "V, H", "embedding.weight"),
            Map(Residual + "temporal_pre_norm.scale", "H", Ours + "norm1.weight", TensorMap.PlusOne),
            .. Recurring(o,
            [
                .. Affine(Recurrent + "linear_y", "D, H", "D", Mixer + "linear_y"),
                .. Affine(Recurrent + "linear_x", "D, H", "D", Mixer + "linear_x"),
                Map(Recurrent + "conv_1d.w", "K, D", Mixer + "conv.weight", TensorMap.Transposed),
                Map(Recurrent + "conv_1d.b", "D", Mixer + "conv.bias"),
                Map(Recurrent + "rg_lru.input_gate.w", "h, b, b", Mixer + "rg_lru.input_gate.weight"),
                Map(Recurrent + "rg_lru.input_gate.b", "h, b", Mixer + "rg_lru.input_gate.bias"),
                Map(Recurrent + "rg_lru.a_gate.w", "h, b, b", Mixer + "rg_lru.a_gate.weight"),
                Map(Recurrent + "rg_lru.a_gate.b", "h, b", Mixer + "rg_lru.a_gate.bias"),
                Map(Recurrent + "rg_lru.a_param", "D", Mixer + "rg_lru.a_param"),
                .. Affine(Recurrent + "linear_out", "H, D", "H", Mixer + "linear_out"),
            ]),
            .. Attending(o,
            [
                Map(Attention + "proj_q.weight", "H, H", Mixer + "q_proj.weight"),
                Map(Attention + "proj_k.weight", "G, H", Mixer + "k_proj.weight"),
                Map(Attention + "proj_v.weight", "G, H", Mixer + "v_proj.weight"),
                .. Affine(Attention + "proj_final", "H, H", "H", Mixer + "out_proj"),
            ]),
            Map(Residual + "channel_pre_norm.scale", "H", Ours + "norm2.weight", TensorMap.PlusOne),
            new MappedRule(Residual + "mlp_block.ffw_up.w", "2, H, F", TensorMap.Transposed, Ours + "ffn.gate.weight", Ours + "ffn.up.weight"),
            new MappedRule(Residual + "mlp_block.ffw_up.b", "2, 1, 1, F", TensorMap.LeadingOnes, Ours + "ffn.gate.bias", Ours + "ffn.up.bias"),
            .. Affine(Residual + "mlp_block.ffw_down", "H, F", "H", Ours + "ffn.down"),
            Map("final_norm.scale", "H", "block.final_norm.weight", TensorMap.PlusOne),
        ];
    }

    internal override void WriteConfig(PublishedModel model, Utf8JsonWriter json)
    {
        var o = (GriffinOptions)model.Options;
        var sizes = Sizes(model);
        json.WriteNumber("vocab_size", model.Vocabulary);
        json.WriteNumber("width", o.HiddenSize);
        json.WriteNumber("num_layers", o.NumLayers);
        json.WriteNumber("mlp_expanded_width", sizes["F"]);
        json.WriteNumber("num_heads", o.NumHeads);
        json.WriteNumber("lru_width", o.RecurrentWidth);
        json.WriteNumber(Window, o.LocalAttnWindow);
        json.WriteBoolean(Scaled, !model.EmbeddingScale.Equals(1));
        json.WriteNumber(Cap, model.LogitCap ?? 0);
    }
}
