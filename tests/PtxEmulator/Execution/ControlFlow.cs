namespace PtxEmulator.Execution;

/// <summary>The graph of a flattened kernel: where the ways of each branch meet (immediate post-dominators), and which registers
/// may be read before they are written.</summary>
internal sealed class ControlFlow
{
    private readonly List<FlatInstruction> _code;
    private readonly List<(int Start, int End)> _blocks = [];
    private readonly int[] _blockOf;
    private readonly List<int>[] _successors;
    private readonly List<int>[] _predecessors;

    public ControlFlow(List<FlatInstruction> code, int registers)
    {
        _code = code;
        _blockOf = new int[code.Count];
        var leaders = new SortedSet<int> { 0 };
        for (var i = 0; i < code.Count; i++)
        {
            if (code[i].Kind == FlatKind.Branch) leaders.Add(code[i].Target);
            if (code[i].Kind is FlatKind.Branch or FlatKind.Exit && i + 1 < code.Count) leaders.Add(i + 1);
        }

        var starts = leaders.ToArray();
        for (var b = 0; b < starts.Length; b++)
        {
            var end = b + 1 < starts.Length ? starts[b + 1] : code.Count;
            _blocks.Add((starts[b], end));
            for (var i = starts[b]; i < end; i++) _blockOf[i] = b;
        }

        _successors = new List<int>[_blocks.Count];
        _predecessors = new List<int>[_blocks.Count];
        for (var b = 0; b < _blocks.Count; b++) _predecessors[b] = [];
        for (var b = 0; b < _blocks.Count; b++)
        {
            var last = code[_blocks[b].End - 1];
            var successors = _successors[b] = [];
            if (last.Kind == FlatKind.Branch) successors.Add(_blockOf[last.Target]);
            var goesOn = last.Kind is not (FlatKind.Branch or FlatKind.Exit) || last.Guard is not null;
            if (goesOn && b + 1 < _blocks.Count && !successors.Contains(b + 1)) successors.Add(b + 1);
            foreach (var s in successors) _predecessors[s].Add(b);
        }

        IsReached = Reach();
        Meetings = FindMeetings();
        Watched = FindWatched(registers);
    }

    /// <summary>Per branch (flat index), the flat index where its ways meet; absent where they meet only at the end.</summary>
    public Dictionary<int, int> Meetings { get; }

    /// <summary>Registers that need watching at run time.</summary>
    public List<FlatRegister> Watched { get; }

    /// <summary>Per flat index.</summary>
    public bool[] IsReached { get; }

    private bool[] Reach()
    {
        var seen = new bool[_blocks.Count];
        var open = new Stack<int>([0]);
        while (open.TryPop(out var b))
        {
            if (seen[b]) continue;
            seen[b] = true;
            foreach (var s in _successors[b]) open.Push(s);
        }

        return [.. _blockOf.Select(b => seen[b])];
    }

    /// <summary>Cooper, Harvey and Kennedy, "A simple, fast dominance algorithm" (2001), on the reversed graph.</summary>
    private Dictionary<int, int> FindMeetings()
    {
        var count = _blocks.Count;
        var exit = count;
        var order = new int[count + 1];
        Array.Fill(order, -1);
        var sorted = new List<int>();
        var ends = Enumerable.Range(0, count).Where(b => _successors[b].Count == 0).ToArray();
        // Postorder of the reversed graph from the exit.
        var visited = new bool[count + 1];
        var stack = new Stack<(int Node, int Next)>();
        stack.Push((exit, 0));
        visited[exit] = true;
        while (stack.TryPop(out var top))
        {
            IReadOnlyList<int> next = top.Node == exit ? ends : _predecessors[top.Node];
            if (top.Next < next.Count)
            {
                stack.Push((top.Node, top.Next + 1));
                if (!visited[next[top.Next]])
                {
                    visited[next[top.Next]] = true;
                    stack.Push((next[top.Next], 0));
                }
            }
            else
            {
                order[top.Node] = sorted.Count;
                sorted.Add(top.Node);
            }
        }

        var dominator = new int[count + 1];
        Array.Fill(dominator, -1);
        dominator[exit] = exit;
        bool changed;
        do
        {
            changed = false;
            for (var i = sorted.Count - 2; i >= 0; i--)
            {
                var b = sorted[i];
                var found = -1;
                IEnumerable<int> towardExit = _successors[b].Count == 0 ? [exit] : _successors[b];
                foreach (var s in towardExit)
                {
                    if (dominator[s] < 0) continue;
                    if (found < 0)
                    {
                        found = s;
                        continue;
                    }

                    var other = s;
                    while (found != other)
                    {
                        while (order[found] < order[other]) found = dominator[found];
                        while (order[other] < order[found]) other = dominator[other];
                    }
                }

                if (found >= 0 && dominator[b] != found)
                {
                    dominator[b] = found;
                    changed = true;
                }
            }
        }
        while (changed);

        var meetings = new Dictionary<int, int>();
        for (var b = 0; b < count; b++)
        {
            var last = _blocks[b].End - 1;
            if (_code[last].Kind == FlatKind.Branch && _code[last].Guard is not null && dominator[b] >= 0 && dominator[b] != exit)
            {
                meetings[last] = _blocks[dominator[b]].Start;
            }
        }

        return meetings;
    }

    /// <summary>Forward must-analysis: a register counts as written where every path wrote it without a guard.</summary>
    private List<FlatRegister> FindWatched(int registers)
    {
        var words = (registers + 63) / 64;
        var after = new ulong[_blocks.Count][];
        for (var b = 0; b < _blocks.Count; b++)
        {
            after[b] = new ulong[words];
            Array.Fill(after[b], ulong.MaxValue);
        }

        var watched = new List<FlatRegister>();
        var state = new ulong[words];
        bool changed;
        do
        {
            changed = false;
            for (var b = 0; b < _blocks.Count; b++)
            {
                if (!IsReached[_blocks[b].Start]) continue;
                Before(b, state, after);
                for (var i = _blocks[b].Start; i < _blocks[b].End; i++) Pass(_code[i], state);
                if (state.AsSpan().SequenceEqual(after[b])) continue;
                state.CopyTo(after[b], 0);
                changed = true;
            }
        }
        while (changed);

        for (var b = 0; b < _blocks.Count; b++)
        {
            if (!IsReached[_blocks[b].Start]) continue;
            Before(b, state, after);
            for (var i = _blocks[b].Start; i < _blocks[b].End; i++)
            {
                foreach (var r in _code[i].Reads)
                {
                    if ((state[r.Number >> 6] >> (r.Number & 63) & 1) != 0 || r.Watched >= 0) continue;
                    r.Watched = watched.Count;
                    watched.Add(r);
                }

                Pass(_code[i], state);
            }
        }

        return watched;
    }

    private void Before(int block, ulong[] state, ulong[][] after)
    {
        Array.Fill(state, block == 0 ? 0 : ulong.MaxValue);
        foreach (var p in _predecessors[block])
        {
            if (!IsReached[_blocks[p].Start]) continue;
            for (var w = 0; w < state.Length; w++) state[w] &= after[p][w];
        }
    }

    private static void Pass(FlatInstruction instruction, ulong[] state)
    {
        if (instruction.Kind == FlatKind.Enter)
        {
            foreach (var r in instruction.Frame.Registers) state[r.Number >> 6] &= ~(1UL << (r.Number & 63));
        }

        if (instruction.Guard is not null) return;
        foreach (var r in instruction.Writes) state[r.Number >> 6] |= 1UL << (r.Number & 63);
    }
}
