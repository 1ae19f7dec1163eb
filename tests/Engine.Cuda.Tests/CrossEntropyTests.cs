using FsCheck.Xunit;

namespace Edifice.Engine.Cuda.Tests;

public class CrossEntropyTests
{
    [Theory]
    [InlineData(3, 1)]
    [InlineData(9, 31)]
    [InlineData(8, 32)]
    [InlineData(11, 33)]
    [InlineData(3, 1000)]
    [InlineData(2, 5000)]
    [InlineData(0, 5)]
    public void Cross_entropy_of_rows_of_any_length_is_the_cpus_forward_and_backward(int rows, int n)
    {
        foreach (var type in KernelPair.Floats)
            foreach (var smoothing in new[] { 0, 0.2, 1 })
                Agree(type, Operand.Normal(n, 4, rows, n), Operand.Whole(n + 1, DType.Int64, n, rows), 0, smoothing, 0);
    }

    [Property(MaxTest = 15)]
    public void Cross_entropy_of_random_rows_is_the_cpus(byte rows, ushort length, int seed)
    {
        int count = rows % 20, n = 1 + length % 400;
        Agree(DType.Float32, Operand.Normal(seed, 5, count, n), Operand.Whole(seed, DType.Int64, n, count), seed % 3, (seed & 7) / 8.0, (seed >> 3) & 3);
    }

    [Fact]
    public void Ignored_rows_may_have_any_target()
    {
        foreach (var type in KernelPair.Floats)
        {
            var target = Operand.Of([-100, 2, -100, 0], 4) with { Type = DType.Int64 };
            Agree(type, Operand.Normal(3, 1, 4, 6), target, -100, 0.1, 0);
        }
    }

    [Fact]
    public void Large_and_infinite_scores_are_the_cpus()
    {
        foreach (var type in KernelPair.Floats)
        {
            var x = Operand.Normal(3, 1, 4, 40).With((0, 8000), (1, 7999), (42, double.NegativeInfinity), (83, double.NaN));
            for (var i = 120; i < 160; i++) x.Values[i] = double.NegativeInfinity;
            foreach (var smoothing in new[] { 0, 0.1 })
                KernelPair.Agree(type, 6, 8000, [x, Operand.Whole(1, DType.Int64, 40, 4)], [[4], [4]],
                    (b, i, r) => b.CrossEntropy(i[0]!, i[1]!, -1, smoothing, r[0]!, r[1]!));
        }
    }

    private static void Agree(DType type, Operand x, Operand target, long ignored, double smoothing, int offset)
    {
        int rows = x.Dims[0], n = x.Dims[1];
        KernelPair.Agree(type, 8, 16, [x, target], [[rows], [rows]],
            (b, i, r) => b.CrossEntropy(i[0]!, i[1]!, ignored, smoothing, r[0]!, r[1]!), offset);
        using var scores = x.Build(DType.Float64, Device.Cpu, 0);
        var lse = rows == 0 ? [] : scores.LogSumExp([-1]).ToArray<double>();
        KernelPair.Agree(type, 12, 1, [Operand.Normal(3, 1, rows), x, target, Operand.Of(lse, rows)], [x.Dims],
            (b, i, r) => b.CrossEntropyVjp(i[0]!, i[1]!, i[2]!, i[3]!, ignored, smoothing, r[0]!), offset);
    }
}
