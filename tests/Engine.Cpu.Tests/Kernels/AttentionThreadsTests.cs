using Edifice.Engine.Cpu.Tests.Threads;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>Changes the number of threads of the whole process, so it runs by itself.</summary>
[Collection(nameof(WorkerPoolTests))]
public sealed class AttentionThreadsTests : IDisposable
{
    private readonly int _threads = WorkerPool.Threads;

    public void Dispose() => WorkerPool.Threads = _threads;

    [Theory]
    [InlineData(1, 1, 500, 500, 0, true)]
    [InlineData(2, 3, 200, 500, 0, true)]
    [InlineData(1, 1, 1, 500, 0, true)]
    [InlineData(1, 1, 1100, 1100, 0, false)]
    [InlineData(1, 1, 1100, 1100, 100, true)]
    [InlineData(1, 3, 300, 800, 400, false)]
    public void The_number_of_threads_does_not_show(int batch, int keyHeads, int queries, int keys, int window, bool mask)
    {
        Compare(new AttentionCase(batch, queries, keys, keyHeads, 2, 32, 24, true, window, false, keys - queries, mask, false, 7));
    }

    [Fact]
    public void The_number_of_threads_does_not_show_where_a_whole_tile_of_keys_is_hidden() =>
        Compare(new AttentionCase(1, 200, 1200, 1, 1, 16, 16, false, 0, false, 0, true, false, 3), firstHidden: 250, endHidden: 900);

    [Fact]
    public void The_number_of_threads_does_not_show_where_no_query_reaches_the_last_keys() =>
        Compare(new AttentionCase(1, 200, 1200, 1, 1, 16, 16, true, 0, false, 100, false, false, 4));

    private static void Compare(AttentionCase c, int firstHidden = 0, int endHidden = 0)
    {
        AttentionRun<float> Run()
        {
            var run = AttentionRun<float>.Random(c);
            if (endHidden > 0) run.Mask!.AsSpan<bool>()[firstHidden..endHidden].Clear();
            return run.Forward().Backward();
        }

        WorkerPool.Threads = 1;
        var expected = Run();
        foreach (var threads in new[] { 2, 3, 8 })
        {
            WorkerPool.Threads = threads;
            var run = Run();
            Assert.Equal(Strided.Bits<float>(expected.Output), Strided.Bits<float>(run.Output));
            Assert.Equal(Strided.Bits<float>(expected.LogSumExp), Strided.Bits<float>(run.LogSumExp));
            Assert.Equal(Strided.Bits<float>(expected.QueryGradient), Strided.Bits<float>(run.QueryGradient));
            Assert.Equal(Strided.Bits<float>(expected.KeyGradient), Strided.Bits<float>(run.KeyGradient));
            Assert.Equal(Strided.Bits<float>(expected.ValueGradient), Strided.Bits<float>(run.ValueGradient));
        }
    }
}
