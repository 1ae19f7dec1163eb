using Edifice.Engine;

namespace Edifice.Attention;

/// <summary>One tensor of a streaming state, as the sublayer that owns it declares it.</summary>
/// <remarks>A <see cref="Fixed"/> slot has one value per batch row and starts at zero. A <see cref="Cache"/> slot has one entry
/// per past position and starts empty.</remarks>
public sealed record StateSlot
{
    private StateSlot(string name, Shape shape, bool isCache, int? keep)
    {
        Name = name;
        Shape = shape;
        IsCache = isCache;
        Keep = keep;
    }

    /// <summary>Its name, unique in its sublayer.</summary>
    public string Name { get; }

    /// <summary>The extents of one batch row's value, or of one entry.</summary>
    public Shape Shape { get; }

    /// <summary>True when it has an entry per past position.</summary>
    public bool IsCache { get; }

    /// <summary>How many past entries a later position may still need; null: all.</summary>
    public int? Keep { get; }

    /// <summary>A value [B, …] of constant size, zero at the start.</summary>
    public static StateSlot Fixed(string name, params ReadOnlySpan<int> shape) => new(name, shape, false, null);

    /// <summary>Entries [B, n, heads, width], one per past position, the last <paramref name="keep"/> of them if given.</summary>
    public static StateSlot Cache(string name, int? keep, int heads, int width) => new(name, [heads, width], true, keep);
}

/// <summary>All slots of a block, grouped by the sublayer that owns them.</summary>
/// <param name="Groups">Sublayers that have no state are there too, without slots: the numbers of groups are fixed.</param>
internal sealed record StatePlan(IReadOnlyList<(string Prefix, IReadOnlyList<StateSlot> Slots)> Groups)
{
    /// <summary>True when a state of that plan fits this one.</summary>
    public bool Matches(StatePlan other) => ReferenceEquals(this, other)
        || (Groups.Count == other.Groups.Count
            && Groups.Zip(other.Groups).All(g => g.First.Prefix == g.Second.Prefix && g.First.Slots.SequenceEqual(g.Second.Slots)));
}
