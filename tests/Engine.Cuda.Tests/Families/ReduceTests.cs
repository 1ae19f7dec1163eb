using Edifice.Engine.Backends;

namespace Edifice.Engine.Cuda.Tests.Families;

/// <summary>Reductions, first extremes and scans beside the CPU's kernels.</summary>
public class ReduceTests
{
    public static TheoryData<ReduceKernel> Kernels => [.. Enum.GetValues<ReduceKernel>()];

    private static readonly (int[] Dims, int[] Axes)[] s_cases =
    [
        ([7], [0]), ([5, 6], [1]), ([5, 6], [0]), ([5, 6], [0, 1]), ([3, 4, 5], [1]), ([3, 4, 5], [0, 2]), ([2, 600], [1]), ([2, 9000], [1]), ([700, 3], [0]), ([33, 40], [0]), ([2, 3, 0], [2]),
        ([0, 3], [1]), ([1, 1], [0]), ([2, 3, 2, 3, 2, 3], [1, 3, 5]),
    ];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_reduction_has_the_cpus_value_over_any_axes(ReduceKernel kernel)
    {
        foreach (var dtype in DTypesOf(kernel))
        {
            foreach (var (dims, axes) in s_cases)
            {
                var count = dims.Aggregate(1, (p, d) => p * d);
                var values = dtype == DType.Bool ? Numbers.Whole(count, 20, 0, 1) : dtype.IsFloating() ? Numbers.Random(count, 21, kernel == ReduceKernel.Prod ? 1.5 : 3) : Numbers.Whole(count, 22, -3, 3);
                var x = Twin.Of(values, dims, dtype);
                Reduce(kernel, x, axes, $"{kernel} of {dtype} [{string.Join(", ", dims)}] over {string.Join(", ", axes)}");
                if (dims.Length > 1 && dims[0] > 0 && count < 1000)
                {
                    Reduce(kernel, x.View(t => t.Transpose(0, 1)), axes, "transposed");
                    Reduce(kernel, x.View(t => t.Flip(0)), axes, "flipped");
                    Reduce(kernel, x.View(t => t.Slice(0, 0, Math.Min(1, t.Size(0))).Expand([3, .. t.Shape.AsSpan()[1..]])), axes, "expanded");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_reduction_keeps_special_values(ReduceKernel kernel)
    {
        if (kernel is ReduceKernel.Any or ReduceKernel.All) return;
        double inf = double.PositiveInfinity, nan = double.NaN;
        double[][] rows =
        [
            [nan, 1, 2, 3], [1, nan, 2, 3], [inf, 1, 2, 3], [-inf, 1, 2, 3], [1, 2, 3, inf], [inf, -inf, 1, 2], [-inf, -inf, -inf, -inf], [-0.0, -0.0, -0.0, -0.0], [0, -0.0, 0, -0.0],
            [1e30, 1e30, 0, 0], [3e38, 3e38, 1, 1], [1e-40, 1e-40, 0, 0], [inf, inf, 1, 1], [1, 1, 1, 1], [-inf, 0, 0, 5], [88, 89, 1000, 1000], [1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3],
        ];
        if (kernel == ReduceKernel.Variance) rows[10] = [1e18, 1e18, 1, 1]; // the CPU's squares of larger floats overflow, the card's do not
        foreach (var dtype in new[] { DType.Float32, DType.Float64 })
        {
            var x = Twin.Of([.. rows.SelectMany(r => r)], [rows.Length, 4], dtype);
            Reduce(kernel, x, [1], $"{kernel} of {dtype}", p: 1);
            Reduce(kernel, x.View(t => t.Transpose(0, 1)), [0], $"{kernel} of {dtype} down columns", p: 4);
        }
    }

    [Fact]
    public void A_long_sum_is_good_to_a_rounding()
    {
        var values = Numbers.Random(50_000, 23, 1e3);
        var x = Twin.Of(values, [values.Length], DType.Float32);
        var y = Twin.Room([1], DType.Float32);
        Twin.Gpu.Reduce(ReduceKernel.Sum, x.Card, [0], y.Card, 0);
        var exact = x.Host.ToArray<float>().Sum(v => (decimal)v);
        Assert.InRange(y.Card.To(Device.Cpu).ToArray<float>()[0], MathF.BitDecrement((float)exact), MathF.BitIncrement((float)exact));
    }

    [Fact]
    public void The_first_extreme_is_found_and_a_nan_is_more_extreme_than_any_number()
    {
        foreach (var dtype in new[] { DType.Float32, DType.Float64, DType.Int32, DType.Int64 })
        {
            foreach (var (dims, axis) in new[] { (new[] { 1 }, 0), ([6, 50], 1), ([50, 6], 0), ([2, 700], 1), ([1, 9000], 1), ([900, 2], 0), ([3, 0], 0), ([3, 4, 5], 1) })
            {
                var count = dims.Aggregate(1, (p, d) => p * d);
                var values = Numbers.Whole(count, 24, -4, 4);
                if (dtype.IsFloating())
                    for (var i = 17; i < count; i += 101) values[i] = i % 2 == 0 ? double.NaN : double.NegativeInfinity;
                var x = Twin.Of(values, dims, dtype);
                foreach (var max in new[] { true, false })
                {
                    var shape = dims.Select((d, i) => i == axis ? 1 : d).ToArray();
                    var y = Twin.Room(shape, DType.Int64);
                    Twin.Both((backend, on) => backend.ArgReduce(max, on(x), axis, on(y)));
                    y.Agree();
                    var flipped = x.View(t => t.Flip(axis));
                    Twin.Both((backend, on) => backend.ArgReduce(max, on(flipped), axis, on(y)));
                    y.Agree();
                }
            }
        }
    }

    [Fact]
    public void Scans_run_along_any_axis_in_both_directions()
    {
        foreach (var dtype in new[] { DType.Float32, DType.Float64, DType.Int32, DType.Int64 })
        {
            foreach (var (dims, axis) in new[] { (new[] { 9 }, 0), ([4, 70], 1), ([70, 4], 0), ([3, 5, 7], 1), ([2, 300], 1), ([9000], 0), ([1, 1], 0), ([0, 4], 1), ([4, 0], 1), ([8200, 3], 1) })
            {
                var count = dims.Aggregate(1, (p, d) => p * d);
                foreach (var kernel in Enum.GetValues<ScanKernel>())
                {
                    if (kernel == ScanKernel.LogSumExp && !dtype.IsFloating()) continue;
                    var values = dtype.IsFloating() ? Numbers.Random(count, 25, kernel == ScanKernel.Prod ? 1.4 : 3) : Numbers.Whole(count, 26, -3, 3);
                    var x = Twin.Of(values, dims, dtype);
                    foreach (var reverse in new[] { false, true })
                        foreach (var exclusive in new[] { false, true })
                        {
                            if (exclusive && kernel != ScanKernel.Sum) continue;
                            if (count > 5000 && dtype is DType.Float64 or DType.Int64 && reverse) continue;
                            var y = Twin.Room(dims, dtype);
                            Twin.Both((backend, on) => backend.Scan(kernel, on(x), axis, reverse, exclusive, on(y)));
                            y.Near(dtype == DType.Float32 ? 1e-6 : 1e-12, $"{kernel} of {dtype} [{string.Join(", ", dims)}] along {axis}");
                        }
                }
            }
        }
    }

    [Fact]
    public void A_running_log_sum_exp_keeps_infinities_and_nan()
    {
        double inf = double.PositiveInfinity;
        double[] values = [-inf, -inf, 1, 2, -1000, 1000, -inf, 5, inf, 1, inf, double.NaN, 1];
        foreach (var dims in new[] { new[] { 13, 1 }, [1, 13], [13, 7] })
        {
            var x = Twin.Of([.. values.SelectMany(v => Enumerable.Repeat(v, dims[0] * dims[1] / 13))], [13, dims[0] * dims[1] / 13], DType.Float64).View(t => dims[0] == 1 ? t.Transpose(0, 1) : t);
            var y = Twin.Room(dims, DType.Float64);
            Twin.Both((backend, on) => backend.Scan(ScanKernel.LogSumExp, on(x), dims[0] == 1 ? 1 : 0, false, false, on(y)));
            y.Near(1e-14);
        }

        var long1 = Numbers.Random(100, 27);
        for (var i = 0; i < 40; i++) long1[i] = -inf;
        long1[90] = inf;
        long1[95] = double.NaN;
        var line = Twin.Of(long1, [100], DType.Float32);
        var z = Twin.Room([100], DType.Float32);
        Twin.Both((backend, on) => backend.Scan(ScanKernel.LogSumExp, on(line), 0, false, false, on(z)));
        z.Near(1e-6);
    }

    private static DType[] DTypesOf(ReduceKernel kernel) => kernel switch
    {
        ReduceKernel.Any or ReduceKernel.All => [DType.Bool],
        ReduceKernel.Sum or ReduceKernel.Prod or ReduceKernel.Max or ReduceKernel.Min => [DType.Float32, DType.Float64, DType.Int32, DType.Int64],
        _ => [DType.Float32, DType.Float64],
    };

    private static void Reduce(ReduceKernel kernel, Twin x, int[] axes, string what, double p = 1)
    {
        var shape = x.Host.Shape.AsSpan().ToArray();
        foreach (var axis in axes) shape[axis] = 1;
        var y = Twin.Room(shape, x.Host.DType);
        Twin.Both((backend, on) => backend.Reduce(kernel, on(x), axes, on(y), p));
        y.Near(x.Host.DType == DType.Float32 ? 2e-6 : 1e-13, what);
    }
}
