using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Memory;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Memory;

public unsafe class BlockPoolTests
{
    private const long KiB = 1 << 10, MiB = 1 << 20;

    private static BlockPool NewPool(
        long collectFloor = long.MaxValue / 4, long cacheFloor = 256 * MiB, long ceiling = long.MaxValue, long limit = long.MaxValue) =>
        new(new PoolLimits(collectFloor, cacheFloor, ceiling, limit));

    [Property]
    public bool Blocks_are_aligned_to_64_bytes_and_counted(PositiveInt length, bool debug)
    {
        var pool = NewPool();
        pool.Debug = debug;
        var block = pool.Rent(length.Get);
        var during = pool.Statistics;
        var aligned = (nint)block.Data % 64 == 0;
        pool.Return(block);
        var after = pool.Statistics;
        pool.ReleaseCache();
        return aligned
            && during.LiveBlocks == 1 && during.LiveBytes >= length.Get && during.CachedBytes == 0 && during.SystemAllocations == 1
            && after.LiveBlocks == 0 && after.LiveBytes == 0 && after.CachedBytes == during.LiveBytes && after.PeakLiveBytes == during.LiveBytes
            && pool.Statistics.CachedBytes == 0;
    }

    [Fact]
    public void A_returned_block_serves_the_next_request_of_its_class()
    {
        var pool = NewPool();
        var first = pool.Rent(10_000);
        pool.Return(first);
        var second = pool.Rent(9_999);
        Assert.True(first.Data == second.Data);
        Assert.Equal(1, pool.Statistics.SystemAllocations);
        pool.Return(second);
        pool.ReleaseCache();
    }

    /// <summary>What a training loop does: every step rents and returns the same sizes, nested and interleaved, over more
    /// requests than the pool's window of recent use.</summary>
    [Fact]
    public void A_loop_of_equal_steps_asks_nothing_from_the_system_after_the_first()
    {
        var pool = NewPool(cacheFloor: 0);
        var sizes = Enumerable.Range(0, 200).Select(i => 4 * KiB + 1231 * i).ToArray();
        Step();
        var warm = pool.Statistics;
        for (var i = 0; i < 300; i++) Step();
        Assert.Equal(warm.SystemAllocations, pool.Statistics.SystemAllocations);
        Assert.Equal(warm.PeakLiveBytes, pool.Statistics.PeakLiveBytes);
        pool.ReleaseCache();

        void Step()
        {
            var kept = new List<Block>(); // activations, released in reverse order with temporaries in between
            foreach (var size in sizes) kept.Add(pool.Rent(size));
            for (var i = kept.Count - 1; i >= 0; i--)
            {
                var temporary = pool.Rent(sizes[i]);
                pool.Return(kept[i]);
                pool.Return(temporary);
            }
        }
    }

    [Fact]
    public void Memory_that_recent_work_does_not_need_goes_back_to_the_system()
    {
        var pool = NewPool(cacheFloor: 1 * MiB);
        var large = Enumerable.Range(0, 64).Select(_ => pool.Rent(1 * MiB)).ToArray();
        foreach (var block in large) pool.Return(block);
        Assert.Equal(64 * MiB, pool.Statistics.CachedBytes);
        for (var i = 0; i < 64 * 1024; i++) pool.Return(pool.Rent(16 * KiB)); // several windows of small work
        Assert.InRange(pool.Statistics.CachedBytes, 16 * KiB, 1 * MiB);
        Assert.Equal(65, pool.Statistics.SystemAllocations);
        pool.ReleaseCache();
    }

    [Fact]
    public void Ever_new_sizes_do_not_pile_up_in_the_cache()
    {
        var pool = NewPool(cacheFloor: 4 * MiB);
        for (var i = 1; i < 2000; i++)
        {
            pool.Return(pool.Rent(i * 16 * KiB));
            var peak = pool.Statistics.PeakLiveBytes;
            Assert.True(pool.Statistics.CachedBytes <= Math.Max(4 * MiB, 2 * peak) + peak);
        }

        pool.ReleaseCache();
    }

    [Fact]
    public void A_request_beyond_the_limit_first_gives_up_the_cache_and_then_says_what_is_held()
    {
        var pool = NewPool(limit: 10 * MiB);
        var held = pool.Rent(4 * MiB);
        pool.Return(pool.Rent(6 * MiB));
        var other = pool.Rent(5 * MiB); // fits only without the cached 6 MiB
        Assert.Equal(0, pool.Statistics.CachedBytes);
        var error = Assert.Throws<TensorException>(() => { pool.Rent(2 * MiB); });
        Assert.Contains("2.0 MiB was asked for", error.Message, StringComparison.Ordinal);
        Assert.Contains("9.0 MiB in 2 buffers are live", error.Message, StringComparison.Ordinal);
        pool.Return(other);
        pool.Return(pool.Rent(2 * MiB)); // and the pool goes on working
        pool.Return(held);
        Assert.Equal(0, pool.Statistics.LiveBytes);
        pool.ReleaseCache();
    }

