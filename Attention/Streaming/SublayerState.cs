using Edifice.Engine;
using Edifice.Engine.Autograd;

namespace Edifice.Attention;

/// <summary>The streaming state of one sublayer: the slots it declared, by name.</summary>
public sealed class SublayerState
{
    private readonly StreamState _owner;
    private readonly IReadOnlyList<StateSlot> _slots;
    // Per slot one of the two.
    private readonly Tensor?[] _values;
    private readonly TokenCache?[] _caches;

    internal SublayerState(StreamState owner, string prefix, IReadOnlyList<StateSlot> slots, Func<string, StateSlot, Tensor> first)
    {
        _owner = owner;
        Prefix = prefix;
        _slots = slots;
        _values = new Tensor?[slots.Count];
        _caches = new TokenCache?[slots.Count];
        for (var i = 0; i < slots.Count; i++)
        {
            var value = first(FullName(i), slots[i]);
            if (slots[i].IsCache) _caches[i] = new TokenCache(value, slots[i].Keep);
            else _values[i] = StateMemory.Own(value);
        }
    }

    internal string Prefix { get; }

    /// <summary>The value [B, …] of a fixed slot; setting it replaces the old one.</summary>
    /// <exception cref="TensorException">Another shape than the slot's.</exception>
    public Tensor this[string name]
    {
        get => _values[Index(name, cache: false)]!;
        set
        {
            var i = Index(name, cache: false);
            CheckShape(i, value);
            var old = _values[i]!;
            if (ReferenceEquals(old, value)) return;
            _values[i] = StateMemory.Own(value);
            // What the tape saved holds its memory itself.
            old.Dispose();
        }
    }

    /// <summary>Adds entries [B, n, heads, width] to a cache and returns old and new ones, [B, old + n, heads, width]: the last
    /// entry belongs to the last position of this pass. The result is good until the end of the pass.</summary>
    /// <exception cref="TensorException">Another shape than the slot's.</exception>
    public Tensor Append(string name, Tensor entries)
    {
        var i = Index(name, cache: true);
        ArgumentNullException.ThrowIfNull(entries);
        if (entries.Rank != 4 || entries.Size(0) != _owner.Batch || entries.Size(2) != _slots[i].Shape[0] || entries.Size(3) != _slots[i].Shape[1])
            throw TensorException.For("Append", $"the entries of '{FullName(i)}' must be [{_owner.Batch}, n, {_slots[i].Shape[0]}, {_slots[i].Shape[1]}]", entries);
        return _caches[i]!.Append(entries, _owner.LongestPast);
    }

    internal IEnumerable<(string Name, Tensor Value)> Tensors()
    {
        for (var i = 0; i < _slots.Count; i++) yield return (FullName(i), _caches[i]?.Entries ?? _values[i]!.Detach());
    }

    /// <summary>A copy of a slot's tensor, in memory of its own.</summary>
    internal Tensor Copy(string name)
    {
        var i = _slots.TakeWhile(s => s.Name != name).Count();
        using var view = _caches[i]?.Entries;
        return (view ?? _values[i]!).Clone();
    }

    /// <summary>Zeroes the fixed values of one batch row (null: of all, and empties the caches).</summary>
    internal void Reset(int? row)
    {
        for (var i = 0; i < _slots.Count; i++)
        {
            if (_caches[i] is { } cache)
            {
                // The entries of one row stay but are out of its sight; see StreamState.Positions.
                if (row is null) cache.Clear();
                continue;
            }

            using var outside = TensorScope.Suspend();
            using var off = GradMode.Off();
            var old = _values[i]!;
            // On the tape the old value must stay what it was.
            var value = old.Clone();
            if (row is { } r)
            {
                using var place = value.Select(0, r);
                place.FillInPlace(0);
            }
            else
            {
                value.FillInPlace(0);
            }

            _values[i] = value;
            old.Dispose();
        }
    }

    internal void Dispose()
    {
        foreach (var v in _values) v?.Dispose();
        foreach (var c in _caches) c?.Dispose();
    }

    private void CheckShape(int i, Tensor value)
    {
        ArgumentNullException.ThrowIfNull(value);
        int[] wanted = [_owner.Batch, .. _slots[i].Shape];
        if (!value.Shape.AsSpan().SequenceEqual(wanted))
            throw TensorException.For("state", $"'{FullName(i)}' must be {new Shape(wanted)}", value);
    }

    private int Index(string name, bool cache)
    {
        for (var i = 0; i < _slots.Count; i++)
            if (_slots[i].Name == name && _slots[i].IsCache == cache) return i;
        throw new ArgumentException($"{Prefix} declares no {(cache ? "cache" : "fixed")} slot '{name}'", nameof(name));
    }

    private string FullName(int i) => $"{Prefix}.{_slots[i].Name}";
}
