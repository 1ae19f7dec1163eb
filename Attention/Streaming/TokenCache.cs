using Edifice.Engine;
using Edifice.Engine.Autograd;

namespace Edifice.Attention;

/// <summary>Entries [B, n, g, d] of past positions, appended at the end and dropped at the front without moving the rest.</summary>
/// <remarks>
/// <para>The memory behind it is [B, g, capacity, d], so that one head's entries lie one after the other when a step reads
/// them; what callers see is a strided view. Capacity grows by half of what is needed, so a stream of n steps copies O(n)
/// entries in all. With a limit on the kept entries the live ones wander through the memory and are moved to its
/// beginning when they reach its end: memory stays bounded, and an append moves about one entry on average.</para>
/// <para>While operations are recorded nothing is written in place, as the tape may need what was returned before; entries
/// are then joined into new memory at every append.</para>
/// </remarks>
internal sealed class TokenCache : IDisposable
{
    private const int LeastCapacity = 16;

    private readonly int? _keep;
    private Tensor _memory;
    private int _start;
    // True when the tape may hold the memory: it is not written any more.
    private bool _recorded;

    /// <summary>A cache that holds the given entries [B, n, g, d].</summary>
    public TokenCache(Tensor entries, int? keep)
    {
        _keep = keep;
        _memory = StateMemory.Own(entries);
        Count = entries.Size(1);
        Trim();
    }

    /// <summary>How many entries there are.</summary>
    public int Count { get; private set; }

    /// <summary>The entries [B, n, g, d]: a view that later appends may overwrite.</summary>
    public Tensor Entries => Place(_start, Count);

    private int Capacity => _memory.Size(1);

    /// <summary>Adds entries at the end.</summary>
    /// <param name="entries">[B, n, g, d].</param>
    /// <param name="past">How many of the old entries may still be needed, if that is less than the cache keeps.</param>
    /// <returns>Old and new entries, [B, old + n, g, d], good until the next append.</returns>
    public Tensor Append(Tensor entries, int past)
    {
        Drop(Count - past);
        if (GradMode.IsOn)
        {
            var joined = Count == 0 ? entries : Tensor.Cat([Entries, entries], 1);
            using var outside = TensorScope.Suspend();
            var kept = Kept(joined);
            // Memory may be shared, as it is not written, but each holder disposes an object of its own.
            Replace(ReferenceEquals(kept, joined) ? joined.Alias() : kept);
            Count = Capacity;
            _recorded = true;
            return joined;
        }

        // With an empty cache the new entries are all there is: no need to read them back.
        var first = Count == 0;
        var stored = first ? Kept(entries) : entries;
        var n = stored.Size(1);
        if (n > 0)
        {
            Reserve(n, entries);
            using var end = Place(_start + Count, n);
            end.CopyFrom(stored);
        }

        Count += n;
        var all = first ? entries : Entries;
        Trim();
        return all;
    }

    /// <summary>The same entries in memory of their own.</summary>
    public TokenCache Clone()
    {
        using var view = Entries;
        using var outside = TensorScope.Suspend();
        return new TokenCache(view.Clone(), _keep);
    }

    /// <summary>Forgets all entries.</summary>
    public void Clear() => Drop(Count);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private Tensor Kept(Tensor entries) =>
        _keep is { } keep && entries.Size(1) > keep ? entries.Narrow(1, entries.Size(1) - keep, keep) : entries;

    private void Trim()
    {
        if (_keep is { } keep) Drop(Count - keep);
    }

    private void Drop(int count)
    {
        if (count <= 0) return;
        _start += count;
        Count -= count;
    }

    /// <summary>Makes room for <paramref name="n"/> entries behind the last one.</summary>
    private void Reserve(int n, Tensor like)
    {
        var needed = checked(Count + n);
        if (!_recorded)
        {
            if (_start + needed <= Capacity) return;
            // Moving within the memory needs source and destination apart.
            if (needed <= Capacity && _start >= Count)
            {
                MoveTo(_memory);
                return;
            }
        }

        var capacity = Math.Max(LeastCapacity, checked(needed + needed / 2));
        if (_keep is { } keep)
        {
            // Room for twice the kept entries lets them wander; more would never be used.
            var room = Math.Max(needed, checked(2 * keep + n));
            capacity = Count >= keep ? room : Math.Min(capacity, room);
        }

        using var outside = TensorScope.Suspend();
        using var rows = Tensor.Allocate([like.Size(0), like.Size(2), capacity, like.Size(3)], like.DType, like.Device);
        var grown = rows.Permute(0, 2, 1, 3);
        MoveTo(grown);
        Replace(grown);
        _recorded = false;
    }

    /// <summary>Copies the entries to the beginning of a memory, which is this cache's from then on.</summary>
    private void MoveTo(Tensor memory)
    {
        if (Count > 0)
        {
            using var from = Entries;
            using var front = memory.Narrow(1, 0, Count);
            front.CopyFrom(from);
        }

        _start = 0;
    }

    private void Replace(Tensor memory)
    {
        if (!ReferenceEquals(memory, _memory)) _memory.Dispose();
        _memory = memory;
        _start = 0;
    }

    /// <summary>A view of the memory, always an object of its own.</summary>
    private Tensor Place(int start, int count) =>
        start == 0 && count == Capacity ? _memory.Alias() : _memory.Narrow(1, start, count);
}
