using System.Diagnostics;
using System.Globalization;
using Edifice.Engine;
using Edifice.Engine.Backends;

namespace Edifice.GpuProgram;

/// <summary>The memory-bound kernels by the bytes they have to move, beside a copy on the same card.</summary>
internal static class Measurements
{
    private const int Rows = 1 << 14, Columns = 1 << 12, Repeats = 20, Runs = 5;

    public static void Run()
    {
        var card = Device.Cuda;
        Console.WriteLine(BackendRegistry.For(card).Description);
        Console.WriteLine($"float32 [{Rows}, {Columns}]; median of {Runs} runs of {Repeats} calls");
        using var off = Tensor.NoGrad();
        using var x = Tensor.Randn([Rows, Columns], device: card);
        using var gain = Tensor.Ones([Columns], device: card);
        using var target = Tensor.Zeros([Rows], DType.Int64, card);
        using var sequence = Tensor.Rand([8, Rows / 8, Columns], device: card);
        var copy = Rate(2, () => x.Clone());
        Console.WriteLine($"{"kernel",-24}{"GB/s",8}{"of copy",10}");
        void Line(string name, double elements, Func<Tensor> op)
        {
            var rate = Rate(elements, op);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-24}{rate,8:F0}{rate / copy,10:P0}"));
        }

        // Elements moved per element of x, as the heads of the kernel files state them.
        Line("copy", 2, () => x.Clone());
        Line("add", 3, () => x + x);
        Line("silu", 2, x.Silu);
        Line("gelu", 2, x.Gelu);
        Line("sum of rows", 1, () => x.Sum(-1));
        Line("sum of columns", 1, () => x.Sum(0));
        Line("softmax", 2, () => x.Softmax());
        Line("layer_norm", 2, () => x.LayerNorm(gain));
        Line("rms_norm", 2, () => x.RmsNorm(gain));
        Line("cross_entropy", 1, () => x.CrossEntropy(target));
        Line("cumsum", 2, () => x.CumSum(1));
        Line("linear_scan", 3, () => Tensor.LinearScan(sequence, sequence));
        Line("dropout", 2, () => x.Dropout(0.1));
        Line("rand", 1, () => Tensor.Rand([Rows, Columns], device: card));

        // A float64 card of the consumer's kind would take minutes for the same in float64.
        using var a = Tensor.Randn([4096, 4096], device: card);
        Product(a);
        using var half = a.To(DType.Float16);
        Product(half);
        using var brain = a.To(DType.BFloat16);
        try
        {
            Product(brain);
        }
        catch (TensorException before)
        {
            Console.WriteLine(before.Message);
        }
    }

    private static void Product(Tensor a)
    {
        var seconds = Seconds(() => a.MatMul(a));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"matmul 4096 x 4096 x 4096, {a.DType}: {2 * Math.Pow(4096, 3) / seconds / 1e12:F1} TFLOP/s"));
    }

    private static double Rate(double elements, Func<Tensor> op) => elements * Rows * Columns * sizeof(float) / Seconds(op) / 1e9;

    private static double Seconds(Func<Tensor> op)
    {
        op().Dispose();
        var runs = new double[Runs];
        foreach (ref var run in runs.AsSpan())
        {
            Wait();
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < Repeats; i++) op().Dispose();
            Wait();
            run = Stopwatch.GetElapsedTime(start).TotalSeconds / Repeats;
        }

        Array.Sort(runs);
        return runs[Runs / 2];
    }

    /// <summary>Reading a value waits for all that was queued before.</summary>
    private static void Wait()
    {
        using var one = Tensor.Ones([1], device: Device.Cuda);
        _ = one.Item();
    }
}
