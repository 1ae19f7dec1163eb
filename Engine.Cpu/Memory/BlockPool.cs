namespace Edifice.Engine.Cpu.Memory;

/// <summary>When a <see cref="BlockPool"/> acts.</summary>
/// <param name="CollectFloor">Live bytes below which no collection is run.</param>
/// <param name="CacheFloor">Cached bytes that are never given back unasked.</param>
/// <param name="Ceiling">Held bytes above which the cache is given back before more is asked from the system.</param>
/// <param name="Limit">Held bytes that are never exceeded: a request beyond fails.</param>
internal readonly record struct PoolLimits(long CollectFloor, long CacheFloor, long Ceiling, long Limit)
{
    private const long MiB = 1 << 20;

    /// <summary>Floors of 256 MiB; the ceiling leaves a tenth of the memory this process may use.</summary>
    public static PoolLimits Default { get; } =
        new(256 * MiB, 256 * MiB, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 10 * 9, long.MaxValue);
}

/// <summary>A thread-safe cache of native memory blocks by size class.</summary>
/// <remarks>
/// <para>Blocks that come back wait, newest on top, for the next request of their class: in a steady state nothing is asked
/// from the operating system (a fresh megabyte costs up to 0.4 ms in page faults).</para>
/// <para>The garbage collector sees none of this memory, so the pool watches the live bytes. Past a limit (half as much
/// again as was live after the last collection) it runs a young collection and waits for the finalizers, which bring
/// back what was dropped without Dispose; a full one follows when that was not enough. Memory pressure as reported by
/// GC.AddMemoryPressure was left out: it costs more per buffer than the pool itself and triggers at moments of its own.</para>
/// <para>The cache is bounded by twice the most that was recently live; what the last window of requests never touched
/// goes first.</para>
/// </remarks>
internal sealed unsafe class BlockPool(PoolLimits limits)
{
    /// <summary>Requests per window: the horizon of "recently". Longer than a training step of most models.</summary>
    private const int Window = 16 * 1024;

    private readonly Lock _lock = new();
    private PoolLimits _limits = limits;
    private readonly Shelf[] _shelves = new Shelf[SizeClass.Count];
    private long _live, _cached, _liveBlocks, _peak, _systemAllocations, _collections;
    private long _windowPeak, _lastWindowPeak;
    private int _windowRequests;
    private long _collectAt = limits.CollectFloor;
    private int _collecting;
    private bool _debug;
    private string? _fault;

    /// <summary>The cached blocks of one class, a stack.</summary>
    private struct Shelf
    {
        private nint[]? _blocks;
        public int Count;

        /// <summary>The smallest <see cref="Count"/> of this window: so many blocks nobody needed.</summary>
        public int Low;

        public void Push(byte* block)
        {
            _blocks ??= new nint[4];
            if (Count == _blocks.Length) Array.Resize(ref _blocks, 2 * Count);
            _blocks[Count++] = (nint)block;
        }

        public byte* Pop()
        {
            var block = (byte*)_blocks![--Count];
            Low = Math.Min(Low, Count);
            return block;
        }

        /// <summary>Gives the blocks that waited longest back to the system.</summary>
        public void ReleaseOldest(int count)
        {
            if (count == 0) return;
            for (var i = 0; i < count; i++) SystemMemory.Free((byte*)_blocks![i]);
            Array.Copy(_blocks!, count, _blocks!, 0, Count - count);
            Count -= count;
            Low = Math.Max(0, Low - count);
        }
    }

    /// <summary>The pool behind tensors.</summary>
    public static BlockPool Shared { get; } = new(PoolLimits.Default);

    /// <summary>Held bytes that are never exceeded.</summary>
    public long Limit
    {
        get => _limits.Limit;
        set => _limits = _limits with { Limit = value };
    }

    /// <summary>Guard and poison every block from now on (see <see cref="MemoryGuard"/>).</summary>
    public bool Debug
    {
        get => _debug;
        set
        {
            if (_debug == value) return;
            _debug = value;
            ReleaseCache(); // cached blocks were filled, or not, under the other setting
        }
    }

