using Edifice.Engine.Cpu.Threads;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Threads;

/// <summary>Changes the number of threads of the whole process, so it runs by itself.</summary>
[CollectionDefinition(nameof(WorkerPoolTests), DisableParallelization = true)]
public class AloneDefinition;

[Collection(nameof(WorkerPoolTests))]
public sealed unsafe class WorkerPoolTests : IDisposable
{
    private const double Heavy = 1e6; // nanoseconds: makes every call worth sharing

    private readonly int _threads = WorkerPool.Threads;

    public void Dispose() => WorkerPool.Threads = _threads;

    private struct CountVisits : ITiles
    {
        public int* Visits;

        public readonly void Run(long tile) => Interlocked.Increment(ref Visits[tile]);
    }

    [Property]
    public bool Every_tile_runs_exactly_once(byte threads, ushort tiles, bool heavy)
    {
        WorkerPool.Threads = 1 + threads % 9;
        return VisitsAreAllOne(tiles % 1000, heavy ? Heavy : 0);
    }

    [Fact]
    public void Every_tile_runs_exactly_once_while_the_number_of_threads_changes_between_calls()
    {
        for (var i = 0; i < 20_000; i++)
        {
            if (i % 3 == 0) WorkerPool.Threads = 1 + i % 7;
            Assert.True(VisitsAreAllOne(1 + i % 17, Heavy));
        }
    }

    [Fact]
    public void Callers_on_several_threads_each_get_all_of_their_tiles()
    {
        WorkerPool.Threads = 3;
        Parallel.For(0, 6, new ParallelOptions { MaxDegreeOfParallelism = 6 }, caller =>
        {
            for (var i = 0; i < 3_000; i++)
                if (!VisitsAreAllOne(1 + (caller + i) % 40, Heavy)) throw new InvalidOperationException("a tile was lost or done twice");
        });
    }

    private struct NoteThread : ITiles
    {
        public int* Threads;

        public readonly void Run(long tile)
        {
            Threads[tile] = Environment.CurrentManagedThreadId;
            Thread.SpinWait(200);
        }
    }

    [Fact]
    public void A_dense_stream_of_pieces_too_small_to_wake_a_worker_for_is_shared_in_the_end()
    {
        const int Tiles = 4;
        WorkerPool.Threads = 2;
        var threads = stackalloc int[Tiles];
        var body = new NoteThread { Threads = threads };
        var isShared = false;
        for (var i = 0; i < 1_000_000 && !isShared; i++)
        {
            WorkerPool.For(Tiles, WorkerPool.InlineCost / Tiles + 1, ref body);
            isShared = new ReadOnlySpan<int>(threads, Tiles).ContainsAnyExcept(Environment.CurrentManagedThreadId);
        }

        Assert.True(isShared);
    }

    private static bool VisitsAreAllOne(int tiles, double cost)
    {
        var visits = new int[tiles + 1];
        fixed (int* p = visits)
        {
            var body = new CountVisits { Visits = p };
            WorkerPool.For(tiles, cost, ref body);
        }

        return visits[tiles] == 0 && visits.AsSpan(0, tiles).IndexOfAnyExcept(1) < 0;
    }

    private struct ThrowAt : ITiles
    {
        public int* Visits;
        public long First;
        public long Second;

        public readonly void Run(long tile)
        {
            Interlocked.Increment(ref Visits[tile]);
            if (tile == First || tile == Second) throw new ArgumentException($"tile {tile}");
        }
    }

    [Property]
    public bool What_the_first_failing_tile_threw_reaches_the_caller_and_the_pool_goes_on_working(byte first, byte second, byte threads)
    {
        WorkerPool.Threads = 1 + threads % 4;
        var visits = new int[256];
        fixed (int* p = visits)
        {
            var body = new ThrowAt { Visits = p, First = first, Second = second };
            try
            {
                WorkerPool.For(256, Heavy, ref body);
                return false;
            }
            catch (ArgumentException e) when (e.Message == $"tile {Math.Min(first, second)}")
            {
                return VisitsAreAllOne(100, Heavy);
            }
        }
    }

    private struct Nested : ITiles
    {
        public int* Visits;
        public int* WrongThread;

        public readonly void Run(long tile)
        {
            var inner = new Inner { Visits = Visits + tile * 10, Thread = Environment.CurrentManagedThreadId, WrongThread = WrongThread };
            WorkerPool.For(10, Heavy, ref inner);
        }
    }

    private struct Inner : ITiles
    {
        public int* Visits;
        public int* WrongThread;
        public int Thread;

        public readonly void Run(long tile)
        {
            Interlocked.Increment(ref Visits[tile]);
            if (Environment.CurrentManagedThreadId != Thread) Interlocked.Increment(ref *WrongThread);
        }
    }

    [Fact]
    public void A_call_inside_a_tile_runs_on_that_tiles_thread()
    {
        WorkerPool.Threads = 4;
        var visits = new int[1000];
        var wrong = 0;
        fixed (int* p = visits)
        {
            for (var i = 0; i < 200; i++)
            {
                Array.Clear(visits);
                var body = new Nested { Visits = p, WrongThread = &wrong };
                WorkerPool.For(100, Heavy, ref body);
                Assert.Equal(-1, visits.AsSpan().IndexOfAnyExcept(1));
            }
        }

        Assert.Equal(0, wrong);
    }

    private struct Meet : ITiles
    {
        public int* Arrived;

        public readonly void Run(long tile)
        {
            Interlocked.Increment(ref *Arrived);
            SpinWait.SpinUntil(Everybody);
        }

        private readonly bool Everybody() => Volatile.Read(ref *Arrived) >= 4;
    }

    [Fact]
    public void As_many_threads_take_part_as_were_asked_for_also_from_the_parked_state()
    {
        WorkerPool.Threads = 4;
        for (var i = 0; i < 50; i++)
        {
            if (i % 2 == 0) Assert.True(SpinWait.SpinUntil(() => WorkerPool.IsIdle, TimeSpan.FromSeconds(30)), "the workers never park");
            var arrived = 0;
            var body = new Meet { Arrived = &arrived };
            WorkerPool.For(4, Heavy, ref body); // each tile waits for the three others: ends only with four threads
            Assert.Equal(4, arrived);
        }
    }
}
