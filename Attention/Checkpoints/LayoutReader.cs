using System.Globalization;
using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Attention.Checkpoints;

/// <summary>What a layout learns a model's options from: the shapes of a checkpoint's tensors and its configuration. Collects what
/// is wrong, so that one error names all of it.</summary>
/// <param name="tensors">The shapes by name.</param>
/// <param name="config">The configuration; names that a layout does not ask for are not looked at.</param>
internal sealed class LayoutReader(IReadOnlyDictionary<string, Shape> tensors, OptionBag config)
{
    private readonly List<string> _problems = [];

    public IReadOnlyList<string> Problems => _problems;

    public OptionBag Config => config;

    /// <summary>A model that the block cannot be.</summary>
    public void Refuse(bool when, string problem)
    {
        if (when) _problems.Add(problem);
    }

    /// <summary>True when there is such a tensor, in any layer where the name has <c>{i}</c>.</summary>
    public bool Has(string pattern) => Find(pattern) is not null;

    /// <summary>An extent of a tensor, in the first layer from <paramref name="firstLayer"/> on that has it.</summary>
    /// <returns>At least 1; also after a problem was noted.</returns>
    public int Extent(string pattern, int axis, int firstLayer = 0)
    {
        if (Find(pattern, firstLayer) is not { } name)
        {
            _problems.Add($"there is no {pattern}, whose shape is needed");
            return 1;
        }

        var shape = tensors[name];
        if (axis < shape.Rank && shape[axis] > 0) return shape[axis];
        _problems.Add($"{name} is {shape}: axis {axis} must be there and not empty");
        return 1;
    }

    /// <summary>The number of layers: the config's, else one more than the highest number after a prefix.</summary>
    public int Layers(string prefix, string? key = null)
    {
        var highest = -1;
        foreach (var name in tensors.Keys)
        {
            if (!name.StartsWith(prefix, StringComparison.Ordinal)) continue;
            var rest = name.AsSpan(prefix.Length);
            var dot = rest.IndexOf('.');
            if (dot > 0 && int.TryParse(rest[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out var i)) highest = Math.Max(highest, i);
        }

        var layers = (key is null ? null : config.IntOrNull(key)) ?? (highest == int.MaxValue ? highest : highest + 1);
        if (layers >= 1 && layers <= tensors.Count) return layers;
        // More layers than tensors: nothing may be sized by such a number.
        _problems.Add($"{(key is null || !config.Has(key) ? $"the names that begin with {prefix} say" : $"config: {key} says")} {layers} layers, of {tensors.Count} tensors");
        return 1;
    }

    /// <summary>A number that shapes tell or, where they do not, the config must.</summary>
    public int Known(string key, int? fromShapes)
    {
        if (fromShapes is { } n)
        {
            Agree(key, n);
            return n;
        }

        if (config.IntOrNull(key) is { } given)
        {
            if (given >= 1) return given;
            _problems.Add($"config: {key} must be at least 1, got {given}");
        }
        else
        {
            _problems.Add($"config: {key} is missing, and shapes do not tell it");
        }

        return 1;
    }

    /// <summary>Where the config has a number, it must be the one that the shapes tell.</summary>
    public void Agree(string key, int fromShapes) => Refuse(
        config.IntOrNull(key) is { } n && n != fromShapes, $"config: {key} is {config.IntOrNull(key)}, the tensors say {fromShapes}");

    /// <summary>A number that the block cannot have otherwise.</summary>
    public void Fixed(string key, double value) => Refuse(
        config.DoubleOrNull(key) is { } v && !v.Equals(value),
        string.Create(CultureInfo.InvariantCulture, $"config: {key} is {config.DoubleOrNull(key)}; the block has {value} and no option for it"));

    /// <summary>A truth value that the block cannot have otherwise.</summary>
    public void Fixed(string key, bool value, string why) => Refuse(config.Bool(key, value) != value, $"config: {key} is {(value ? "false" : "true")}: {why}");

    /// <summary>A word that must be one of a few.</summary>
    public void OneOf(string key, params string[] words) => Refuse(
        config.Has(key) && !words.Contains(config.Text(key, "")), $"config: {key} is '{config.Text(key, "")}'; the block has {BlockOption.Listed(words)}");

    /// <summary>Something the block does not have: the config must not set it.</summary>
    public void Absent(string key, string why) => Refuse(config.Has(key), $"config: {key} is set: {why}");

    private string? Find(string pattern, int firstLayer = 0)
    {
        if (!pattern.Contains(LayoutRule.LayerMark, StringComparison.Ordinal)) return tensors.ContainsKey(pattern) ? pattern : null;
        for (var i = firstLayer; i < tensors.Count; i++)
            if (LayoutEntry.Numbered(pattern, i) is var name && tensors.ContainsKey(name)) return name;
        return null;
    }
}
