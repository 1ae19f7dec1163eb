using System.Globalization;
using Edifice.Engine;

namespace Edifice.Attention.Checkpoints;

/// <summary>One published tensor of one model: a <see cref="LayoutRule"/> with its layer and sizes filled in.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Published">The tensor's name.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Ours">The names of our tensors that it holds.</param>
internal sealed record LayoutEntry(LayoutRule Rule, string Published, Shape Shape, IReadOnlyList<string> Ours)
{
    /// <summary>All tensors of a model in a layout.</summary>
    public static IReadOnlyList<LayoutEntry> Expand(IEnumerable<LayoutRule> rules, int layers, IReadOnlyDictionary<string, int> sizes) =>
        [.. rules.SelectMany(rule => Expand(rule, layers, sizes))];

    private static IEnumerable<LayoutEntry> Expand(LayoutRule rule, int layers, IReadOnlyDictionary<string, int> sizes)
    {
        Shape shape = (int[])[.. rule.Shape.Split(", ").Select(word => int.TryParse(word, out var n) ? n : sizes[word])];
        IReadOnlyList<string> ours = rule is MappedRule mapped ? mapped.Ours : [];
        if (!rule.Published.Contains(LayoutRule.LayerMark, StringComparison.Ordinal)) return [new(rule, rule.Published, shape, ours)];
        return Enumerable.Range(0, layers).Where(i => rule.Layers?.Contains(i) != false).Select(i =>
            new LayoutEntry(rule, Numbered(rule.Published, i), shape, [.. ours.Select(name => Numbered(name, i))]));
    }

    /// <summary>A name with a layer's number.</summary>
    public static string Numbered(string pattern, int layer) =>
        pattern.Replace(LayoutRule.LayerMark, layer.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
}
