using System.Runtime.CompilerServices;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Memory;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Memory;

public unsafe class MemoryGuardTests
{
    private static BlockPool NewDebugPool() => new(PoolLimits.Default) { Debug = true };

    [Property]
    public bool Fresh_memory_is_NaN_in_every_floating_type_and_minus_one_in_integers(PositiveInt count)
    {
        var pool = NewDebugPool();
        var n = count.Get;
        var block = pool.Rent(8L * n);
        var fresh = new Span<double>(block.Data, n).ToArray().All(double.IsNaN)
            && new Span<float>(block.Data, 2 * n).ToArray().All(float.IsNaN)
            && new Span<Half>(block.Data, 4 * n).ToArray().All(Half.IsNaN)
            && new Span<long>(block.Data, n).ToArray().All(x => x == -1);
        pool.Return(block);
        pool.ReleaseCache();
        return fresh;
    }

    [Fact]
    public void Freed_memory_reads_as_NaN()
    {
        var pool = NewDebugPool();
        var block = pool.Rent(4096);
        new Span<float>(block.Data, 1024).Fill(1);
        pool.Return(block);
        Assert.All(new Span<float>(block.Data, 1024).ToArray(), x => Assert.True(float.IsNaN(x)));
        Assert.All(new Span<double>(block.Data, 512).ToArray(), x => Assert.True(double.IsNaN(x)));
        pool.ReleaseCache();
    }

    [Property]
    public bool A_write_outside_a_buffer_is_found_when_it_is_freed(PositiveInt length, byte distance, bool before)
    {
        var pool = NewDebugPool();
        var block = pool.Rent(length.Get);
        var offset = before ? -1 - distance % MemoryGuard.Width : length.Get + distance % MemoryGuard.Width;
        block.Data[offset] = 7;
        var error = Assert.Throws<TensorException>(() => pool.Return(block));
        pool.ReleaseCache();
        return error.Message.Contains($"a buffer of {length.Get} bytes", StringComparison.Ordinal)
            && error.Message.Contains($"byte {offset} ", StringComparison.Ordinal)
            && pool.Statistics.LiveBlocks == 0;
    }

    [Property]
    public bool Writing_all_of_a_buffer_is_no_error(PositiveInt length)
    {
        var pool = NewDebugPool();
        for (var i = 0; i < 3; i++)
        {
            var block = pool.Rent(length.Get);
            new Span<byte>(block.Data, length.Get).Fill(7);
            pool.Return(block);
        }

        pool.ReleaseCache();
        return true;
    }

    [Fact]
    public void A_write_outside_a_dropped_buffer_is_reported_by_the_next_allocation()
    {
        var pool = NewDebugPool();
        Drop(pool);
        RecentOperands.Clear();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var error = Assert.Throws<TensorException>(() => { pool.Rent(10); });
        Assert.Contains("past its last byte", error.Message, StringComparison.Ordinal);
        pool.Return(pool.Rent(10)); // reported once
        pool.ReleaseCache();

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Drop(BlockPool pool) => Unsafe.Add(ref new NativeStorage(5000, pool).HostData, 5003) = 1;
    }

    [Fact]
    public void A_write_to_freed_memory_is_found_when_it_is_used_again()
    {
        var pool = NewDebugPool();
        var block = pool.Rent(1000);
        pool.Return(block);
        block.Data[500] = 1;
        var error = Assert.Throws<TensorException>(() => { pool.Rent(1000); });
        Assert.Contains("written after it was freed", error.Message, StringComparison.Ordinal);
        Assert.Equal((0, 0), (pool.Statistics.LiveBlocks, pool.Statistics.CachedBytes));
    }

    [Fact]
    public void Switching_the_mode_leaves_live_buffers_in_the_mode_they_were_made_in()
    {
        var pool = NewDebugPool();
        var guarded = pool.Rent(1000);
        pool.Debug = false;
        var plain = pool.Rent(1000);
        guarded.Data[1000] = 1;
        plain.Data[1000] = 1; // inside the block, unseen
        Assert.Throws<TensorException>(() => pool.Return(guarded));
        pool.Debug = true;
        pool.Return(plain);
        Assert.Equal((0, 0), (pool.Statistics.LiveBlocks, pool.Statistics.CachedBytes));
    }

    [Fact]
    public void These_tests_run_in_debug_mode_and_small_tensors_are_guarded_too()
    {
        Assert.True(CpuBackend.DebugMemory);
        var storage = ((IBackend)CpuBackend.Instance).Allocate(12);
        Assert.True(float.IsNaN(Unsafe.As<byte, float>(ref storage.HostData)));
        Unsafe.Add(ref storage.HostData, 12) = 0;
        Assert.Throws<TensorException>(storage.Release);
    }
}
