namespace Edifice.Engine.Cpu.Threads;

/// <summary>A piece of work cut into tiles that do not depend on one another.</summary>
internal interface ITiles
{
    /// <summary>Does tile number <paramref name="tile"/>.</summary>
    void Run(long tile);
}

/// <summary>Persistent worker threads that share out tiles by an atomic counter; the caller takes part.</summary>
/// <remarks>Which thread does which tile is open, so a tile must write only its own results: then the bits do not depend
/// on the number of threads. Waking a parked worker costs tens of microseconds: work below <see cref="InlineCost"/> runs on
/// the caller, and idle workers spin for a while before they park.</remarks>
internal static unsafe class WorkerPool
{
    /// <summary>Work (in nanoseconds, estimated) below which waking a worker costs more than it saves.</summary>
    public const long InlineCost = 20_000;

    private const int SpinRounds = 2_000;

    [ThreadStatic] private static bool s_inside;
    private static readonly Lock s_caller = new();
    private static readonly SemaphoreSlim s_wake = new(0);
    private static int s_threads = Environment.ProcessorCount;
    private static int s_started;
    private static int s_parked;

    private static volatile Job? s_job;

    /// <summary>One call of <see cref="For"/>. A worker that looks at it late finds no tile left and touches nothing.</summary>
    private sealed class Job(delegate*<void*, long, void> run, void* body, long tiles)
    {
        private long _next = -1;
        private long _finished;

        public Exception? Failure { get; private set; }

        public bool IsFinished => Volatile.Read(ref _finished) == tiles;

        public void Drain()
        {
            long tile;
            while ((tile = Interlocked.Increment(ref _next)) < tiles)
            {
                try
                {
                    run(body, tile);
                }
                catch (Exception e) // handed to the caller, who waits for every tile
                {
                    Failure = e;
                }

                Interlocked.Increment(ref _finished);
            }
        }
    }

    /// <summary>How many threads share work, the caller included.</summary>
    public static int Threads
    {
        get => s_threads;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            s_threads = value;
        }
    }

    /// <summary>Runs all tiles; <paramref name="nanosecondsPerTile"/> is a rough estimate for one thread.</summary>
    public static void For<TBody>(long tiles, double nanosecondsPerTile, ref TBody body) where TBody : unmanaged, ITiles
    {
        if (tiles <= 1 || s_threads == 1 || s_inside || tiles * nanosecondsPerTile < InlineCost || !s_caller.TryEnter())
        {
            for (long i = 0; i < tiles; i++) body.Run(i);
            return;
        }

        try
        {
            EnsureStarted();
            fixed (TBody* pointer = &body)
            {
                var job = new Job(&RunTile<TBody>, pointer, tiles);
                s_job = job;
                var parked = Volatile.Read(ref s_parked);
                if (parked > 0) s_wake.Release(Math.Min(parked, s_threads - 1));
                s_inside = true;
                job.Drain();
                s_inside = false;
                var spin = new SpinWait();
                while (!job.IsFinished) spin.SpinOnce(sleep1Threshold: -1);
                if (job.Failure is { } failure) throw new InvalidOperationException("a kernel tile failed", failure);
            }
        }
        finally
        {
            s_caller.Exit();
        }
    }

    private static void RunTile<TBody>(void* body, long tile) where TBody : unmanaged, ITiles => ((TBody*)body)->Run(tile);

    private static void EnsureStarted()
    {
        while (s_started < s_threads - 1)
        {
            var index = ++s_started;
            new Thread(() => Work(index)) { IsBackground = true, Name = $"edifice worker {index}" }.Start();
        }
    }

    private static void Work(int index)
    {
        s_inside = true;
        Job? seen = null;
        while (true)
        {
            var spins = 0;
            while (ReferenceEquals(s_job, seen))
            {
                if (++spins < SpinRounds)
                {
                    Thread.SpinWait(20);
                    continue;
                }

                Interlocked.Increment(ref s_parked);
                if (ReferenceEquals(s_job, seen)) s_wake.Wait();
                Interlocked.Decrement(ref s_parked);
                spins = 0;
            }

            seen = s_job;
            if (index < s_threads) seen?.Drain();
        }
    }
}
