using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Edifice.Engine.Cpu.Threads;

/// <summary>A piece of work cut into tiles that do not depend on one another.</summary>
internal interface ITiles
{
    /// <summary>Does tile number <paramref name="tile"/>.</summary>
    void Run(long tile);
}

/// <summary>Persistent worker threads that share out tiles by atomic counters; the caller takes part.</summary>
/// <remarks>
/// <para>Which thread does which tile is open, so a tile must write only its own results: then the bits do not depend
/// on the number of threads.</para>
/// <para>An idle worker spins for <see cref="SpinMicroseconds"/> before it parks. Waking it then costs the caller about 12 µs
/// (measured on Linux), and the worker starts about as much later; a spinning worker starts within a microsecond. So
/// work below <see cref="InlineCost"/> runs on the caller, and parked workers are left alone below
/// <see cref="WakeCost"/>, unless pieces follow one another closely. Workers wake one another as a binary tree: on a
/// large machine the caller need not pay for all.</para>
/// </remarks>
internal static unsafe class WorkerPool
{
    /// <summary>Work (in nanoseconds, estimated) below which sharing it with a spinning worker does not pay.</summary>
    public const long InlineCost = 10_000;

    /// <summary>Work (in nanoseconds, estimated) below which waking a parked worker does not pay.</summary>
    public const long WakeCost = 40_000;

    /// <summary>Work (in nanoseconds, estimated) in pieces close together from which on waking a parked worker pays though it does for none of them.</summary>
    public const long StreamCost = 4 * WakeCost;

    /// <summary>How long an idle worker keeps its processor: longer than the gaps between the operators of a model, short
    /// enough that a machine of two cores does not notice.</summary>
    public const int SpinMicroseconds = 50;

    private static readonly long s_spinTicks = Stopwatch.Frequency * SpinMicroseconds / 1_000_000;
    private static readonly Lock s_caller = new();

    [ThreadStatic] private static bool t_inside;
    private static int s_threads = Environment.ProcessorCount;
    private static Worker[] s_workers = [];
    private static Job? s_job;

    // Work that stayed on the caller for want of an awake worker, and when its last piece came. Callers may overwrite one another's: it is a hint.
    private static double s_declined;
    private static long s_declinedAt;

    /// <summary>One call of <see cref="For"/>. A worker that looks at it late finds no tile left and touches nothing.</summary>
    /// <remarks>Each participant has a stretch of the tiles and takes from the others' once its own is done. So a thread gets the
    /// same part of a tensor from one operator to the next, and finds there what it left in its cache.</remarks>
    private sealed class Job
    {
        // Counters of 64 bytes each, one line of a cache: participants do not disturb one another while each has tiles of its own.
        private const int Line = 8;

        private readonly delegate*<void*, long, void> _run;
        private readonly void* _body;
        private readonly long[] _next;
        private long _finished;
        private long _failedTile = long.MaxValue;
        private ExceptionDispatchInfo? _failure;

        public Job(delegate*<void*, long, void> run, void* body, long tiles, int participants)
        {
            _run = run;
            _body = body;
            Tiles = tiles;
            Participants = participants;
            _next = new long[(participants + 1) * Line];
            for (var p = 0; p < participants; p++) Next(p) = First(p);
        }

        public long Tiles { get; }

        public int Participants { get; }

        public bool IsTaken
        {
            get
            {
                for (var p = 0; p < Participants; p++)
                    if (Volatile.Read(ref Next(p)) < First(p + 1)) return false;
                return true;
            }
        }

        private long First(int participant) => Tiles * participant / Participants;

        /// <summary>The tile that is next in a participant's stretch. The array's first line, beside its length, is left free.</summary>
        private ref long Next(int participant) => ref _next[(participant + 1) * Line];

        public void Drain(int participant)
        {
            long done = 0;
            for (var i = 0; i < Participants; i++)
            {
                var stretch = (participant + i) % Participants;
                ref var next = ref Next(stretch);
                var end = First(stretch + 1);
                while (Volatile.Read(ref next) < end)
                {
                    var tile = Interlocked.Increment(ref next) - 1;
                    if (tile >= end) break;
                    Try(tile);
                    done++;
                }
            }

            if (done > 0) Interlocked.Add(ref _finished, done);
        }

        private void Try(long tile)
        {
            try
            {
                _run(_body, tile);
            }
            catch (Exception e) // handed to the caller, who waits for every tile
            {
                Fail(tile, e);
            }
        }

        /// <summary>Waits for the tiles that other threads took; throws what the first failing tile threw, as a plain
        /// loop would.</summary>
        public void Finish()
        {
            var spin = new SpinWait();
            while (Volatile.Read(ref _finished) < Tiles) spin.SpinOnce(sleep1Threshold: -1);
            _failure?.Throw();
        }

        private void Fail(long tile, Exception e)
        {
            lock (this)
            {
                if (tile >= _failedTile) return;
                _failedTile = tile;
                _failure = ExceptionDispatchInfo.Capture(e);
            }
        }
    }

    /// <summary>A thread that takes part in jobs. Its number counts from 1; the caller is 0.</summary>
    private sealed class Worker(int number)
    {
        private readonly AutoResetEvent _wake = new(false);
        private int _parked;

