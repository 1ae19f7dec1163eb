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
    [InlineData(1, 1, 500)]
    [InlineData(2, 3, 200)]
    [InlineData(1, 1, 1)]
    public void The_number_of_threads_does_not_show(int batch, int keyHeads, int queries)
    {
        var c = new AttentionCase(batch, queries, 500, keyHeads, 2, 32, 24, true, 0, false, 500 - queries, true, false, 7);
        WorkerPool.Threads = 1;
        var expected = AttentionRun<float>.Random(c).Forward().Backward();
        foreach (var threads in new[] { 2, 3, 8 })
        {
            WorkerPool.Threads = threads;
            var run = AttentionRun<float>.Random(c).Forward().Backward();
            Assert.Equal(Strided.Bits<float>(expected.Output), Strided.Bits<float>(run.Output));
            Assert.Equal(Strided.Bits<float>(expected.LogSumExp), Strided.Bits<float>(run.LogSumExp));
            Assert.Equal(Strided.Bits<float>(expected.QueryGradient), Strided.Bits<float>(run.QueryGradient));
            Assert.Equal(Strided.Bits<float>(expected.KeyGradient), Strided.Bits<float>(run.KeyGradient));
            Assert.Equal(Strided.Bits<float>(expected.ValueGradient), Strided.Bits<float>(run.ValueGradient));
        }
    }
}
