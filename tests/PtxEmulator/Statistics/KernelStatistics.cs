namespace PtxEmulator.Statistics;

/// <summary>What the launches of one kernel did, to tune it on paper.</summary>
internal sealed class KernelStatistics
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, AccessStatistics> _lines = [];

    public long Launches { get; private set; }
    public long Blocks { get; private set; }

    /// <summary>Instructions issued, one per warp.</summary>
    public long WarpInstructions { get; private set; }

    /// <summary>Instructions times the lanes that executed them: against 32 × <see cref="WarpInstructions"/> this is the share of lanes in use.</summary>
    public long LaneInstructions { get; private set; }
    public long Barriers { get; private set; }

    /// <summary>Of all accesses to global memory.</summary>
    public AccessStatistics Global { get; } = new();

    /// <summary>Of all accesses to shared memory.</summary>
    public AccessStatistics Shared { get; } = new();

    /// <summary>Accesses by line of the PTX text.</summary>
    public IReadOnlyDictionary<int, AccessStatistics> Lines => _lines;

    internal void AddLaunch(long blocks, long warpInstructions, long laneInstructions, long barriers)
    {
        lock (_lock)
        {
            Launches++;
            Blocks += blocks;
            WarpInstructions += warpInstructions;
            LaneInstructions += laneInstructions;
            Barriers += barriers;
        }
    }

    internal void AddGlobal(int line, ReadOnlySpan<ulong> addresses, int bytes, bool isWrite)
    {
        // An access is aligned to its own width, so each lane stays within one sector.
        Span<ulong> sectors = stackalloc ulong[addresses.Length];
        for (var i = 0; i < addresses.Length; i++) sectors[i] = addresses[i] / AccessStatistics.SectorBytes;
        sectors.Sort();
        var distinct = 1;
        for (var i = 1; i < sectors.Length; i++)
        {
            if (sectors[i] != sectors[i - 1]) distinct++;
        }

        // What the touched bytes would fill if they lay side by side.
        var least = (Touched(addresses) * bytes + AccessStatistics.SectorBytes - 1) / AccessStatistics.SectorBytes;
        Add(Global, line, addresses.Length * bytes, isWrite, distinct, Math.Max(least, 1));
    }

    internal void AddShared(int line, ReadOnlySpan<ulong> addresses, int bytes, bool isWrite)
    {
        // Accesses of 8 and 16 bytes go by half and quarter warps.
        var lanesPerPass = bytes <= 4 ? 32 : 128 / bytes;
        var passes = 0;
        var ideal = 0;
        Span<int> depth = stackalloc int[32];
        Span<ulong> words = stackalloc ulong[32];
        for (var first = 0; first < addresses.Length; first += lanesPerPass)
        {
            var part = addresses.Slice(first, Math.Min(lanesPerPass, addresses.Length - first));
            var count = 0;
            depth.Clear();
            foreach (var address in part)
            {
                for (var word = address / 4; word <= (address + (ulong)bytes - 1) / 4; word++)
                {
                    if (words[..count].Contains(word)) continue;
                    words[count++] = word;
                    depth[(int)(word % 32)]++;
                }
            }

            var most = 0;
            foreach (var d in depth) most = Math.Max(most, d);
            passes += most;
            ideal++;
        }

        Add(Shared, line, addresses.Length * bytes, isWrite, passes, ideal);
    }

    private static int Touched(ReadOnlySpan<ulong> addresses)
    {
        Span<ulong> sorted = stackalloc ulong[addresses.Length];
        addresses.CopyTo(sorted);
        sorted.Sort();
        var distinct = 1;
        for (var i = 1; i < sorted.Length; i++)
        {
            if (sorted[i] != sorted[i - 1]) distinct++;
        }

        return distinct;
    }

    private void Add(AccessStatistics total, int line, int bytes, bool isWrite, int transactions, int least)
    {
        lock (_lock)
        {
            if (!_lines.TryGetValue(line, out var own)) _lines[line] = own = new AccessStatistics();
            total.Add(bytes, isWrite, transactions, least);
            own.Add(bytes, isWrite, transactions, least);
        }
    }
}

/// <summary>Accesses to one kind of memory, or of one instruction.</summary>
internal sealed class AccessStatistics
{
    /// <summary>What global memory moves at once.</summary>
    public const int SectorBytes = 32;

    /// <summary>Instructions executed, one per warp.</summary>
    public long Requests { get; private set; }

    /// <summary>Bytes the lanes asked for, read and written.</summary>
    public long BytesRead { get; private set; }
    public long BytesWritten { get; private set; }

    /// <summary>Sectors of global memory, or passes through the banks of shared memory.</summary>
    public long Transactions { get; private set; }

    /// <summary>As many as there would be if all lay side by side.</summary>
    public long LeastTransactions { get; private set; }

    /// <summary>Passes of shared memory beyond what there must be.</summary>
    public long Conflicts => Transactions - LeastTransactions;

    public double TransactionsPerRequest => Requests == 0 ? 0 : (double)Transactions / Requests;

    internal void Add(int bytes, bool isWrite, int transactions, int least)
    {
        Requests++;
        if (isWrite) BytesWritten += bytes;
        else BytesRead += bytes;
        Transactions += transactions;
        LeastTransactions += least;
    }
}
