using System.Numerics;
using Edifice.Engine.Backends;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class ReduceTests
{
    private static readonly CpuBackend s_cpu = CpuBackend.Instance;

    private static Tensor Run(ReduceKernel kernel, Tensor x, int[] axes, double p = 0)
    {
        var shape = x.Shape.AsSpan().ToArray();
        foreach (var a in axes) shape[a] = 1;
        var y = Tensor.Allocate(shape, x.DType, Device.Cpu);
        s_cpu.Reduce(kernel, x, axes, y, p);
        return y;
    }

    private static int[] Axes(int rank, int mask) => Enumerable.Range(0, rank).Where(a => (mask >> a & 1) != 0).ToArray();

    /// <summary>The slices that a reduction turns into one result each.</summary>
    private static double[][] Slices(Tensor x, int[] axes)
    {
        var values = Elements.AsDouble(x);
        var shape = x.Shape.AsSpan().ToArray();
        long results = 1;
        for (var a = 0; a < shape.Length; a++) results *= axes.Contains(a) ? 1 : shape[a];
        var slices = Enumerable.Range(0, (int)results).Select(_ => new List<double>()).ToArray();
        for (long i = 0; i < values.Length; i++)
        {
            long rest = i, at = 0, scale = 1;
            for (var a = shape.Length - 1; a >= 0; a--)
            {
                if (!axes.Contains(a))
                {
                    at += rest % shape[a] * scale;
                    scale *= shape[a];
                }

                rest /= shape[a];
            }

            slices[at].Add(values[i]);
        }

        return slices.Select(s => s.ToArray()).ToArray();
    }

    private static double Model(ReduceKernel kernel, double[] s, double p)
    {
        switch (kernel)
        {
            case ReduceKernel.Sum: return Elements.ExactSum(s);
            case ReduceKernel.Mean: return Elements.ExactSum(s) / s.Length;
            case ReduceKernel.Variance:
                var mean = Elements.ExactSum(s) / s.Length;
                return s.Length - p > 0 ? Elements.ExactSum(s.Select(v => (v - mean) * (v - mean))) / (s.Length - p) : double.NaN;
            case ReduceKernel.Max: return s.Aggregate(double.NegativeInfinity, Math.Max);
            case ReduceKernel.Min: return s.Aggregate(double.PositiveInfinity, Math.Min);
            case ReduceKernel.Prod: return s.Aggregate(1.0, (a, b) => a * b);
            case ReduceKernel.LogSumExp:
                var max = s.Aggregate(double.NegativeInfinity, Math.Max);
                return double.IsInfinity(max) ? max : max + Math.Log(Elements.ExactSum(s.Select(v => Math.Exp(v - max))));
            case ReduceKernel.Norm1: return Elements.ExactSum(s.Select(Math.Abs));
            case ReduceKernel.Norm2: return Math.Sqrt(Elements.ExactSum(s.Select(v => v * v)));
            case ReduceKernel.NormInf: return s.Select(Math.Abs).Aggregate(0.0, Math.Max);
            case ReduceKernel.Any: return s.Any(v => v != 0) ? 1 : 0;
            default: return s.All(v => v != 0) ? 1 : 0;
        }
    }

    /// <summary>The error allowed: a few roundings, log N of them for sums, measured where the terms are large.</summary>
    private static double Tolerance(ReduceKernel kernel, double[] s, double epsilon, double exact)
    {
        var rounds = epsilon * (6 + Math.Log2(s.Length + 1));
        return kernel switch
        {
            ReduceKernel.Max or ReduceKernel.Min or ReduceKernel.NormInf => 0,
            ReduceKernel.Sum => rounds * s.Sum(Math.Abs),
            ReduceKernel.Mean => rounds * s.Sum(Math.Abs) / Math.Max(1, s.Length),
            ReduceKernel.Prod => epsilon * (s.Length + 1) * Math.Abs(exact) + 1e-37,
            ReduceKernel.LogSumExp => rounds * (1 + Math.Abs(exact)),
            ReduceKernel.Variance => 4 * rounds * Math.Abs(exact) + epsilon * epsilon * s.Sum(v => v * v),
            _ => 2 * rounds * Math.Abs(exact),
        };
    }

    private static string? Disagreement<T>(ReduceKernel kernel, TensorCase view, int mask, double epsilon, Func<Random, T> value, double p = 0)
        where T : unmanaged
    {
        var x = view.Build(value);
        var axes = Axes(view.Dims.Length, mask);
        if (view.Count == 0 && kernel is ReduceKernel.Max or ReduceKernel.Min) return null; // rejected by the op
        var y = Elements.AsDouble(Run(kernel, x, axes, p));
        var slices = Slices(x, axes);
        for (var i = 0; i < y.Length; i++)
        {
            var exact = Model(kernel, slices[i], p);
            if (y[i].Equals(exact) || Math.Abs(y[i] - exact) <= Tolerance(kernel, slices[i], epsilon, exact)) continue;
            return $"{kernel} over [{string.Join(", ", axes)}]: result {i} is {y[i]:R}, the model says {exact:R}";
        }

        return null;
    }

    private static readonly ReduceKernel[] s_float =
    [
        ReduceKernel.Sum, ReduceKernel.Mean, ReduceKernel.Variance, ReduceKernel.Max, ReduceKernel.Min, ReduceKernel.Prod,
        ReduceKernel.LogSumExp, ReduceKernel.Norm1, ReduceKernel.Norm2, ReduceKernel.NormInf,
    ];

    private static string? DisagreementOfFloats<T>(TensorCase view, int mask, double epsilon) where T : unmanaged, INumber<T> =>
        s_float.Select(kernel => Disagreement<T>(kernel, view, mask, epsilon, kernel switch
        {
            ReduceKernel.Prod => r => T.CreateTruncating(0.95 + 0.1 * r.NextDouble()),
            ReduceKernel.LogSumExp => r => T.CreateTruncating(20 * (r.NextDouble() - 0.5)),
            _ => Elements.Uneven<T>,
        }, p: mask & 1)).FirstOrDefault(d => d is not null);

    private static string? DisagreementOfIntegers<T>(TensorCase view, int mask) where T : unmanaged, INumber<T> =>
        new[] { ReduceKernel.Sum, ReduceKernel.Max, ReduceKernel.Min, ReduceKernel.Prod }
            .Select(kernel => Disagreement(kernel, view, mask, 0,
                r => T.CreateTruncating(kernel == ReduceKernel.Prod ? 1 - 2 * r.Next(2) : r.Next(-1000, 1000))))
            .FirstOrDefault(d => d is not null);

    [Property(Arbitrary = [typeof(TensorGenerators)], MaxTest = 200)]
    public Property Float_reductions_agree_with_the_naive_model_on_any_view_and_axes(TensorCase view, int mask) =>
        Law.Holds(DisagreementOfFloats<float>(view, mask, Math.Pow(2, -24)));

    [Property(Arbitrary = [typeof(TensorGenerators)], MaxTest = 200)]
    public Property Double_reductions_agree_with_the_naive_model_on_any_view_and_axes(TensorCase view, int mask) =>
        Law.Holds(DisagreementOfFloats<double>(view, mask, Math.Pow(2, -52)));

    [Property(Arbitrary = [typeof(TensorGenerators)])]
    public Property Integer_reductions_are_exact_on_any_view_and_axes(TensorCase view, int mask) =>
        Law.Holds(DisagreementOfIntegers<int>(view, mask) ?? DisagreementOfIntegers<long>(view, mask));

    [Property(Arbitrary = [typeof(TensorGenerators)])]
    public Property Bool_reductions_say_whether_some_or_every_entry_is_true(TensorCase view, int mask, bool often) =>
        Law.Holds(new[] { ReduceKernel.Any, ReduceKernel.All }
            .Select(kernel => Disagreement(kernel, view, mask, 0, r => r.Next(20) == 0 != often)).FirstOrDefault(d => d is not null));

    // Long slices take the segmented ways, which the small views above never reach.
    public static TheoryData<int[], int[]> LargeShapes => new()
    {
        { [300_001], [0] }, { [3, 70_003], [1] }, { [5000, 37], [0] }, { [1500, 2, 300], [0] }, { [3, 1500, 70], [1] },
        { [40, 7, 300], [0, 2] }, { [1100, 3, 2, 5], [0, 2] }, { [2000, 1], [0] }, { [9, 40_000], [0] },
    };

    [Theory]
    [MemberData(nameof(LargeShapes))]
    public void Reductions_of_large_tensors_agree_with_the_naive_model(int[] shape, int[] axes)
    {
        var view = TensorCase.Dense(shape, 5);
        var mask = axes.Sum(a => 1 << a);
        Assert.Null(new[] { ReduceKernel.Sum, ReduceKernel.Variance, ReduceKernel.LogSumExp, ReduceKernel.Norm2, ReduceKernel.Max }
            .Select(k => Disagreement(k, view, mask, Math.Pow(2, -24), r => (float)(r.NextDouble() * 3 - 1), p: 1))
            .FirstOrDefault(d => d is not null));
        var turned = view with { Order = [.. Enumerable.Range(0, shape.Length).Reverse()], Steps = [.. shape.Select((_, i) => i == 0 ? -1 : 1)] };
        Assert.Null(Disagreement(ReduceKernel.Sum, turned, mask, Math.Pow(2, -52), r => r.NextDouble() - 0.5));
    }

    [Theory]
    [InlineData(16_777_216 + 5)]
    public void A_float_sum_of_ones_does_not_stop_at_two_to_the_24(int n)
    {
        using var x = Tensor.FromArray(Enumerable.Repeat(1f, n).ToArray());
        Assert.Equal(n, Run(ReduceKernel.Sum, x, [0]).Item(), 2.0);
        using var column = x.Reshape(n, 1).Expand(n, 3);
        Assert.All(Elements.Of<float>(Run(ReduceKernel.Sum, column, [0])), v => Assert.Equal(n, v, 2.0f));
    }

    [Fact]
    public void Variance_of_a_large_mean_keeps_its_digits_in_float()
    {
        var random = new Random(3);
        var values = Enumerable.Range(0, 100_000).Select(_ => (float)(10_000 + (random.NextDouble() - 0.5))).ToArray();
        var exact = Model(ReduceKernel.Variance, Array.ConvertAll(values, v => (double)v), 1);
        foreach (int[] shape in new[] { new[] { 100_000, 1 }, [1000, 100], [100, 1000] })
            Assert.Equal(exact, Run(ReduceKernel.Variance, Tensor.FromArray(values, shape), [0, 1], 1).Item(), exact * 1e-5);
        var columns = Elements.Of<float>(Run(ReduceKernel.Variance, Tensor.FromArray(values, [1000, 100]), [0], 1));
        for (var c = 0; c < 100; c++)
        {
            var column = Enumerable.Range(0, 1000).Select(r => (double)values[r * 100 + c]).ToArray();
            Assert.Equal(Model(ReduceKernel.Variance, column, 1), columns[c], 1e-6);
        }
    }

    [Fact]
    public void Variance_of_equal_entries_is_zero_and_never_negative()
    {
        foreach (var value in new[] { 0.1f, 1e10f, -3f, 1e-30f })
            for (var n = 1; n < 70; n++)
                Assert.InRange(Run(ReduceKernel.Variance, Tensor.FromArray(Enumerable.Repeat(value, n).ToArray()), [0], 0).Item(), 0, 1e-12 * value * value);
    }

    [Theory]
    [InlineData(2.5e19f, 0f)]
    [InlineData(-1e20f, 1e20f)]
    [InlineData(3e38f, 3e38f)]
    [InlineData(-3e38f, 3e38f)]
    public void Variance_has_its_value_or_is_infinite_where_squares_or_the_sum_leave_the_range(float one, float others)
    {
        foreach (var n in new[] { 2, 12, 100, 5000 })
        {
            float[] values = [.. Enumerable.Repeat(others, n - 1), one];
            var exact = (float)Model(ReduceKernel.Variance, Array.ConvertAll(values, v => (double)v), 1);
            var columns = Tensor.FromArray(values, [n, 1]).Expand(n, 3);
            foreach (var x in new[] { Tensor.FromArray(values), columns })
                Assert.All(Elements.Of<float>(Run(ReduceKernel.Variance, x, [0], 1)), v => Assert.True(v == exact || Math.Abs(v - exact) <= 1e-5f * exact, $"{v} instead of {exact}"));
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(200)]
    public void Infinities_of_both_signs_are_the_maximum_and_the_minimum(int n)
    {
        var values = Enumerable.Range(0, n).Select(i => (float)Math.Sin(i)).ToArray();
        (values[0], values[n / 2]) = (float.NegativeInfinity, float.PositiveInfinity);
        Assert.Equal(double.PositiveInfinity, Run(ReduceKernel.Max, Tensor.FromArray(values), [0]).Item());
        Assert.Equal(double.NegativeInfinity, Run(ReduceKernel.Min, Tensor.FromArray(values), [0]).Item());
        Assert.Equal(double.NegativeInfinity, Run(ReduceKernel.Max, Tensor.FromArray(Enumerable.Repeat(float.NegativeInfinity, n).ToArray()), [0]).Item());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(100)]
    [InlineData(5000)]
    public void A_nan_anywhere_is_the_maximum_and_the_minimum(int n)
    {
        for (var at = 0; at < n; at += Math.Max(1, n / 37))
        {
            var values = new float[n];
            values[at] = float.NaN;
            foreach (var kernel in new[] { ReduceKernel.Max, ReduceKernel.Min, ReduceKernel.NormInf, ReduceKernel.LogSumExp, ReduceKernel.Variance })
            {
                Assert.True(double.IsNaN(Run(kernel, Tensor.FromArray(values), [0]).Item()), $"{kernel} of {n} with NaN at {at}");
                var columns = Elements.Of<float>(Run(kernel, Tensor.FromArray(values, [n, 1]).Expand(n, 3), [0]));
                Assert.True(columns.All(float.IsNaN), $"{kernel} down {n} rows with NaN at {at}");
            }
        }
    }

    [Fact]
    public void LogSumExp_handles_infinities_by_rows_and_by_columns_and_across_blocks()
    {
        const double Inf = double.PositiveInfinity;
        foreach (var (values, exact) in new (double[], double)[]
        {
            ([-Inf, -Inf, 2], 2), ([-Inf, -Inf, -Inf], -Inf), ([1, Inf, -Inf], Inf), ([Inf, Inf], Inf), ([1000, 1000], 1000 + Math.Log(2)),
            ([-1000, -1000, -Inf], -1000 + Math.Log(2)), ([3000, -3000], 3000),
        })
        {
            // Alone, and each entry in a block of its own among -∞.
            foreach (var spread in new[] { 1, 2500 })
            {
                var padded = Enumerable.Repeat(-Inf, spread * values.Length).ToArray();
                for (var i = 0; i < values.Length; i++) padded[i * spread] = values[i];
                Assert.Equal(exact, Run(ReduceKernel.LogSumExp, Tensor.FromArray(padded), [0]).Item(), 1e-12);
                var columns = Tensor.FromArray(padded, [padded.Length, 1]).Expand(padded.Length, 5);
                Assert.All(Elements.Of<double>(Run(ReduceKernel.LogSumExp, columns, [0])), v => Assert.Equal(exact, v, 1e-12));
                var singles = Tensor.FromArray(Array.ConvertAll(padded, v => (float)v));
                Assert.Equal(exact, Run(ReduceKernel.LogSumExp, singles, [0]).Item(), 1e-3);
            }
        }
    }

    [Fact]
    public void Norm2_of_floats_neither_overflows_nor_underflows()
    {
        Assert.Equal(5e30, Run(ReduceKernel.Norm2, Tensor.FromArray(new[] { 3e30f, 4e30f }), [0]).Item(), 1e24);
        Assert.Equal(5e-30, Run(ReduceKernel.Norm2, Tensor.FromArray(new[] { 3e-30f, 4e-30f }), [0]).Item(), 1e-36);
        Assert.Equal(5e30f, Elements.Of<float>(Run(ReduceKernel.Norm2, Tensor.FromArray(new[] { 3e30f, 0, 4e30f, 1 }, [2, 2]), [0]))[0], 1e24f);
    }

    [Fact]
    public void Reductions_over_no_entries_have_their_neutral_values()
    {
        var empty = Tensor.FromArray(Array.Empty<float>(), [0, 3]);
        foreach (var (kernel, value) in new[]
        {
            (ReduceKernel.Sum, 0f), (ReduceKernel.Mean, float.NaN), (ReduceKernel.Variance, float.NaN), (ReduceKernel.Prod, 1f),
            (ReduceKernel.LogSumExp, float.NegativeInfinity), (ReduceKernel.Norm1, 0f), (ReduceKernel.Norm2, 0f),
        })
            Assert.Equal([value, value, value], Elements.Of<float>(Run(kernel, empty, [0])));
        var noBools = Tensor.FromArray(Array.Empty<bool>(), [0, 2]);
        Assert.Equal([false, false], Elements.Of<bool>(Run(ReduceKernel.Any, noBools, [0])));
        Assert.Equal([true, true], Elements.Of<bool>(Run(ReduceKernel.All, noBools, [0])));
        Assert.Empty(Elements.Of<float>(Run(ReduceKernel.Sum, empty, [1])));
    }

    [Property(MaxTest = 50)]
    public bool What_a_slice_gives_does_not_depend_on_its_neighbours(ushort length, byte others, int seed, bool byColumns)
    {
        int n = 1 + length % 3000, m = 1 + others % 40;
        var random = new Random(seed);
        var values = Enumerable.Range(0, n * m).Select(_ => Elements.Uneven<float>(random)).ToArray();
        var all = Tensor.FromArray(values, byColumns ? [n, m] : [m, n]);
        var axis = byColumns ? 0 : 1;
        foreach (var kernel in s_float)
        {
            var together = Elements.Of<float>(Run(kernel, all, [axis]));
            var which = random.Next(m);
            // Two columns at least: a single one is a row.
            var apart = byColumns ? all.Narrow(1, Math.Min(which, Math.Max(0, m - 2)), Math.Min(2, m)) : all.Narrow(0, which, 1);
            var alone = Elements.Of<float>(Run(kernel, apart, [axis]));
            if (!together[byColumns ? Math.Min(which, Math.Max(0, m - 2)) : which].Equals(alone[0])) return false;
        }

        return true;
    }
}

/// <summary>Turns what a test has to complain about into a property that says so.</summary>
internal static class Law
{
    public static Property Holds(string? complaint) => (complaint is null).Label(complaint ?? "");
}
