using Edifice.Engine.Cpu.Tests.Threads;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>Changes the number of threads of the whole process, so it runs by itself.</summary>
[Collection(nameof(WorkerPoolTests))]
public sealed class MatMulThreadsTests : IDisposable
{
    private readonly int _threads = WorkerPool.Threads;

    public void Dispose() => WorkerPool.Threads = _threads;

    [Theory]
    [InlineData(1, 200, 900, 600)]
    [InlineData(1, 3, 1500, 700)]
    [InlineData(1, 9, 1500, 700)]
    [InlineData(3, 120, 130, 300)]
    [InlineData(40, 20, 30, 50)]
    public void The_number_of_threads_does_not_show(int batch, int m, int n, int k)
    {
        var random = new Random(batch + m);
        var a = Strided.Random<float>(random, [batch, m, k]);
        var b = Strided.Random<float>(random, [batch, k, n]);
        long[]? expected = null;
        foreach (var threads in new[] { 1, 2, 3, 8 })
        {
            WorkerPool.Threads = threads;
            var y = Strided.Empty<float>(batch, m, n);
            CpuBackend.Instance.MatMul(a, b, y, default);
            expected ??= Strided.Bits<float>(y);
            Assert.Equal(expected, Strided.Bits<float>(y));
        }
    }
}