        public bool IsParked => Volatile.Read(ref _parked) != 0;

        public void Start() => new Thread(Work) { IsBackground = true, Name = $"edifice worker {number}" }.Start();

        /// <summary>Wakes the worker if it is parked. A job published before this call is seen by the worker in any case:
        /// it looks once more between announcing that it parks and parking.</summary>
        public void Wake()
        {
            if (IsParked && Interlocked.Exchange(ref _parked, 0) != 0) _wake.Set();
        }

        private void Work()
        {
            t_inside = true;
            Job? seen = null;
            while (true)
            {
                seen = Next(seen);
                if (number >= seen!.Participants) continue; // fewer tiles or threads than workers: the job is not for this one
                WakeChildren(number, seen);
                seen.Drain(number);
            }
        }

        private Job? Next(Job? seen)
        {
            var start = Stopwatch.GetTimestamp();
            do
            {
                for (var i = 0; i < 16; i++)
                {
                    if (Volatile.Read(ref s_job) is var job && job != seen) return job;
                    Thread.SpinWait(1);
                }
            }
            while (Stopwatch.GetTimestamp() - start < s_spinTicks);

            Interlocked.Exchange(ref _parked, 1);
            if (Volatile.Read(ref s_job) == seen || Interlocked.Exchange(ref _parked, 0) == 0) _wake.WaitOne();
            return Volatile.Read(ref s_job);
        }
    }

    /// <summary>How many threads share work, the caller included.</summary>
    public static int Threads
    {
        get => Volatile.Read(ref s_threads);
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            Volatile.Write(ref s_threads, value);
        }
    }

    /// <summary>True when no worker uses its processor.</summary>
    public static bool IsIdle => Array.TrueForAll(Volatile.Read(ref s_workers), w => w.IsParked);

    /// <summary>Runs all tiles; <paramref name="nanosecondsPerTile"/> is a rough estimate for one thread. Calls from inside a
    /// tile, and calls while another thread's work is being shared out, run on the calling thread alone.</summary>
    public static void For<TBody>(long tiles, double nanosecondsPerTile, ref TBody body) where TBody : unmanaged, ITiles
    {
        var threads = Threads;
        if (tiles <= 1 || threads == 1 || t_inside || !IsWorthSharing(tiles * nanosecondsPerTile) || !s_caller.TryEnter())
        {
            fixed (TBody* pointer = &body)
                for (long i = 0; i < tiles; i++) RunTile<TBody>(pointer, i);
            return;
        }

        try
        {
            EnsureStarted(threads - 1);
            fixed (TBody* pointer = &body)
            {
                var job = new Job(&RunTile<TBody>, pointer, tiles, (int)Math.Min(threads, tiles));
                Interlocked.Exchange(ref s_job, job); // a full fence: published before any worker's state is read
                WakeChildren(0, job);
                t_inside = true;
                job.Drain(0);
                t_inside = false;
                job.Finish();
            }
        }
        finally
        {
            s_caller.Exit();
        }
    }

    /// <remarks>A tile is the loop of a kernel and must stay a method of its own: what the JIT inlines counts against one budget
    /// per method, and a loop that is merged into its caller overruns it and is left with calls in place of vector
    /// instructions (measured: Adam 40 times slower). A method without optimization inlines nothing.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.NoOptimization)]
    private static void RunTile<TBody>(void* body, long tile) where TBody : unmanaged, ITiles => ((TBody*)body)->Run(tile);

    /// <summary>True when a worker's help outweighs what it costs to get it.</summary>
    private static bool IsWorthSharing(double nanoseconds)
    {
        if (nanoseconds < InlineCost) return false;
        if (nanoseconds >= WakeCost || Volatile.Read(ref s_workers) is [{ IsParked: false }, ..]) return true;

        // One piece is not worth waking a worker for; a dense stream of them is, since the worker then stays awake from one to the next. One with gaps,
        // as a model makes it that reads token by token, would wake it again and again.
        var now = Stopwatch.GetTimestamp();
        if (now - Volatile.Read(ref s_declinedAt) > s_spinTicks) Volatile.Write(ref s_declined, 0);
        Volatile.Write(ref s_declinedAt, now);
        var declined = Volatile.Read(ref s_declined) + nanoseconds;
        Volatile.Write(ref s_declined, declined < StreamCost ? declined : 0);
        return declined >= StreamCost;
    }

    /// <summary>Wakes the two workers below one in the tree, as far as there are tiles for them.</summary>
    private static void WakeChildren(int number, Job job)
    {
        if (job.IsTaken) return;
        var workers = Volatile.Read(ref s_workers);
        var last = Math.Min(2 * number + 2, job.Participants - 1);
        for (var child = 2 * number + 1; child <= last; child++) workers[child - 1].Wake();
    }

    private static void EnsureStarted(int count)
    {
        if (s_workers.Length >= count) return;
        var workers = s_workers;
        var old = workers.Length;
        Array.Resize(ref workers, count);
        for (var i = old; i < count; i++) workers[i] = new Worker(i + 1);
        Volatile.Write(ref s_workers, workers);
        for (var i = old; i < count; i++) workers[i].Start();
    }
}
