using Edifice.Engine.Backends;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>Changes the number of threads of the whole process, so it runs by itself.</summary>
[CollectionDefinition(nameof(RowKernelThreadsTests), DisableParallelization = true)]
public class RowKernelThreadsDefinition;

[Collection(nameof(RowKernelThreadsTests))]
public sealed class RowKernelThreadsTests : IDisposable
{
    private static readonly CpuBackend s_cpu = CpuBackend.Instance;
    private readonly int _threads = CpuBackend.Threads;

    public void Dispose() => CpuBackend.Threads = _threads;

    private static Tensor Numbers(int seed, params int[] shape)
    {
        var y = New(shape);
        s_cpu.Random(RandomKernel.Normal, (ulong)seed, 0, 0.2, 1, y);
        return y;
    }

    private static Tensor Indices(int seed, int bound, params int[] shape)
    {
        var random = new Random(seed);
        return Tensor.FromArray(Enumerable.Range(0, shape.Aggregate(1, (n, e) => n * e)).Select(_ => (long)random.Next(bound)).ToArray(), shape);
    }

    private static Tensor New(int[] shape, DType dtype = DType.Float32) => Tensor.Allocate(shape, dtype, Device.Cpu);

    private static Tensor[] Reduced(ReduceKernel kernel, Tensor x, params int[] axes)
    {
        var shape = x.Shape.AsSpan().ToArray();
        foreach (var a in axes) shape[a] = 1;
        var y = New(shape);
        s_cpu.Reduce(kernel, x, axes, y, 1);
        return [y];
    }

    public static TheoryData<string> Names => [.. s_kernels.Keys];

    private static readonly Dictionary<string, Func<Tensor[]>> s_kernels = new()
    {
        ["sum of one long row"] = () => Reduced(ReduceKernel.Sum, Numbers(1, 700_001), 0),
        ["sums of rows"] = () => Reduced(ReduceKernel.Sum, Numbers(1, 3000, 301), 1),
        ["sums of columns"] = () => Reduced(ReduceKernel.Sum, Numbers(1, 5000, 70), 0),
        ["sums of the middle"] = () => Reduced(ReduceKernel.Sum, Numbers(1, 8, 3000, 33), 1),
        ["variance of columns"] = () => Reduced(ReduceKernel.Variance, Numbers(1, 5000, 70), 0),
        ["logsumexp of columns"] = () => Reduced(ReduceKernel.LogSumExp, Numbers(1, 5000, 70), 0),
        ["norm of a transposed matrix"] = () => Reduced(ReduceKernel.Norm2, Numbers(1, 900, 800).Permute(1, 0), 0, 1),
        ["argmax of columns"] = () =>
        {
            var y = New([1, 700], DType.Int64);
            s_cpu.ArgReduce(true, Numbers(2, 900, 700), 0, y);
            return [y];
        },
        ["running sum down columns"] = () => Scanned(ScanKernel.Sum, 0),
        ["running sum along rows"] = () => Scanned(ScanKernel.Sum, 1),
        ["running logsumexp"] = () => Scanned(ScanKernel.LogSumExp, 1),
        ["sort"] = () =>
        {
            Tensor values = New([60, 1500]), indices = New([60, 1500], DType.Int64);
            s_cpu.Sort(Numbers(3, 60, 1500), 1, false, values, indices);
            return [values, indices];
        },
        ["softmax and its gradient"] = () =>
        {
            Tensor x = Numbers(4, 500, 333), y = New([500, 333]), dx = New([500, 333]);
            s_cpu.Softmax(x, y, false);
            s_cpu.SoftmaxVjp(x, y, dx, false);
            return [y, dx];
        },
        ["layer norm and its gradients"] = () =>
        {
            Tensor x = Numbers(5, 1000, 300), g = Numbers(6, 1000, 300), w = Numbers(7, 300), b = Numbers(8, 300);
            Tensor y = New([1000, 300]), mean = New([1000]), rstd = New([1000]), dx = New([1000, 300]), dw = New([300]), db = New([300]);
            s_cpu.Norm(NormKernel.Layer, x, w, b, 1e-5, y, mean, rstd);
            s_cpu.NormVjp(NormKernel.Layer, g, x, w, mean, rstd, dx, dw, db);
            return [y, mean, rstd, dx, dw, db];
        },
        ["cross-entropy and its gradient"] = () =>
        {
            Tensor x = Numbers(9, 300, 1000), t = Indices(10, 1000, 300), loss = New([300]), lse = New([300]), dx = New([300, 1000]);
            s_cpu.CrossEntropy(x, t, -100, 0.1, loss, lse);
            s_cpu.CrossEntropyVjp(Numbers(11, 300), x, t, lse, -100, 0.1, dx);
            return [loss, lse, dx];
        },
        ["index-add"] = () =>
        {
            var y = Numbers(12, 50, 700);
            s_cpu.IndexAdd(Numbers(13, 2000, 700), Indices(14, 50, 2000), 0, y);
            return [y];
        },
        ["scatter-add"] = () =>
        {
            var y = Numbers(12, 400, 30);
            s_cpu.ScatterAdd(Numbers(13, 400, 900), Indices(14, 30, 400, 900), 1, y);
            return [y];
        },
        ["gather"] = () =>
        {
            var y = New([400, 900]);
            s_cpu.Gather(Numbers(13, 400, 900), Indices(14, 900, 400, 900), 1, y);
            return [y];
        },
        ["normal numbers"] = () =>
        {
            var y = New([100_001]);
            s_cpu.Random(RandomKernel.Normal, 15, 7, 0, 1, y);
            return [y];
        },
        ["dropout"] = () =>
        {
            var y = New([100_001]);
            s_cpu.Dropout(Numbers(16, 100_001), 0.3, 15, 7, y);
            return [y];
        },
        ["optimizer step"] = () =>
        {
            Tensor theta = Numbers(17, 100_001), m = Numbers(18, 100_001), v = New([100_001]);
            s_cpu.Random(RandomKernel.Uniform, 1, 0, 0, 1, v);
            s_cpu.OptimizerStep(OptimizerKernel.AdamW, new OptimizerSettings(0.01, 0.1, 0.9, 0.99, 1e-8, 0, 0, false, 3), theta, Numbers(19, 100_001), 1, m, v, null);
            return [theta, m, v];
        },
    };

    private static Tensor[] Scanned(ScanKernel kernel, int axis)
    {
        var y = New([300, 500]);
        s_cpu.Scan(kernel, Numbers(2, 300, 500), axis, false, false, y);
        return [y];
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Bits_do_not_depend_on_the_number_of_threads(string kernel)
    {
        CpuBackend.Threads = 1;
        var one = s_kernels[kernel]().Select(Elements.Bits).ToArray();
        foreach (var threads in new[] { 2, 3 })
        {
            CpuBackend.Threads = threads;
            for (var repeat = 0; repeat < 3; repeat++)
                Assert.Equal(one, s_kernels[kernel]().Select(Elements.Bits));
        }
    }
}
