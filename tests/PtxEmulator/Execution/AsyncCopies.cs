using PtxEmulator.Memory;

namespace PtxEmulator.Execution;

/// <summary>cp.async: copies begun, in groups as they were committed. A copy is carried out when it is waited for; until then its
/// target is pending.</summary>
internal sealed class AsyncCopies
{
    private readonly List<(int Lane, long Target, byte[] Bytes)>[] _open = [.. Enumerable.Range(0, 32).Select(_ => new List<(int, long, byte[])>())];
    private readonly Queue<List<(int Lane, long Target, byte[] Bytes)>>[] _groups =
        [.. Enumerable.Range(0, 32).Select(_ => new Queue<List<(int, long, byte[])>>())];
    private bool _isUsed;

    public bool IsPending => _isUsed && (_open.Any(o => o.Count > 0) || _groups.Any(g => g.Any(c => c.Count > 0)));

    public void Clear()
    {
        if (!_isUsed) return;
        foreach (var open in _open) open.Clear();
        foreach (var groups in _groups) groups.Clear();
        _isUsed = false;
    }

    public void Begin(int lane, long target, byte[] bytes)
    {
        _isUsed = true;
        _open[lane].Add((lane, target, bytes));
    }

    public void Commit(int lane)
    {
        _groups[lane].Enqueue([.. _open[lane]]);
        _open[lane].Clear();
    }

    /// <summary>Carries out all groups of a lane but the latest <paramref name="kept"/>.</summary>
    public unsafe void Wait(int lane, int kept, Region shared)
    {
        while (_groups[lane].Count > kept)
        {
            foreach (var (_, target, bytes) in _groups[lane].Dequeue())
            {
                bytes.CopyTo(new Span<byte>(shared.Host + target, bytes.Length));
                new Span<byte>(shared.States + target, bytes.Length).Fill(ByteState.Written);
            }
        }
    }
}
