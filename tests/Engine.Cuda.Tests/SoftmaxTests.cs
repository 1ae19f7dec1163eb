using FsCheck.Xunit;

namespace Edifice.Engine.Cuda.Tests;

public class SoftmaxTests
{
    private const double Infinity = double.PositiveInfinity;

    [Theory]
    [InlineData(3, 1)]
    [InlineData(9, 31)]
    [InlineData(8, 32)]
    [InlineData(17, 33)]
    [InlineData(3, 1000)]
    [InlineData(2, 1024)]
    [InlineData(2, 1025)]
    [InlineData(2, 5000)]
    [InlineData(0, 7)]
    [InlineData(2, 16388)]
    [InlineData(1, 20001)]
    public void Softmax_of_rows_of_any_length_is_the_cpus_forward_and_backward(int rows, int n)
    {
        foreach (var type in KernelPair.Floats)
            foreach (var log in new[] { false, true })
                for (var offset = 0; offset < (n < 2000 ? 2 : 1); offset++) Agree(Operand.Normal(rows + n, 3, rows, n), type, log, offset);
    }

    [Property(MaxTest = 20)]
    public void Softmax_of_random_rows_is_the_cpus(byte rows, ushort length, int seed) =>
        Agree(Operand.Normal(seed, 5, rows % 12, length % 700), DType.Float32, (seed & 1) != 0, (seed >> 1) & 3);

    [Theory]
    [InlineData(7)]
    [InlineData(1030)]
    [InlineData(16400)]
    public void Rows_with_infinities_and_nan_are_the_cpus(int n)
    {
        foreach (var type in KernelPair.Floats)
        {
            foreach (var log in new[] { false, true })
            {
                var x = Operand.Normal(5, 1, 6, n).With(
                    (0, -Infinity), (n + 1, Infinity), (2 * n + 2, double.NaN), (3 * n, 1e4), (3 * n + n - 1, 1e4), (5 * n, -1e4));
                for (var i = 4 * n; i < 5 * n; i++) x.Values[i] = -Infinity;
                for (var i = 0; i < n / 2; i++) x.Values[i] = -Infinity;
                Agree(x, type, log, 0, backward: false);
            }
        }
    }

    [Fact]
    public void Large_scores_lose_nothing()
    {
        foreach (var type in KernelPair.Floats)
            Agree(Operand.Of([7999.99, 8000, 1000, 1000, 1000, 0], 3, 2), type, log: false, 0);
    }

    [Theory]
    [InlineData(131, 132)]
    [InlineData(40, 1101)]
    [InlineData(10, 16404)]
    public void A_peak_is_found_wherever_it_lies(int rows, int n)
    {
        foreach (var type in KernelPair.Floats)
        {
            foreach (var log in new[] { false, true })
            {
                // Without the row's own largest entry as the origin, e^x overflows.
                var x = Operand.Normal(n, 1, rows, n);
                for (var r = 0; r < rows; r++) x.Values[r * n + (int)((long)r * (n - 1) / (rows - 1))] = 1e4;
                Agree(x, type, log, 0, backward: false);
            }
        }
    }

    // 4 roundings of the exponential and the quotient on either side; the sums' own error grows with the root of what a thread adds.
    private static void Agree(Operand x, DType type, bool log, int offset, bool backward = true)
    {
        var largest = x.Values.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
        KernelPair.Agree(type, log ? 4 : 12, log ? 2 * largest : 0, [x], [x.Dims], (b, i, r) => b.Softmax(i[0]!, r[0]!, log), offset);
        if (!backward) return;
        using var y = x.Build(DType.Float64, Device.Cpu, 0);
        var forward = (log ? y.LogSoftmax() : y.Softmax()).ToArray<double>();
        var g = Operand.Normal(x.Values.Length, 1, x.Dims);
        KernelPair.Agree(
            type, 12, Math.Max(1, log ? g.Values.Length / Math.Max(1, x.Dims[0]) * 0.1 : 0), [g, Operand.Of(forward, x.Dims)], [x.Dims],
            (b, i, r) => b.SoftmaxVjp(i[0]!, i[1]!, r[0]!, log), offset);
    }
}
