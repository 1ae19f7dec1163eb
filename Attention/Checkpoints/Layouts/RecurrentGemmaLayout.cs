using System.Text.Json;
using Edifice.Engine.Ops;

namespace Edifice.Attention.Checkpoints.Layouts;

/// <summary>RecurrentGemma as Hugging Face transformers has it (<c>RecurrentGemmaForCausalLM</c>).</summary>
/// <remarks>Every window is the original code's, which the weights were trained with: the position itself and the
/// <c>attention_window_size</c> before it. The port masks a whole sequence by causality alone and keeps one key less when it
/// decodes, which differs beyond that many positions.</remarks>
internal sealed class RecurrentGemmaLayout() : GriffinFamily("recurrentgemma", "RecurrentGemma as in huggingface/transformers")
{
    private const double Eps = 1e-6, Rotated = 0.5, Base = 10000, DefaultCap = 30;
    private const string Embedding = "model.embed_tokens.weight", Layer = "model.layers.{i}.", Temporal = Layer + "temporal_block.", Mlp = Layer + "mlp_block.";

    internal override PublishedModel Read(LayoutReader source)
    {
        var options = ReadOptions(source, new Places(
            Embedding, "model.layers.", "num_hidden_layers", InnerWidth: Mlp + "gate_proj.weight", InnerAxis: 0,
            GateBlocks: Temporal + "rg_lru.recurrent_gate_weight", RecurrentWidth: Temporal + "linear_x.weight",
            Taps: Temporal + "conv_1d.weight", TapAxis: 2, Keys: Temporal + "k_proj.weight"));
        var vocabulary = source.Extent(Embedding, 0);
        source.OneOf("model_type", "recurrent_gemma");
        source.Agree("vocab_size", vocabulary);
        source.Agree("hidden_size", options.HiddenSize);
        // Theirs counts both halves of the gated feed-forward.
        source.Agree("intermediate_size", 2 * options.ExpandFactor * options.HiddenSize);
        source.Agree("num_attention_heads", options.NumHeads);
        if (options.UseLocalAttention) source.Agree("num_key_value_heads", options.NumKvHeads);
        source.Agree("lru_width", options.RecurrentWidth);
        source.Agree("conv1d_width", options.ConvWidth);
        source.Fixed("rms_norm_eps", Eps);
        source.Fixed("attention_bias", false, "the block's queries, keys and values have no biases");
        source.OneOf("hidden_activation", "gelu_pytorch_tanh");
        source.Refuse(!source.Config.Bool("tie_word_embeddings", true), "config: tie_word_embeddings is false: the published model's head is tied");
        var rotation = source.Config.Raw("rope_parameters") is { ValueKind: JsonValueKind.Object } rope ? OptionBag.Parse(rope.GetRawText()) : source.Config;
        source.Refuse(!rotation.Double("partial_rotary_factor", Rotated).Equals(Rotated), "config: partial_rotary_factor must be 0.5: the block turns half of the channels");
        source.Refuse(!rotation.Double("rope_theta", Base).Equals(Base), "config: rope_theta must be 10000: the block has no option for it");
        var cap = source.Config.Double("logits_soft_cap", DefaultCap);
        source.Refuse(cap <= 0, "config: logits_soft_cap must be above 0");
        return new PublishedModel(options, vocabulary, Tied: true, RootOf(options.HiddenSize), cap);
    }

    internal override IReadOnlyList<LayoutRule> Rules(PublishedModel model, Func<string, bool> has)
    {
        var o = (GriffinOptions)model.Options;
        return
        [
            Map(Embedding, "V, H", "embedding.weight"),
            new CopyRule("lm_head.weight", "V, H", Embedding, IsWritten: false),
            Map(Layer + "temporal_pre_norm.weight", "H", Ours + "norm1.weight", TensorMap.PlusOne),
            .. Recurring(o,
            [
                .. Affine(Temporal + "linear_y", "D, H", "D", Mixer + "linear_y"),
                .. Affine(Temporal + "linear_x", "D, H", "D", Mixer + "linear_x"),
                Map(Temporal + "conv_1d.weight", "D, 1, K", Mixer + "conv.weight", TensorMap.MiddleOne),
                Map(Temporal + "conv_1d.bias", "D", Mixer + "conv.bias"),
                Map(Temporal + "rg_lru.input_gate_weight", "h, b, b", Mixer + "rg_lru.input_gate.weight"),
                Map(Temporal + "rg_lru.input_gate_bias", "h, b", Mixer + "rg_lru.input_gate.bias"),
                Map(Temporal + "rg_lru.recurrent_gate_weight", "h, b, b", Mixer + "rg_lru.a_gate.weight"),
                Map(Temporal + "rg_lru.recurrent_gate_bias", "h, b", Mixer + "rg_lru.a_gate.bias"),
                Map(Temporal + "rg_lru.recurrent_param", "D", Mixer + "rg_lru.a_param"),
                .. Affine(Temporal + "linear_out", "H, D", "H", Mixer + "linear_out"),
            ]),
            .. Attending(o,
            [
                Map(Temporal + "q_proj.weight", "H, H", Mixer + "q_proj.weight"),
                Map(Temporal + "k_proj.weight", "G, H", Mixer + "k_proj.weight"),
                Map(Temporal + "v_proj.weight", "G, H", Mixer + "v_proj.weight"),
                .. Affine(Temporal + "o_proj", "H, H", "H", Mixer + "out_proj"),
            ]),
            Map(Layer + "channel_pre_norm.weight", "H", Ours + "norm2.weight", TensorMap.PlusOne),
            .. Affine(Mlp + "gate_proj", "F, H", "F", Ours + "ffn.gate"),
            .. Affine(Mlp + "up_proj", "F, H", "F", Ours + "ffn.up"),
            .. Affine(Mlp + "down_proj", "H, F", "H", Ours + "ffn.down"),
            Map("model.final_norm.weight", "H", "block.final_norm.weight", TensorMap.PlusOne),
        ];
    }

    internal override void WriteConfig(PublishedModel model, Utf8JsonWriter json)
    {
        var o = (GriffinOptions)model.Options;
        WriteKind(json, "recurrent_gemma", "RecurrentGemmaForCausalLM");
        json.WriteNumber("vocab_size", model.Vocabulary);
        json.WriteNumber("hidden_size", o.HiddenSize);
        json.WriteNumber("num_hidden_layers", o.NumLayers);
        json.WriteNumber("intermediate_size", 2 * Sizes(model)["F"]);
        json.WriteNumber("num_attention_heads", o.NumHeads);
        json.WriteNumber("num_key_value_heads", o.NumKvHeads);
        json.WriteNumber("lru_width", o.RecurrentWidth);
        json.WriteNumber("conv1d_width", o.ConvWidth);
        json.WriteNumber("attention_window_size", o.LocalAttnWindow);
        json.WriteStartArray("block_types");
        foreach (var type in o.UseLocalAttention ? (string[])["recurrent", "recurrent", "attention"] : ["recurrent"]) json.WriteStringValue(type);
        json.WriteEndArray();
        json.WriteString("hidden_activation", "gelu_pytorch_tanh");
        json.WriteNumber("partial_rotary_factor", Rotated);
        json.WriteNumber("rope_theta", Base);
        json.WriteNumber("rms_norm_eps", Eps);
        if (model.LogitCap is { } cap) json.WriteNumber("logits_soft_cap", cap);
        json.WriteBoolean("tie_word_embeddings", true);
    }
}
