using Edifice.Engine;

namespace Edifice.Attention.Checkpoints.Layouts;

/// <summary>What the two layouts of RecurrentGemma and Griffin have in common.</summary>
/// <param name="name">The layout's name.</param>
/// <param name="description">One line.</param>
internal abstract class GriffinFamily(string name, string description) : PublishedLayout(name, "griffin", description)
{
    protected const string Ours = "block.layers.{i}.", Mixer = "block.layers.{i}.mixer.";

    /// <summary>Where the tensors that tell the options are.</summary>
    protected sealed record Places(
        string Embedding, string Layers, string LayersKey, string InnerWidth, int InnerAxis, string GateBlocks, string RecurrentWidth,
        string Taps, int TapAxis, string Keys);

    protected static GriffinOptions ReadOptions(LayoutReader source, Places places)
    {
        var hidden = source.Extent(places.Embedding, 1);
        var layers = source.Layers(places.Layers, places.LayersKey);
        var inner = source.Extent(places.InnerWidth, places.InnerAxis);
        var heads = source.Extent(places.GateBlocks, 0);
        var width = source.Extent(places.RecurrentWidth, 0);
        source.Refuse(inner % hidden != 0, $"the feed-forward is {inner} wide: the block has whole multiples of the width {hidden} only");
        int[] attending = [.. Enumerable.Range(0, layers).Where(i => source.Has(LayoutEntry.Numbered(places.Keys, i)))];
        var options = new GriffinOptions
        {
            EmbedDim = hidden, HiddenSize = hidden, NumLayers = layers, ExpandFactor = Math.Max(1, inner / hidden), NumHeads = heads,
            UseLocalAttention = attending.Length > 0, LruWidth = width == hidden ? null : width, ConvWidth = source.Extent(places.Taps, places.TapAxis),
        };
        source.Refuse(
            attending.Any(i => !options.Attends(i)),
            $"layers {string.Join(", ", attending)} attend: in the block it is every third, 2, 5, 8, …");
        if (attending.Length == 0) return options;
        var headWidth = Math.Max(1, hidden / heads);
        return options with
        {
            NumKvHeads = Math.Max(1, source.Extent(places.Keys, 0) / headWidth), LocalAttnWindow = source.Known("attention_window_size", null),
        };
    }

    /// <summary>√H as it is in the weights' training: rounded to bfloat16.</summary>
    protected static double RootOf(int width)
    {
        using var root = Tensor.FromArray([Math.Sqrt(width)]).To(DType.BFloat16);
        return root.To(DType.Float64).Item();
    }

    /// <summary>Rules of the recurrent layers.</summary>
    protected static IEnumerable<LayoutRule> Recurring(GriffinOptions o, params IEnumerable<LayoutRule> rules) =>
        rules.Select(r => r with { Layers = new LayerSet("recurrent layers", i => !o.Attends(i)) });

    /// <summary>Rules of the layers with attention.</summary>
    protected static IEnumerable<LayoutRule> Attending(GriffinOptions o, params IEnumerable<LayoutRule> rules) =>
        rules.Select(r => r with { Layers = new LayerSet("attention layers", o.Attends) });

    internal override IReadOnlyDictionary<string, int> Sizes(PublishedModel model)
    {
        var o = (GriffinOptions)model.Options;
        return new Dictionary<string, int>
        {
            ["V"] = model.Vocabulary, ["H"] = o.HiddenSize, ["F"] = checked(o.ExpandFactor * o.HiddenSize), ["D"] = o.RecurrentWidth,
            ["K"] = o.ConvWidth, ["h"] = o.NumHeads, ["b"] = o.RecurrentWidth / o.NumHeads, ["G"] = o.NumKvHeads * o.HeadWidth,
        };
    }

    internal override BlockOptions Canonical(BlockOptions options)
    {
        var o = (GriffinOptions)options;
        var canonical = new GriffinOptions
        {
            EmbedDim = o.EmbedDim, HiddenSize = o.HiddenSize, NumLayers = o.NumLayers, ExpandFactor = o.ExpandFactor, NumHeads = o.NumHeads,
            UseLocalAttention = Enumerable.Range(0, o.NumLayers).Any(o.Attends), LruWidth = o.RecurrentWidth == o.HiddenSize ? null : o.RecurrentWidth,
            ConvWidth = o.ConvWidth,
        };
        return canonical.UseLocalAttention ? canonical with { NumKvHeads = o.NumKvHeads, LocalAttnWindow = o.LocalAttnWindow } : canonical;
    }
}
