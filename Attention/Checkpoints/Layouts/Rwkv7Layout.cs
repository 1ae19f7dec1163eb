using System.Text.Json;

namespace Edifice.Attention.Checkpoints.Layouts;

/// <summary>RWKV-7 as its authors publish it (RWKV-LM, <c>x070</c>); files are .pth and must be converted.</summary>
/// <remarks>Shapes tell all options. Whatever the head size, the norm of each head has the published eps of 64e-5.</remarks>
internal sealed class Rwkv7Layout() : PublishedLayout("rwkv7", "rwkv", "RWKV-7 as in BlinkDL/RWKV-LM")
{
    private const double GroupNormEps = 64 * 1e-5;
    private const string Att = "blocks.{i}.att.", Ffn = "blocks.{i}.ffn.";

    internal override PublishedModel Read(LayoutReader source)
    {
        var hidden = source.Extent("emb.weight", 1);
        var layers = source.Layers("blocks.", "n_layer");
        var inner = source.Extent(Ffn + "key.weight", 0);
        var vocabulary = source.Extent("emb.weight", 0);
        var head = source.Extent(Att + "r_k", 1);
        source.Agree("n_embd", hidden);
        source.Agree("vocab_size", vocabulary);
        source.Agree("head_size", head);
        RwkvNames.CheckInner(source, inner, hidden);
        var options = new RwkvOptions
        {
            EmbedDim = hidden, HiddenSize = hidden, NumLayers = layers, HeadSize = head, ChannelMix = ChannelMix.SquaredRelu, FfnMult = Math.Max(1, inner / hidden),
            DecayLoraDim = source.Extent(Att + "w1", 1), ALoraDim = source.Extent(Att + "a1", 1),
            VLoraDim = layers == 1 ? null : source.Extent(Att + "v1", 1, firstLayer: 1), GateLoraDim = source.Extent(Att + "g1", 1),
            GroupNormEps = GroupNormEps, Dropout = 0,
        };
        return new PublishedModel(options, vocabulary, Tied: false);
    }

    internal override IReadOnlyList<LayoutRule> Rules(PublishedModel model, Func<string, bool> has) =>
    [
        Map("emb.weight", "V, H", "embedding.weight"),
        .. Affine("blocks.0.ln0", "H", "H", RwkvNames.Ln0),
        .. Affine("blocks.{i}.ln1", "H", "H", RwkvNames.Norm1),
        .. RwkvNames.Mixes.Select(x => Map(Att + x, "1, 1, H", RwkvNames.Mixer + x, TensorMap.LeadingOnes)),
        .. LowRank("w", "Rw"),
        .. LowRank("a", "Ra"),
        .. LowRank("v", "Rv").Select(rule => rule with { Layers = LayerSet.AfterFirst }),
        new UnusedRule("blocks.0.att.v0", "1, 1, H"),
        new UnusedRule("blocks.0.att.v1", "H, Rv"),
        new UnusedRule("blocks.0.att.v2", "Rv, H"),
        Map(Att + "g1", "H, Rg", RwkvNames.Mixer + "g1"),
        Map(Att + "g2", "Rg, H", RwkvNames.Mixer + "g2"),
        Map(Att + "k_k", "1, 1, H", RwkvNames.Mixer + "k_k", TensorMap.LeadingOnes),
        Map(Att + "k_a", "1, 1, H", RwkvNames.Mixer + "k_a", TensorMap.LeadingOnes),
        Map(Att + "r_k", "h, d", RwkvNames.Mixer + "r_k"),
        .. ((string[])["receptance", "key", "value", "output"]).Select(p => Map($"{Att}{p}.weight", "H, H", $"{RwkvNames.Mixer}{p}.weight")),
        .. Affine(Att + "ln_x", "H", "H", RwkvNames.Mixer + "ln_x"),
        .. Affine("blocks.{i}.ln2", "H", "H", RwkvNames.Norm2),
        Map(Ffn + "x_k", "1, 1, H", RwkvNames.Ffn + "x_k", TensorMap.LeadingOnes),
        Map(Ffn + "key.weight", "F, H", RwkvNames.Ffn + "key.weight"),
        Map(Ffn + "value.weight", "H, F", RwkvNames.Ffn + "value.weight"),
        .. Affine("ln_out", "H", "H", "block.final_norm"),
        Map("head.weight", "V, H", "head.weight"),
    ];

    internal override IReadOnlyDictionary<string, int> Sizes(PublishedModel model) => RwkvNames.Sizes(model);

    internal override BlockOptions Canonical(BlockOptions options) => RwkvNames.Canonical((RwkvOptions)options);

    internal override void WriteConfig(PublishedModel model, Utf8JsonWriter json)
    {
        var o = (RwkvOptions)model.Options;
        json.WriteString("model_type", "rwkv7");
        json.WriteNumber("n_layer", o.NumLayers);
        json.WriteNumber("n_embd", o.HiddenSize);
        json.WriteNumber("vocab_size", model.Vocabulary);
        json.WriteNumber("head_size", o.HeadSize);
    }

    private static IEnumerable<LayoutRule> LowRank(string name, string rank) =>
    [
        Map($"{Att}{name}0", "1, 1, H", $"{RwkvNames.Mixer}{name}0", TensorMap.LeadingOnes),
        Map($"{Att}{name}1", $"H, {rank}", $"{RwkvNames.Mixer}{name}1"),
        Map($"{Att}{name}2", $"{rank}, H", $"{RwkvNames.Mixer}{name}2"),
    ];
}