    [Theory]
    [InlineData(1L << 46)]
    [InlineData(1L << 47)]
    [InlineData(long.MaxValue)]
    public void An_absurd_request_is_an_error_that_names_the_amount(long bytes)
    {
        var pool = NewPool();
        var error = Assert.Throws<TensorException>(() => { pool.Rent(bytes); });
        Assert.Contains("GiB was asked for", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, pool.Statistics.LiveBytes);
    }

    [Fact]
    public void Threads_never_share_a_block()
    {
        var pool = NewPool(cacheFloor: 1 * MiB);
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, worker =>
        {
            var random = new Random(worker);
            var held = new Queue<Block>();
            for (var i = 0; i < 5_000; i++)
            {
                var block = pool.Rent(random.Next(1, 40_000));
                new Span<byte>(block.Data, (int)block.Length).Fill((byte)worker);
                held.Enqueue(block);
                if (held.Count < 8) continue;
                var oldest = held.Dequeue();
                if (new Span<byte>(oldest.Data, (int)oldest.Length).ContainsAnyExcept((byte)worker)) throw new InvalidOperationException("torn");
                pool.Return(oldest);
            }

            foreach (var block in held) pool.Return(block);
        });
        Assert.Equal((0L, 0L), (pool.Statistics.LiveBytes, pool.Statistics.LiveBlocks));
        pool.ReleaseCache();
    }

    [Fact]
    public void Tensors_dropped_in_a_loop_keep_live_bytes_bounded()
    {
        var pool = NewPool(collectFloor: 256 * MiB);
        DropMany(pool, 5_000, 1 * MiB);
        var statistics = pool.Statistics;
        Assert.True(statistics.PeakLiveBytes < 512 * MiB, $"{statistics}");
        Assert.InRange(statistics.Collections, 5, 40);
        pool.ReleaseCache();
    }

    [Fact]
    public void Dropped_tensors_that_grew_old_are_found_too()
    {
        var pool = NewPool(collectFloor: 32 * MiB);
        for (var round = 0; round < 8; round++)
        {
            GrowOldAndDrop(pool);
            DropMany(pool, 100, 1 * MiB);
        }

        Assert.True(pool.Statistics.PeakLiveBytes < 100 * MiB, $"{pool.Statistics}");
        pool.ReleaseCache();

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void GrowOldAndDrop(BlockPool pool)
        {
            var old = Enumerable.Range(0, 24).Select(_ => new NativeStorage(1 * MiB, pool)).ToArray();
            GC.Collect();
            GC.Collect(); // now in the oldest generation
            GC.KeepAlive(old);
        }
    }

    [Fact]
    public void Memory_that_is_truly_in_use_is_collected_for_rarely()
    {
        var pool = NewPool(collectFloor: 8 * MiB);
        var held = Enumerable.Range(0, 1024).Select(_ => new NativeStorage(64 * KiB, pool)).ToArray(); // 8 times the floor
        Assert.InRange(pool.Statistics.Collections, 1, 8);
        foreach (var storage in held) storage.Release();
        Assert.Equal(0, pool.Statistics.LiveBytes);
        pool.ReleaseCache();
    }

    [Fact]
    public void A_failing_request_collects_what_was_dropped_before_it_gives_up()
    {
        var pool = NewPool(limit: 64 * MiB);
        DropMany(pool, 63, 1 * MiB);
        pool.Return(pool.Rent(32 * MiB));
        Assert.Equal(1, pool.Statistics.Collections);
        pool.ReleaseCache();
    }

    [Fact]
    public void An_operand_whose_last_use_is_a_running_kernel_is_not_collected_under_it()
    {
        var pool = NewPool();
        byte* address = TakeAddress(pool);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(1, pool.Statistics.LiveBlocks);
        Assert.Equal(42, *address);

        RecentOperands.Clear();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(0, pool.Statistics.LiveBlocks);
        pool.ReleaseCache();

        [MethodImpl(MethodImplOptions.NoInlining)]
        static byte* TakeAddress(BlockPool pool)
        {
            fixed (byte* p = &new NativeStorage(1 * MiB, pool).HostData)
            {
                *p = 42;
                return p;
            }
        }
    }

    [Fact]
    public void A_storage_lives_until_its_last_holder_lets_go()
    {
        var pool = NewPool();
        var storage = new NativeStorage(100, pool);
        Assert.True(storage.IsUnique);
        storage.Retain();
        Assert.False(storage.IsUnique);
        storage.Release();
        storage.HostData = 1;
        storage.Release();
        Assert.Equal(0, pool.Statistics.LiveBlocks);
        Assert.Throws<ObjectDisposedException>(() => storage.HostData);
        storage.Release(); // one too many does not return the block twice
        Assert.Equal((0, 128), (pool.Statistics.LiveBlocks, pool.Statistics.CachedBytes));
        pool.ReleaseCache();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DropMany(BlockPool pool, int count, long bytes)
    {
        for (var i = 0; i < count; i++) new NativeStorage(bytes, pool).HostData = 1;
    }
}
