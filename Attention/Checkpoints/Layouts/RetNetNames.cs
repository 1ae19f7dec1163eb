namespace Edifice.Attention.Checkpoints.Layouts;

/// <summary>What the layouts of RetNet have in common: our side.</summary>
internal static class RetNetNames
{
    public static Dictionary<string, int> Sizes(PublishedModel model)
    {
        var o = (RetNetOptions)model.Options;
        return new()
        {
            ["V"] = model.Vocabulary, ["H"] = o.HiddenSize, ["W"] = o.ValueWidth, ["F"] = o.InnerWidth, ["h"] = o.NumHeads,
            ["dk"] = o.HiddenSize / o.NumHeads, ["dv"] = o.ValueWidth / o.NumHeads,
        };
    }

    public static RetNetOptions Canonical(RetNetOptions o) => new()
    {
        EmbedDim = o.EmbedDim, HiddenSize = o.HiddenSize, NumLayers = o.NumLayers, NumHeads = o.NumHeads,
        ExpandV = PublishedLayout.Multiple(o.ValueWidth, o.HiddenSize),
        Rotary = o.Rotary, GroupNorm = o.GroupNorm, GroupNormAffine = o.GroupNormAffine, GroupNormEps = o.GroupNormEps, Bias = o.Bias,
        Norm = o.Norm, Ffn = o.Ffn, FfnMult = PublishedLayout.Multiple(o.InnerWidth, o.HiddenSize), FfnAct = o.FfnAct,
    };
}
