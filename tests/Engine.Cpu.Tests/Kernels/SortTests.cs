using System.Numerics;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class SortTests
{
    private static readonly CpuBackend s_cpu = CpuBackend.Instance;

    private static (T[] Values, long[] Indices) Sort<T>(Tensor x, int axis, bool descending) where T : unmanaged
    {
        Tensor values = Tensor.Allocate(x.Shape, x.DType, Device.Cpu), indices = Tensor.Allocate(x.Shape, DType.Int64, Device.Cpu);
        s_cpu.Sort(x, axis, descending, values, indices);
        return (Elements.Of<T>(values), Elements.Of<long>(indices));
    }

    private static long ArgReduceOf(Tensor x, bool max)
    {
        var y = Tensor.Allocate([1], DType.Int64, Device.Cpu);
        s_cpu.ArgReduce(max, x, 0, y);
        return Elements.Of<long>(y)[0];
    }

    /// <summary>The order of the contract: NaN above +∞ and equal to itself, -0 = +0.</summary>
    private static int Compare<T>(T a, T b) where T : INumber<T> =>
        T.IsNaN(a) ? (T.IsNaN(b) ? 0 : 1) : T.IsNaN(b) ? -1 : a < b ? -1 : a > b ? 1 : 0;

    private static string? SortComplaint<T>(TensorCase view, int choice, Func<Random, T> value) where T : unmanaged, INumber<T>
    {
        if (view.Dims.Length == 0) return null;
        var axis = (choice & int.MaxValue) % view.Dims.Length;
        var x = view.Build(value);
        var entries = Elements.Of<T>(x);
        foreach (var descending in new[] { false, true })
        {
            var (values, indices) = Sort<T>(x, axis, descending);
            foreach (var line in Elements.Lines(x.Shape, axis))
            {
                var order = Comparer<T>.Create((a, b) => descending ? Compare(b, a) : Compare(a, b));
                var expected = Enumerable.Range(0, line.Length).OrderBy(i => entries[line[i]], order).ToArray(); // stable
                for (var i = 0; i < line.Length; i++)
                    if (indices[line[i]] != expected[i] || !values[line[i]].Equals(entries[line[expected[i]]]))
                        return $"{typeof(T).Name} {x.Shape} along {axis}{(descending ? " descending" : "")}: place {i} holds entry {indices[line[i]]}, not {expected[i]}";
            }
        }

        return null;
    }

    private static string? ArgComplaint<T>(TensorCase view, int choice, Func<Random, T> value) where T : unmanaged, INumber<T>
    {
        if (view.Dims.Length == 0) return null;
        var axis = (choice & int.MaxValue) % view.Dims.Length;
        if (view.Dims[axis] == 0) return null; // rejected by the op
        var x = view.Build(value);
        var entries = Elements.Of<T>(x);
        var shape = (int[])view.Dims.Clone();
        shape[axis] = 1;
        foreach (var max in new[] { false, true })
        {
            var y = Tensor.Allocate(shape, DType.Int64, Device.Cpu);
            s_cpu.ArgReduce(max, x, axis, y);
            var found = Elements.Of<long>(y);
            var at = 0;
            foreach (var line in Elements.Lines(x.Shape, axis))
            {
                var best = 0;
                for (var i = 1; i < line.Length; i++)
                {
                    T entry = entries[line[i]], holder = entries[line[best]];
                    if ((max ? entry > holder : entry < holder) || (T.IsNaN(entry) && !T.IsNaN(holder))) best = i;
                }

                if (found[at++] != best) return $"{typeof(T).Name} {x.Shape} along {axis}, {(max ? "max" : "min")}: {found[at - 1]}, not {best}";
            }
        }

        return null;
    }

    private static double Special(Random r) => r.Next(12) switch
    {
        0 => double.NaN, 1 => double.PositiveInfinity, 2 => double.NegativeInfinity, 3 => 0.0, 4 => -0.0, 5 => 1e-310, 6 => float.Epsilon,
        _ => r.Next(-3, 4),
    };

    [Property(Arbitrary = [typeof(TensorGenerators)])]
    public Property Sort_is_the_stable_order_along_any_axis_of_any_view(TensorCase view, int axis) => Law.Holds(
        SortComplaint(view, axis, r => (float)Special(r)) ?? SortComplaint(view, axis, Special) ??
        SortComplaint(view, axis, r => r.Next(-4, 4)) ?? SortComplaint(view, axis, r => r.NextInt64() * (r.Next(3) - 1)));

    [Property(Arbitrary = [typeof(TensorGenerators)])]
    public Property Arg_reduce_finds_the_first_extreme_along_any_axis_of_any_view(TensorCase view, int axis) => Law.Holds(
        ArgComplaint(view, axis, r => (float)Special(r)) ?? ArgComplaint(view, axis, Special) ??
        ArgComplaint(view, axis, r => r.Next(-4, 4)) ?? ArgComplaint(view, axis, r => r.NextInt64() * (r.Next(3) - 1)));

    [Theory]
    [InlineData(1023)]
    [InlineData(1024)]
    [InlineData(20_000)]
    public void Long_lines_sort_stably_whatever_the_spread_of_their_keys(int n)
    {
        var flat = TensorCase.Dense([n], n);
        Assert.Null(SortComplaint(flat, 0, r => (float)Math.Pow(-10, r.Next(-30, 30)) * r.Next(5)));
        Assert.Null(SortComplaint(flat, 0, r => r.NextDouble() - 0.5));
        Assert.Null(SortComplaint(flat, 0, r => r.Next(256) << 8));
        Assert.Null(SortComplaint(flat, 0, r => r.NextInt64() - long.MaxValue / 2));
        Assert.Null(SortComplaint(flat, 0, _ => 7f));
    }

    [Fact]
    public void Extremes_of_the_integer_types_sort_and_compare()
    {
        Assert.Equal([1L, 2, 0, 3], Sort<int>(Tensor.FromArray(new[] { 0, int.MinValue, -1, int.MaxValue }), 0, false).Indices);
        Assert.Equal([3L, 0, 2, 1], Sort<long>(Tensor.FromArray(new[] { 0, long.MinValue, -1, long.MaxValue }), 0, true).Indices);
        Assert.Equal(1, ArgReduceOf(Tensor.FromArray(new[] { 5, int.MinValue, int.MaxValue, int.MinValue }), max: false));
    }

    [Fact]
    public void Arg_reduce_of_a_long_line_finds_every_place_and_the_first_of_equals()
    {
        const int N = 1000;
        for (var at = 0; at < N; at++)
        {
            var values = new float[N];
            values[at] = 1;
            values[N - 1] = 1;
            Assert.Equal(at, ArgReduceOf(Tensor.FromArray(values), max: true));
            values[at] = float.NaN;
            Assert.Equal(at, ArgReduceOf(Tensor.FromArray(values), max: false));
        }
    }
}
