using System.Numerics;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class CrossEntropyTests
{
    private const long Ignored = -100;
    private static readonly CpuBackend s_cpu = CpuBackend.Instance;

    private static (double[] Loss, double[] Lse, double[] Gradient) Run<T>(T[] logits, long[] target, double smoothing, T[] g, long ignore = Ignored)
        where T : unmanaged
    {
        int rows = target.Length, n = logits.Length / rows;
        Tensor x = Tensor.FromArray(logits, [rows, n]), t = Tensor.FromArray(target);
        Tensor New(Shape shape) => Tensor.Allocate(shape, x.DType, Device.Cpu);
        Tensor loss = New([rows]), lse = New([rows]), dx = New([rows, n]);
        s_cpu.CrossEntropy(x, t, ignore, smoothing, loss, lse);
        s_cpu.CrossEntropyVjp(Tensor.FromArray(g), x, t, lse, ignore, smoothing, dx);
        return (Elements.AsDouble(loss), Elements.AsDouble(lse), Elements.AsDouble(dx));
    }

    private static string? Complaint<T>(int rows, int n, int seed, double smoothing, double shift, double epsilon) where T : unmanaged, INumber<T>
    {
        var random = new Random(seed);
        T[] logits = [.. Enumerable.Range(0, rows * n).Select(_ => T.CreateTruncating(shift + 12 * random.NextDouble()))];
        T[] g = [.. Enumerable.Range(0, rows).Select(_ => T.CreateTruncating(random.NextDouble() + 0.5))];
        var target = Enumerable.Range(0, rows).Select(_ => random.Next(4) == 0 ? Ignored : random.Next(n)).ToArray();
        var (loss, lse, gradient) = Run(logits, target, smoothing, g);
        for (var r = 0; r < rows; r++)
        {
            var x = logits[(r * n)..((r + 1) * n)].Select(double.CreateTruncating).ToArray();
            var max = x.Max();
            var logSum = Math.Log(x.Sum(v => Math.Exp(v - max)));
            var lp = x.Select(v => v - max - logSum).ToArray();
            var ignored = target[r] == Ignored;
            var exact = ignored ? 0 : (1 - smoothing) * -lp[target[r]] + smoothing * -lp.Average();
            if (!(Math.Abs(loss[r] - exact) <= 16 * epsilon * (1 + exact))) return $"loss[{r}] = {loss[r]:R}, exact {exact:R}";
            if (!(Math.Abs(lse[r] - max - logSum) <= 4 * epsilon * (1 + Math.Abs(max)))) return $"lse[{r}] = {lse[r]:R}";
            for (var i = 0; i < n; i++)
            {
                var weight = double.CreateTruncating(g[r]);
                var dx = ignored ? 0 : weight * (Math.Exp(lp[i]) - smoothing / n - (i == target[r] ? 1 - smoothing : 0));
                if (!(Math.Abs(gradient[r * n + i] - dx) <= 60 * epsilon * (Math.Abs(dx) + smoothing / n + (i == target[r] ? 1 : 0))))
                    return $"dlogits[{r}, {i}] = {gradient[r * n + i]:R}, exact {dx:R}";
            }
        }

        return null;
    }

    [Property]
    public Property Loss_and_gradient_agree_with_the_naive_model(byte rows, ushort n, int seed, byte smoothing) => Law.Holds(
        Complaint<float>(1 + rows % 6, 1 + n % 300, seed, smoothing % 3 * 0.1, 0, Math.Pow(2, -24)) ??
        Complaint<double>(1 + rows % 6, 1 + n % 300, seed, smoothing % 3 * 0.1, 0, Math.Pow(2, -53)));

    [Theory]
    [InlineData(0, 32_000)]
    [InlineData(0.1, 32_000)]
    [InlineData(0.1, 5)]
    public void Large_logits_and_long_rows_cost_no_digits(double smoothing, int n) =>
        Assert.Null(Complaint<float>(4, n, 9, smoothing, 16_384, Math.Pow(2, -24)));

    [Fact]
    public void Ignored_rows_have_loss_and_gradient_zero_whatever_they_hold()
    {
        var (loss, _, gradient) = Run([double.NaN, double.PositiveInfinity, 1, 2], [Ignored, 1], 0.1, [double.NaN, 1]);
        Assert.Equal(0, loss[0]);
        Assert.Equal([0.0, 0], gradient[..2]);
        Assert.True(double.IsFinite(loss[1]));
    }

    [Fact]
    public void The_ignored_index_may_be_a_valid_class()
    {
        var (loss, _, gradient) = Run([1.0, 2, 3, 4], [0, 1], 0, [1, 1], ignore: 0);
        Assert.Equal(0, loss[0]);
        Assert.Equal([0.0, 0], gradient[..2]);
        Assert.Equal(Math.Log(1 + Math.Exp(-1)), loss[1], 1e-15);
    }

    [Fact]
    public void Classes_of_logit_minus_infinity_cost_nothing_unless_they_are_the_target()
    {
        const double Inf = double.PositiveInfinity;
        var (loss, _, gradient) = Run([-Inf, 0, 0, -Inf, 0, 0], [1, 0], 0, [1, 1]);
        Assert.Equal([Math.Log(2), Inf], loss);
        Assert.Equal([0, -0.5, 0.5], gradient[..3]);
    }
}
