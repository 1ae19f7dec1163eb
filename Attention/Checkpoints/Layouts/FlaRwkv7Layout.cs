using System.Text.Json;

namespace Edifice.Attention.Checkpoints.Layouts;

/// <summary>RWKV-7 as flash-linear-attention has it (<c>RWKV7ForCausalLM</c>), with the token shift's six weights apart or, in older
/// files, stacked.</summary>
internal sealed class FlaRwkv7Layout() : FlaLayout("fla-rwkv7", "rwkv", "RWKV-7 as in fla-org/flash-linear-attention", "rwkv7", "rwkv7_fla")
{
    private const double LayerNormEps = 1e-5;
    private const string Ffn = "model.layers.{i}.ffn.", FirstNorm = "model.layers.0.pre_norm", Stacked = Attn + "x_x";

    internal override PublishedModel Read(LayoutReader source)
    {
        var around = ReadAround(source);
        var inner = source.Extent(Ffn + "key.weight", 0);
        var head = source.Extent(Attn + "r_k", 1);
        source.Agree("intermediate_size", inner);
        source.Agree("head_dim", head);
        source.Agree("num_heads", around.Hidden / head);
        source.Fixed("norm_eps", LayerNormEps);
        source.Fixed("norm_bias", true, "the block's layer norms have biases");
        source.OneOf("hidden_act", "sqrelu");
        RwkvNames.CheckInner(source, inner, around.Hidden);
        var options = new RwkvOptions
        {
            EmbedDim = around.Hidden, HiddenSize = around.Hidden, NumLayers = around.Layers, HeadSize = head, ChannelMix = ChannelMix.SquaredRelu,
            FfnMult = Math.Max(1, inner / around.Hidden), Ln0 = source.Has(FirstNorm + ".weight"),
            DecayLoraDim = source.Extent(Attn + "w_lora.lora.0.weight", 0), ALoraDim = source.Extent(Attn + "a_lora.lora.0.weight", 0),
            VLoraDim = around.Layers == 1 ? null : source.Extent(Attn + "v_lora.lora.0.weight", 0),
            GateLoraDim = source.Extent(Attn + "g_lora.lora.0.weight", 0),
            GroupNormEps = head * LayerNormEps, Dropout = 0,
        };
        return new PublishedModel(options, around.Vocabulary, around.Tied);
    }

    internal override IReadOnlyList<LayoutRule> Rules(PublishedModel model, Func<string, bool> has)
    {
        var o = (RwkvOptions)model.Options;
        return
        [
            .. Ends(model),
            .. o.Ln0 ? Affine(FirstNorm, "H", "H", RwkvNames.Ln0) : [],
            .. Affine("model.layers.{i}.attn_norm", "H", "H", RwkvNames.Norm1),
            .. has(Stacked)
                ? [new MappedRule(Stacked, "6, H", TensorMap.Same, [.. RwkvNames.Mixes.Select(x => RwkvNames.Mixer + x)])]
                : RwkvNames.Mixes.Select(x => Map(Attn + x, "1, 1, H", RwkvNames.Mixer + x, TensorMap.LeadingOnes)),
            .. LowRank("w", "Rw"),
            .. LowRank("a", "Ra"),
            .. LowRank("v", "Rv").Select(rule => rule with { Layers = LayerSet.AfterFirst }),
            .. LowRank("g", "Rg", bias: false),
            Map(Attn + "k_k", "H", Mixer + "k_k"),
            Map(Attn + "k_a", "H", Mixer + "k_a"),
            Map(Attn + "r_k", "h, d", Mixer + "r_k"),
            Map(Attn + "r_proj.weight", "H, H", Mixer + "receptance.weight"),
            Map(Attn + "k_proj.weight", "H, H", Mixer + "key.weight"),
            Map(Attn + "v_proj.weight", "H, H", Mixer + "value.weight"),
            Map(Attn + "o_proj.weight", "H, H", Mixer + "output.weight"),
            .. Affine(Attn + "g_norm", "H", "H", Mixer + "ln_x"),
            .. Affine("model.layers.{i}.ffn_norm", "H", "H", RwkvNames.Norm2),
            Map(Ffn + "x_k", "H", RwkvNames.Ffn + "x_k"),
            Map(Ffn + "key.weight", "F, H", RwkvNames.Ffn + "key.weight"),
            Map(Ffn + "value.weight", "H, F", RwkvNames.Ffn + "value.weight"),
            .. Affine("model.norm", "H", "H", "block.final_norm"),
        ];
    }

    internal override IReadOnlyDictionary<string, int> Sizes(PublishedModel model) => RwkvNames.Sizes(model);

    internal override BlockOptions Canonical(BlockOptions options) => RwkvNames.Canonical((RwkvOptions)options);

    internal override void WriteConfig(PublishedModel model, Utf8JsonWriter json)
    {
        var o = (RwkvOptions)model.Options;
        var sizes = Sizes(model);
        WriteAround(model, json, "RWKV7ForCausalLM");
        json.WriteNumber("head_dim", o.HeadSize);
        json.WriteNumber("hidden_ratio", o.FfnMult);
        json.WriteNumber("intermediate_size", sizes["F"]);
        json.WriteString("hidden_act", "sqrelu");
        json.WriteNumber("decay_low_rank_dim", o.DecayRank);
        json.WriteNumber("a_low_rank_dim", o.ARank);
        json.WriteNumber("v_low_rank_dim", o.VRank);
        json.WriteNumber("gate_low_rank_dim", o.GateRank);
        json.WriteBoolean("norm_first", o.Ln0);
        json.WriteBoolean("norm_bias", true);
        json.WriteNumber("norm_eps", LayerNormEps);
        json.WriteStartArray("value_dim");
        for (var i = 0; i < o.NumLayers; i++) json.WriteNumberValue(o.HiddenSize);
        json.WriteEndArray();
    }

    /// <summary>Their low-rank matrices are those of linear maps; ours multiply from the right.</summary>
    private static IEnumerable<LayoutRule> LowRank(string name, string rank, bool bias = true) =>
    [
        .. bias ? [Map($"{Attn}{name}_lora.lora.2.bias", "H", $"{Mixer}{name}0")] : (LayoutRule[])[],
        Map($"{Attn}{name}_lora.lora.0.weight", $"{rank}, H", $"{Mixer}{name}1", TensorMap.Transposed),
        Map($"{Attn}{name}_lora.lora.2.weight", $"H, {rank}", $"{Mixer}{name}2", TensorMap.Transposed),
    ];
}
