namespace Edifice.Attention.Checkpoints.Layouts;

/// <summary>What the layouts of RWKV-7 have in common: our side.</summary>
internal static class RwkvNames
{
    public const string Ln0 = "block.ln0", Norm1 = "block.layers.{i}.norm1", Norm2 = "block.layers.{i}.norm2",
        Mixer = "block.layers.{i}.mixer.", Ffn = "block.layers.{i}.ffn.";

    public static readonly string[] Mixes = ["x_r", "x_w", "x_k", "x_v", "x_a", "x_g"];

    public static void CheckInner(LayoutReader source, int inner, int hidden) =>
        source.Refuse(inner % hidden != 0, $"the channel mixing is {inner} wide: the block has whole multiples of the width {hidden} only");

    public static Dictionary<string, int> Sizes(PublishedModel model)
    {
        var o = (RwkvOptions)model.Options;
        return new()
        {
            ["V"] = model.Vocabulary, ["H"] = o.HiddenSize, ["h"] = o.Heads, ["d"] = o.HeadSize, ["F"] = checked(o.FfnMult * o.HiddenSize),
            ["Rw"] = o.DecayRank, ["Ra"] = o.ARank, ["Rv"] = o.VRank, ["Rg"] = o.GateRank,
        };
    }

    public static RwkvOptions Canonical(RwkvOptions o) => new()
    {
        EmbedDim = o.EmbedDim, HiddenSize = o.HiddenSize, NumLayers = o.NumLayers, HeadSize = o.HeadSize, ChannelMix = o.ChannelMix,
        FfnMult = o.FfnMult, Ln0 = o.Ln0, DecayLoraDim = o.DecayRank, ALoraDim = o.ARank, GateLoraDim = o.GateRank,
        // Layer 0 has no value residual.
        VLoraDim = o.NumLayers == 1 ? null : o.VRank,
        GroupNormEps = o.GroupNormEps ?? o.HeadSize * 1e-5, Dropout = 0,
    };
}
