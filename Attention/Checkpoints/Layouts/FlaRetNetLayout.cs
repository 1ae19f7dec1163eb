using System.Text.Json;
using Edifice.Engine.Backends;

namespace Edifice.Attention.Checkpoints.Layouts;

/// <summary>RetNet as flash-linear-attention has it (<c>RetNetForCausalLM</c>).</summary>
internal sealed class FlaRetNetLayout() : FlaLayout("fla-retnet", "retnet", "RetNet as in fla-org/flash-linear-attention", "retnet")
{
    internal override PublishedModel Read(LayoutReader source)
    {
        var around = ReadAround(source);
        var inner = ReadGated(source);
        int keys = source.Extent(Attn + "q_proj.weight", 0), values = source.Extent(Attn + "v_proj.weight", 0);
        source.Refuse(keys != around.Hidden, $"queries are {keys} wide (expand_k): the block's have the width {around.Hidden}");
        source.Refuse(!source.Has(Attn + "g_proj.weight"), "there is no output gate: the block always has one");
        var (heads, affine) = ReadHeads(source, HeadNorm(gate: true, source.Has), values);
        var options = new RetNetOptions
        {
            EmbedDim = around.Hidden, HiddenSize = around.Hidden, NumLayers = around.Layers, NumHeads = heads, ExpandV = Multiple(values, around.Hidden),
            Rotary = RetNetRotary.Rope, GroupNormAffine = affine, Norm = NormKind.Rms, Ffn = FeedForwardKind.Gated,
            FfnMult = Multiple(inner, around.Hidden), FfnAct = Activation.Silu,
        };
        return new PublishedModel(options, around.Vocabulary, around.Tied);
    }

    internal override IReadOnlyList<LayoutRule> Rules(PublishedModel model, Func<string, bool> has)
    {
        var o = (RetNetOptions)model.Options;
        return
        [
            .. Ends(model),
            .. Gated(),
            Map(Attn + "q_proj.weight", "H, H", Mixer + "q_proj.weight"),
            Map(Attn + "k_proj.weight", "H, H", Mixer + "k_proj.weight"),
            Map(Attn + "v_proj.weight", "W, H", Mixer + "v_proj.weight"),
            Map(Attn + "g_proj.weight", "W, H", Mixer + "g_proj.weight"),
            .. o.GroupNormAffine ? [Map(HeadNorm(gate: true, has), "dv", Mixer + "group_norm.weight")] : (LayoutRule[])[],
            Map(Attn + "o_proj.weight", "H, W", Mixer + "out_proj.weight"),
        ];
    }

    internal override IReadOnlyDictionary<string, int> Sizes(PublishedModel model) => RetNetNames.Sizes(model);

    internal override BlockOptions Canonical(BlockOptions options) => RetNetNames.Canonical((RetNetOptions)options);

    internal override void WriteConfig(PublishedModel model, Utf8JsonWriter json)
    {
        var o = (RetNetOptions)model.Options;
        WriteAround(model, json, "RetNetForCausalLM");
        WriteGated(json, o.InnerWidth);
        json.WriteNumber("num_heads", o.NumHeads);
        json.WriteNumber("expand_k", 1);
        json.WriteNumber("expand_v", o.ExpandV);
        json.WriteBoolean("use_output_gate", true);
        json.WriteBoolean("elementwise_affine", o.GroupNormAffine);
    }
}
