using System.Text.Json;

namespace Edifice.Attention.Checkpoints.Layouts;

/// <summary>HGRN-2 as flash-linear-attention has it (<c>HGRN2ForCausalLM</c>).</summary>
/// <remarks>Its fused output norm does not get the configured eps and has 1e-5.</remarks>
internal sealed class FlaHgrn2Layout() : FlaLayout("fla-hgrn2", "hgrn", "HGRN-2 as in fla-org/flash-linear-attention", "hgrn2")
{
    private const double OutNormEps = 1e-5;
    private const string LowerBounds = "model.lower_bounds";

    internal override PublishedModel Read(LayoutReader source)
    {
        var around = ReadAround(source);
        var inner = ReadGated(source);
        var config = source.Config;
        // Shapes do not tell the heads: queries and gates are H wide whatever their number.
        var expansion = config.Has("expand_ratio") || !config.Has("num_heads")
            ? source.Known("expand_ratio", null)
            : around.Hidden / Math.Max(1, source.Known("num_heads", null));
        if (config.Has("expand_ratio")) source.Agree("num_heads", around.Hidden / Math.Max(1, expansion));
        var options = new HgrnOptions
        {
            EmbedDim = around.Hidden, HiddenSize = around.Hidden, NumLayers = around.Layers, StateExpansion = expansion,
            UseLowerBound = source.Has(LowerBounds), ScaleQueries = true, OutNormAffine = source.Has(Attn + "g_norm.weight"), OutNormEps = OutNormEps,
            FfnInnerSize = inner,
        };
        return new PublishedModel(options, around.Vocabulary, around.Tied);
    }

    internal override IReadOnlyList<LayoutRule> Rules(PublishedModel model, Func<string, bool> has)
    {
        var o = (HgrnOptions)model.Options;
        return
        [
            .. Ends(model),
            .. Gated(),
            .. o.UseLowerBound ? [Map(LowerBounds, "N, H", "block.lower_bounds")] : (LayoutRule[])[],
            Map(Attn + "q_proj.weight", "H, H", Mixer + "q_proj.weight"),
            Map(Attn + "f_proj.weight", "H, H", Mixer + "f_proj.weight"),
            Map(Attn + "i_proj.weight", "H, H", Mixer + "i_proj.weight"),
            .. o.OutNormAffine ? [Map(Attn + "g_norm.weight", "H", Mixer + "out_norm.weight")] : (LayoutRule[])[],
            Map(Attn + "o_proj.weight", "H, H", Mixer + "out_proj.weight"),
        ];
    }

    internal override IReadOnlyDictionary<string, int> Sizes(PublishedModel model)
    {
        var o = (HgrnOptions)model.Options;
        return new Dictionary<string, int> { ["V"] = model.Vocabulary, ["H"] = o.HiddenSize, ["F"] = o.InnerWidth, ["N"] = o.NumLayers };
    }

    internal override BlockOptions Canonical(BlockOptions options)
    {
        var o = (HgrnOptions)options;
        return new HgrnOptions
        {
            EmbedDim = o.EmbedDim, HiddenSize = o.HiddenSize, NumLayers = o.NumLayers, StateExpansion = o.HeadWidth, UseLowerBound = o.UseLowerBound,
            ScaleQueries = o.ScaleQueries, OutNormAffine = o.OutNormAffine, OutNormEps = o.OutNormEps, Norm = o.Norm,
            FfnInnerSize = o.InnerWidth, FfnAct = o.FfnAct,
        };
    }

    internal override void WriteConfig(PublishedModel model, Utf8JsonWriter json)
    {
        var o = (HgrnOptions)model.Options;
        WriteAround(model, json, "HGRN2ForCausalLM");
        WriteGated(json, o.InnerWidth);
        json.WriteNumber("num_heads", o.Heads);
        json.WriteNumber("expand_ratio", o.HeadWidth);
        json.WriteBoolean("use_lower_bound", o.UseLowerBound);
        json.WriteBoolean("elementwise_affine", o.OutNormAffine);
    }
}
