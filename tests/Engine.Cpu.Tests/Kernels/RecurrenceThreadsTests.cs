using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>Large enough to be shared out: the bits must not show it.</summary>
[Collection(nameof(Threads.WorkerPoolTests))]
public sealed class RecurrenceThreadsTests : IDisposable
{
    private readonly int _threads = WorkerPool.Threads;

    public void Dispose() => WorkerPool.Threads = _threads;

    [Fact]
    public void The_number_of_threads_does_not_show()
    {
        WorkerPool.Threads = 1;
        var alone = All();
        foreach (var threads in new[] { 2, 3, 7 })
        {
            WorkerPool.Threads = threads;
            Assert.Equal(alone, All());
        }
    }

    private static float[][] All()
    {
        var random = new RandomTensors(1);
        var backend = CpuBackend.Instance;
        Tensor a = random.Next<float>(3, 300, 200), b = random.Next<float>(3, 300, 200), start = random.Next<float>(3, 200), y = random.Next<float>(3, 300, 200);
        Tensor z = random.Next<float>(3, 300, 200), v = random.Next<float>(3, 300, 200), end = random.Next<float>(3, 200);
        var results = new List<float[]>();
        void Take(params Tensor[] tensors) => results.AddRange(tensors.Select(t => t.ToArray<float>()));

        backend.LinearScan(a, b, start, false, y);
        Take(y);
        backend.LinearScanVjp(b, start, a, y, start, z, v, end);
        Take(z, v, end);

        // Rates of recurrences are not negative.
        Tensor rate = random.Next<float>(200).Abs(), drate = random.Next<float>(200), dgate = random.Next<float>(3, 300, 200);
        backend.RgLru(a, b, z, rate, null, start, y);
        Take(y);
        backend.RgLruVjp(b, a, b, z, rate, null, start, y, y.Clone(), dgate, v, drate, end);
        Take(dgate, v, drate, end);

        Tensor w = random.Next<float>(200, 7), bias = random.Next<float>(200), dw = random.Next<float>(200, 7);
        backend.DepthwiseConv(a, w, bias, null, 3, y);
        Take(y);
        backend.DepthwiseConvVjp(b, a, w, null, 3, y, dw, bias);
        Take(y, dw, bias);

        MatrixStates(random, Take);

        Tensor x = random.Next<float>(3, 300, 4, 50), turned = random.Next<float>(3, 300, 4, 50), cos = random.Next<float>(1, 300, 25), sin = random.Next<float>(1, 300, 25);
        backend.Rotate(x, cos, sin, true, false, turned);
        Take(turned);

        backend.Fourier2Real(a, y); // more slices than threads, or fewer
        Take(y);
        Tensor spectrum = random.Next<float>(900, 101, 2);
        backend.Fourier(FourierKernel.RealForward, a, 200, spectrum);
        Take(spectrum);
        return [.. results];
    }

    /// <summary>More heads than threads, and one whose value channels are shared out; by steps and by chunks.</summary>
    private static void MatrixStates(RandomTensors random, Action<Tensor[]> take)
    {
        var backend = CpuBackend.Instance;
        foreach (var (heads, dv) in new[] { (8, 40), (1, 200) })
            foreach (var chunk in new[] { 0, 40 })
            {
                var spec = new MatrixStateSpec(StateDecayKind.Log, null, 1, chunk);
                Tensor Keys() => random.Next<float>(1, 100, heads, 33) * 0.2;
                Tensor Values() => random.Next<float>(1, 100, heads, dv);
                Tensor State() => random.Next<float>(1, heads, 33, dv);
                Tensor q = Keys(), k = Keys(), v = Values(), decay = Keys() - 0.2, a = Keys(), b = Keys(), initial = State();
                Tensor output = Values(), final = State(), kept = random.Next<float>(1, heads, (99 / backend.MatrixStateSpacing(chunk)) + 1, 33, dv);
                backend.MatrixState(spec, q, k, v, decay, a, b, initial, output, final, kept);
                take([output, final, kept]);
                Tensor dq = Keys(), dk = Keys(), dvs = Values(), dd = Keys(), da = Keys(), db = Keys(), di = State();
                backend.MatrixStateVjp(spec, Values(), final, q, k, v, decay, a, b, kept, dq, dk, dvs, dd, da, db, di);
                take([dq, dk, dvs, dd, da, db, di]);
            }
    }
}