    public MemoryStatistics Statistics
    {
        get
        {
            lock (_lock) return new(_live, _cached, _liveBlocks, _peak, _systemAllocations, _collections);
        }
    }

    /// <summary>Hands out a block of at least <paramref name="byteLength"/> bytes, content undefined.</summary>
    /// <param name="byteLength">At least 1.</param>
    /// <param name="insideKernel">The calling thread is working on operands: they are kept reachable during a
    /// collection.</param>
    /// <exception cref="TensorException">The system has no such amount.</exception>
    public Block Rent(long byteLength, bool insideKernel = false)
    {
        var guarded = _debug;
        if (guarded && Interlocked.Exchange(ref _fault, null) is { } fault) throw new TensorException(fault);
        var total = guarded ? byteLength + 2 * MemoryGuard.Width : byteLength;
        if (byteLength > SizeClass.Largest - 2 * MemoryGuard.Width) throw OutOfMemory(byteLength);

        var sizeClass = SizeClass.Of(total);
        var size = SizeClass.Bytes(sizeClass);
        if (Volatile.Read(ref _live) + size > Volatile.Read(ref _collectAt)) CollectDropped(size, insideKernel, force: false);

        byte* start = null;
        lock (_lock)
        {
            if (_shelves[sizeClass].Count > 0)
            {
                start = _shelves[sizeClass].Pop();
                _cached -= size;
                CountLive(size);
            }

            if (++_windowRequests >= Window) TurnWindow();
        }

        if (start == null) start = Fresh(size, byteLength, insideKernel);
        else if (guarded && MemoryGuard.FindWriteAfterFree(start, size) is { } written)
        {
            Return(new Block(start, byteLength, sizeClass, Guarded: false));
            throw new TensorException(written);
        }

        var block = new Block(start, byteLength, sizeClass, guarded);
        if (guarded) MemoryGuard.Enter(block);
        return block;
    }

    /// <summary>Takes a block back.</summary>
    /// <exception cref="TensorException">Debug mode found a write outside the buffer.</exception>
    public void Return(in Block block)
    {
        if (TakeBack(block) is { } fault) throw new TensorException(fault);
    }

    /// <summary>Takes a block back from a finalizer, where nothing may be thrown: a fault is thrown by the next
    /// <see cref="Rent"/>.</summary>
    public void ReturnFromFinalizer(in Block block)
    {
        if (TakeBack(block) is { } fault) Interlocked.CompareExchange(ref _fault, fault, null);
    }

    /// <summary>Gives all cached memory back to the system.</summary>
    public void ReleaseCache()
    {
        lock (_lock) ReleaseDownTo(0);
    }

    private string? TakeBack(in Block block)
    {
        var fault = block.Guarded ? MemoryGuard.Leave(block) : null;
        var size = SizeClass.Bytes(block.Class);
        lock (_lock)
        {
            _live -= size;
            _liveBlocks--;
            if (block.Guarded == _debug)
            {
                _shelves[block.Class].Push(block.Start);
                _cached += size;
                return fault;
            }
        }

        SystemMemory.Free(block.Start);
        return fault;
    }

    /// <summary>A block from the system, counted as live.</summary>
    private byte* Fresh(long size, long byteLength, bool insideKernel)
    {
        lock (_lock)
        {
            if (_cached > CacheBound) ReleaseDownTo(CacheBound / 2);
            if (_live + _cached + size > _limits.Ceiling) ReleaseDownTo(0);
        }

        if (TryFresh(size) is var first && first != null) return first;
        CollectDropped(size, insideKernel, force: true);
        if (TryFresh(size) is var second && second != null) return second;
        throw OutOfMemory(byteLength);
    }

