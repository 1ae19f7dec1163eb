using System.Numerics;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class SoftmaxTests
{
    private const double Inf = double.PositiveInfinity;
    private static readonly CpuBackend s_cpu = CpuBackend.Instance;

    private static Tensor Forward(Tensor x, bool log)
    {
        var y = Tensor.Allocate(x.Shape, x.DType, Device.Cpu);
        s_cpu.Softmax(x, y, log);
        return y;
    }

    private static Tensor Backward(Tensor g, Tensor y, bool log)
    {
        var dx = Tensor.Allocate(y.Shape, y.DType, Device.Cpu);
        s_cpu.SoftmaxVjp(g, y, dx, log);
        return dx;
    }

    private static double[] Model(double[] x, bool log)
    {
        var max = x.Max();
        var sum = Elements.ExactSum(x.Select(v => Math.Exp(v - max)));
        return [.. x.Select(v => log ? v - max - Math.Log(sum) : Math.Exp(v - max) / sum)];
    }

    private static string? Complaint<T>(int rows, int n, int seed, double spread, double epsilon) where T : unmanaged, INumber<T>
    {
        var random = new Random(seed);
        T[] Draw(double scale) => [.. Enumerable.Range(0, rows * n).Select(_ => T.CreateTruncating(scale * (random.NextDouble() - 0.5)))];
        Tensor x = Tensor.FromArray(Draw(spread), [rows, n]), g = Tensor.FromArray(Draw(2), [rows, n]);
        foreach (var log in new[] { false, true })
        {
            var y = Forward(x, log);
            double[] found = Elements.AsDouble(y), gradient = Elements.AsDouble(Backward(g, y, log));
            double[] inputs = Elements.AsDouble(x), cotangents = Elements.AsDouble(g);
            for (var r = 0; r < rows; r++)
            {
                var exact = Model(inputs[(r * n)..((r + 1) * n)], log);
                var gs = cotangents[(r * n)..((r + 1) * n)];
                var p = log ? exact.Select(Math.Exp).ToArray() : exact;
                var dot = Elements.ExactSum(log ? gs : gs.Zip(p, (a, b) => a * b));
                for (var i = 0; i < n; i++)
                {
                    // The exponent carries the rounding of x - m, at most ε spread.
                    var allowed = epsilon * (8 + 2 * spread) * (log ? 1 + Math.Abs(exact[i]) : exact[i]) + 1e-38;
                    if (!(Math.Abs(found[r * n + i] - exact[i]) <= allowed))
                        return $"{typeof(T).Name} row {r} of [{rows}, {n}], log {log}: y[{i}] = {found[r * n + i]:R}, exact {exact[i]:R}";
                    var dx = log ? gs[i] - p[i] * dot : p[i] * (gs[i] - dot);
                    if (!(Math.Abs(gradient[r * n + i] - dx) <= epsilon * (40 + 8 * spread) * (log ? 1 + n * p[i] : p[i]) + 1e-38))
                        return $"{typeof(T).Name} row {r} of [{rows}, {n}], log {log}: dx[{i}] = {gradient[r * n + i]:R}, exact {dx:R}";
                }
            }
        }

        return null;
    }

    [Property]
    public Property Softmax_and_its_gradient_agree_with_the_naive_model(byte rows, ushort n, int seed, byte spread) => Law.Holds(
        Complaint<float>(1 + rows % 5, 1 + n % 300, seed, spread % 60, Math.Pow(2, -24)) ??
        Complaint<double>(1 + rows % 5, 1 + n % 300, seed, spread, Math.Pow(2, -53)));

    [Theory]
    [InlineData(50_257)]
    [InlineData(4096)]
    public void Softmax_of_long_rows_agrees_with_the_naive_model(int n)
    {
        Assert.Null(Complaint<float>(3, n, 1, 20, Math.Pow(2, -24)));
        Assert.Null(Complaint<double>(2, n, 2, 20, Math.Pow(2, -53)));
    }

    public static TheoryData<double[], double[]> Known => new()
    {
        { [7999.99, 8000], [0.4975586, 0.5024414] }, { [1000, 1000, 0], [0.5, 0.5, 0] }, { [-Inf, 0, -Inf, 0], [0, 0.5, 0, 0.5] },
        { [-Inf, -Inf], [double.NaN, double.NaN] }, { [5], [1] }, { [-1e30, 1e30], [0, 1] }, { [double.NaN, 1], [double.NaN, double.NaN] },
    };

    [Theory]
    [MemberData(nameof(Known))]
    public void Softmax_of_known_rows(double[] row, double[] expected)
    {
        var single = Elements.AsDouble(Forward(Tensor.FromArray(Array.ConvertAll(row, v => (float)v)), log: false));
        var wide = Elements.AsDouble(Forward(Tensor.FromArray(row), log: false));
        for (var i = 0; i < row.Length; i++)
        {
            // 7999.99 in float is 7999.98975…: that row's value is the float's.
            Assert.Equal(expected[i], single[i], 1e-6);
            if (row[0] != 7999.99) Assert.Equal(expected[i], wide[i], 1e-15);
        }
    }

    [Fact]
    public void Entries_of_minus_infinity_get_gradient_zero()
    {
        foreach (var log in new[] { false, true })
        {
            var y = Forward(Tensor.FromArray(new[] { -Inf, 1, 2, -Inf }), log);
            var dx = Elements.Of<double>(Backward(Tensor.FromArray(new[] { 1.0, 2, 3, 4 }), y, log: false));
            if (!log) Assert.Equal((0.0, 0.0), (dx[0], dx[3]));
        }

        // Log-softmax hands -∞ on with its cotangent: e^y = 0 leaves g alone, and a loss that reads such an entry is infinite.
        var logY = Forward(Tensor.FromArray(new[] { -Inf, 1, 2 }), log: true);
        var d = Elements.Of<double>(Backward(Tensor.FromArray(new[] { 0.0, 2, 3 }), logY, log: true));
        Assert.Equal(0, d[0]);
        Assert.All(d, v => Assert.True(double.IsFinite(v)));
    }

    [Property(MaxTest = 50)]
    public bool A_row_does_not_depend_on_the_other_rows(byte rows, ushort n, int seed)
    {
        int m = 2 + rows % 50, width = 1 + n % 400;
        var random = new Random(seed);
        var values = Enumerable.Range(0, m * width).Select(_ => (float)(10 * random.NextDouble())).ToArray();
        var all = Elements.Of<float>(Forward(Tensor.FromArray(values, [m, width]), log: false));
        var r = random.Next(m);
        var alone = Elements.Of<float>(Forward(Tensor.FromArray(values[(r * width)..((r + 1) * width)]), log: false));
        return alone.AsSpan().SequenceEqual(all.AsSpan(r * width, width));
    }
}
