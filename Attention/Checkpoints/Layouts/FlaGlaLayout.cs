using System.Text.Json;

namespace Edifice.Attention.Checkpoints.Layouts;

/// <summary>Gated linear attention as flash-linear-attention has it (<c>GLAForCausalLM</c>).</summary>
internal sealed class FlaGlaLayout() : FlaLayout("fla-gla", "gla", "GLA as in fla-org/flash-linear-attention", "gla")
{
    private const double GateLogitNormalizer = 16;

    internal override PublishedModel Read(LayoutReader source)
    {
        var around = ReadAround(source);
        var inner = ReadGated(source);
        int keys = source.Extent(Attn + "q_proj.weight", 0), values = source.Extent(Attn + "v_proj.weight", 0);
        var gate = source.Has(Attn + "g_proj.weight");
        var (heads, affine) = ReadHeads(source, HeadNorm(gate, source.Has), values);
        source.Fixed("gate_logit_normalizer", GateLogitNormalizer);
        source.Absent("clamp_min", "the block does not clamp its decay");
        var options = new GlaOptions
        {
            EmbedDim = around.Hidden, HiddenSize = around.Hidden, NumLayers = around.Layers, NumHeads = heads,
            GateLowRankDim = source.Extent(Attn + "gk_proj.0.weight", 0), UseOutputGate = gate, GroupNormAffine = affine, FfnInnerSize = inner,
        };
        return new PublishedModel(WithWidths(options, keys, values), around.Vocabulary, around.Tied);
    }

    internal override IReadOnlyList<LayoutRule> Rules(PublishedModel model, Func<string, bool> has)
    {
        var o = (GlaOptions)model.Options;
        return
        [
            .. Ends(model),
            .. Gated(),
            Map(Attn + "q_proj.weight", "K, H", Mixer + "q_proj.weight"),
            Map(Attn + "k_proj.weight", "K, H", Mixer + "k_proj.weight"),
            Map(Attn + "v_proj.weight", "W, H", Mixer + "v_proj.weight"),
            Map(Attn + "gk_proj.0.weight", "r, H", Mixer + "gk_proj.down.weight"),
            .. Affine(Attn + "gk_proj.1", "K, r", "K", Mixer + "gk_proj.up"),
            .. o.UseOutputGate ? [Map(Attn + "g_proj.weight", "W, H", Mixer + "g_proj.weight")] : (LayoutRule[])[],
            .. o.GroupNormAffine ? [Map(HeadNorm(o.UseOutputGate, has), "dv", Mixer + "group_norm.weight")] : (LayoutRule[])[],
            Map(Attn + "o_proj.weight", "H, W", Mixer + "out_proj.weight"),
        ];
    }

    internal override IReadOnlyDictionary<string, int> Sizes(PublishedModel model)
    {
        var o = (GlaOptions)model.Options;
        return new Dictionary<string, int>
        {
            ["V"] = model.Vocabulary, ["H"] = o.HiddenSize, ["F"] = o.InnerWidth, ["K"] = o.KeyWidth, ["W"] = o.ValueWidth,
            ["r"] = o.GateLowRankDim, ["dv"] = o.ValueWidth / o.NumHeads,
        };
    }

    internal override BlockOptions Canonical(BlockOptions options)
    {
        var o = (GlaOptions)options;
        var canonical = new GlaOptions
        {
            EmbedDim = o.EmbedDim, HiddenSize = o.HiddenSize, NumLayers = o.NumLayers, NumHeads = o.NumHeads,
            GateLowRankDim = o.GateLowRankDim, GateLogitNormalizer = o.GateLogitNormalizer, UseOutputGate = o.UseOutputGate,
            GroupNorm = o.GroupNorm, GroupNormAffine = o.GroupNormAffine, GroupNormEps = o.GroupNormEps, Norm = o.Norm,
            FfnInnerSize = o.InnerWidth, FfnAct = o.FfnAct,
        };
        return WithWidths(canonical, o.KeyWidth, o.ValueWidth);
    }

    internal override void WriteConfig(PublishedModel model, Utf8JsonWriter json)
    {
        var o = (GlaOptions)model.Options;
        WriteAround(model, json, "GLAForCausalLM");
        WriteGated(json, o.InnerWidth);
        json.WriteNumber("num_heads", o.NumHeads);
        json.WriteNumber("expand_k", Multiple(o.KeyWidth, o.HiddenSize));
        json.WriteNumber("expand_v", Multiple(o.ValueWidth, o.HiddenSize));
        json.WriteBoolean("use_output_gate", o.UseOutputGate);
        json.WriteBoolean("elementwise_affine", o.GroupNormAffine);
    }

    /// <summary>Widths of keys and values as multiples of H or, where the heads do not divide it, of the number of heads.</summary>
    private static GlaOptions WithWidths(GlaOptions o, int keys, int values) => o.HiddenSize % o.NumHeads == 0
        ? o with { ExpandK = Multiple(keys, o.HiddenSize), ExpandV = Multiple(values, o.HiddenSize) }
        : o with { HeadDim = 1, ExpandK = Multiple(keys, o.NumHeads), ExpandV = Multiple(values, o.NumHeads) };
}