    private byte* TryFresh(long size)
    {
        lock (_lock)
        {
            if (_live + _cached + size > _limits.Limit) ReleaseDownTo(0);
            if (_live + size > _limits.Limit) return null;
            var start = SystemMemory.TryAllocate(size);
            if (start == null)
            {
                ReleaseDownTo(0);
                start = SystemMemory.TryAllocate(size);
                if (start == null) return null;
            }

            _systemAllocations++;
            CountLive(size);
            return start;
        }
    }

    private void CountLive(long size)
    {
        _live += size;
        _liveBlocks++;
        _windowPeak = Math.Max(_windowPeak, _live);
        _peak = Math.Max(_peak, _live);
    }

    /// <summary>Starts measuring the peak anew, from what is live now.</summary>
    public void ResetPeak()
    {
        lock (_lock) _peak = _live;
    }

    private long CacheBound => Math.Max(_limits.CacheFloor, 2 * Math.Max(_windowPeak, _lastWindowPeak));

    private void TurnWindow()
    {
        _windowRequests = 0;
        if (_cached > CacheBound) ReleaseDownTo(CacheBound / 2);
        (_lastWindowPeak, _windowPeak) = (_windowPeak, _live);
        for (var i = 0; i < _shelves.Length; i++) _shelves[i].Low = _shelves[i].Count;
    }

    /// <summary>Frees cached blocks, largest first: those that this window never needed, then any.</summary>
    private void ReleaseDownTo(long bytes)
    {
        for (var any = false; _cached > bytes; any = true)
        {
            for (var i = _shelves.Length - 1; i >= 0 && _cached > bytes; i--)
            {
                ref var shelf = ref _shelves[i];
                var size = SizeClass.Bytes(i);
                var surplus = (_cached - bytes + size - 1) / size;
                var count = (int)Math.Min(any ? shelf.Count : shelf.Low, surplus);
                shelf.ReleaseOldest(count);
                _cached -= count * size;
            }
        }
    }

    /// <summary>Runs the garbage collector so that dropped tensors return their blocks, and sets the next limit.</summary>
    private void CollectDropped(long size, bool insideKernel, bool force)
    {
        // One thread collects; the others go on meanwhile rather than queue up for a second collection.
        if (Interlocked.Exchange(ref _collecting, 1) != 0 && !force) return;
        try
        {
            if (!insideKernel) RecentOperands.Clear();
            Collect(generation: 1);
            var collectAt = Volatile.Read(ref _collectAt);
            if (force || Volatile.Read(ref _live) + size > collectAt / 4 * 3) Collect(generation: 2);
            lock (_lock)
            {
                _collections++;
                var next = Math.Max(_limits.CollectFloor, _live + Math.Max(_live / 2, _limits.CollectFloor / 2));
                if (next > _limits.Ceiling) next = Math.Max(_limits.Ceiling, _live + _live / 10);
                _collectAt = Math.Max(next, _live + size);
            }
        }
        finally
        {
            Volatile.Write(ref _collecting, 0);
        }

        static void Collect(int generation)
        {
            GC.Collect(generation, GCCollectionMode.Forced, blocking: true, compacting: false);
            GC.WaitForPendingFinalizers();
        }
    }

    private TensorException OutOfMemory(long byteLength)
    {
        var held = Statistics;
        var limit = _limits.Limit == long.MaxValue ? "" : $", limit {Readable(_limits.Limit)}";
        return new TensorException(
            $"out of memory on cpu: a buffer of {Readable(byteLength)} was asked for, and {Readable(held.LiveBytes)} in {held.LiveBlocks} buffers are "
            + $"live ({Readable(held.CachedBytes)} cached{limit}, {Readable(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)} on this machine). "
            + "Free tensors earlier (Tensor.Scope, Dispose), run inference under NoGrad, or use a smaller batch or checkpointing");
    }

    private static string Readable(long bytes) => bytes switch
    {
        < 1L << 20 => $"{bytes} bytes",
        < 1L << 30 => $"{bytes / (double)(1L << 20):F1} MiB",
        _ => $"{bytes / (double)(1L << 30):F1} GiB",
    };
}
