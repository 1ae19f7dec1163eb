using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention.Checkpoints;

/// <summary>A checkpoint under our names: each tensor is read and mapped when it is asked for.</summary>
internal sealed class MappedState : IStateSource
{
    private readonly CheckpointFiles _files;
    private readonly Dictionary<string, (LayoutEntry Entry, MappedRule Rule, int Part)> _places = [];

    public MappedState(CheckpointFiles files, IEnumerable<LayoutEntry> entries)
    {
        _files = files;
        foreach (var entry in entries)
            for (var i = 0; i < entry.Ours.Count; i++) _places.Add(entry.Ours[i], (entry, (MappedRule)entry.Rule, i));
    }

    public IReadOnlyCollection<string> Names => _places.Keys;

    public (DType? DType, Shape Shape) Describe(string name)
    {
        var (entry, rule, _) = _places[name];
        return (_files[entry.Published].DType, rule.Map.ToOurs(rule.IsStacked ? entry.Shape.AsSpan()[1..] : entry.Shape));
    }

    public Tensor Read(string name)
    {
        using var off = Tensor.NoGrad();
        var (entry, rule, part) = _places[name];
        var stored = _files.Read(entry.Published);
        return rule.Map.ToOurs(rule.IsStacked ? stored.Select(0, part) : stored);
    }
}
