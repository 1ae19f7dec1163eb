using System.Numerics;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class IndexTests
{
    private static readonly CpuBackend s_cpu = CpuBackend.Instance;

    private static int AxisOf(TensorCase view, int choice) => (choice & int.MaxValue) % view.Dims.Length;

    private static Tensor Copy<T>(T[] values, Shape shape) where T : unmanaged => Tensor.FromArray((T[])values.Clone(), shape);

    [Property(Arbitrary = [typeof(TensorGenerators)])]
    public Property Gather_reads_the_indexed_entry_from_any_view(TensorCase view, TensorCase places, int choice)
    {
        if (view.Dims.Length == 0 || view.Count == 0) return Law.Holds(null);
        var axis = AxisOf(view, choice);
        var n = view.Dims[axis];
        // The index may be shorter than x off the axis and of any length along it.
        var shape = (int[])view.Dims.Clone();
        for (var a = 0; a < shape.Length; a++)
            if (a == axis || (places.Seed >> a & 1) != 0) shape[a] = a == axis ? 1 + places.Seed % 9 : Math.Max(1, shape[a] / 2);
        var index = (view with { Dims = shape, Seed = places.Seed }).Build(r => (long)r.Next(n));
        return Law.Holds(
            GatherComplaint(view.Build(r => r.Next() % 2 == 0), index, axis) ??
            GatherComplaint(view.Build(r => (Half)r.NextDouble()), index, axis) ??
            GatherComplaint(view.Build(r => (float)r.NextDouble()), index, axis) ??
            GatherComplaint(view.Build(r => r.NextInt64()), index, axis));
    }

    private static string? GatherComplaint<T>(Tensor x, Tensor index, int axis) where T : unmanaged
    {
        var y = Tensor.Allocate(index.Shape, x.DType, Device.Cpu);
        s_cpu.Gather(x, index, axis, y);
        T[] expected = new T[y.Count], values = Elements.Of<T>(x);
        var places = Elements.Of<long>(index);
        foreach (var (i, at) in Positions(index.Shape))
        {
            at[axis] = (int)places[i];
            expected[i] = values[Flat(x.Shape, at)];
        }

        return Elements.Of<T>(y).SequenceEqual(expected) ? null : $"gather of {x.DType} {x.Shape} along {axis}";
    }

    // The compiler would choose T from nothing: the dtype says it.
    private static string? GatherComplaint(Tensor x, Tensor index, int axis) => x.DType switch
    {
        DType.Bool => GatherComplaint<bool>(x, index, axis),
        DType.Float16 => GatherComplaint<Half>(x, index, axis),
        DType.Float32 => GatherComplaint<float>(x, index, axis),
        _ => GatherComplaint<long>(x, index, axis),
    };

    [Property(Arbitrary = [typeof(TensorGenerators)])]
    public Property Scatter_add_adds_repeats_in_ascending_order(TensorCase view, byte length, int choice)
    {
        if (view.Dims.Length == 0 || view.Count == 0) return Law.Holds(null);
        var axis = AxisOf(view, choice);
        var target = (int[])view.Dims.Clone();
        target[axis] = 1 + length % 7;
        var index = (view with { Seed = view.Seed + 1 }).Build(r => (long)r.Next(target[axis]));
        return Law.Holds(
            ScatterComplaint(view.Build(Elements.Uneven<float>), index, axis, target) ??
            ScatterComplaint(view.Build(Elements.Uneven<double>), index, axis, target) ??
            ScatterComplaint(view.Build(Elements.Uneven<int>), index, axis, target) ??
            ScatterComplaint(view.Build(Elements.Uneven<long>), index, axis, target));
    }

    private static string? ScatterComplaint(Tensor src, Tensor index, int axis, int[] target) => src.DType switch
    {
        DType.Float32 => ScatterComplaint<float>(src, index, axis, target),
        DType.Float64 => ScatterComplaint<double>(src, index, axis, target),
        DType.Int32 => ScatterComplaint<int>(src, index, axis, target),
        _ => ScatterComplaint<long>(src, index, axis, target),
    };

    private static string? ScatterComplaint<T>(Tensor src, Tensor index, int axis, int[] target) where T : unmanaged, INumber<T>
    {
        var start = new T[target.Aggregate(1, (n, e) => n * e)];
        for (var i = 0; i < start.Length; i++) start[i] = T.CreateTruncating(i % 5 - 2);
        var y = Copy(start, target);
        s_cpu.ScatterAdd(src, index, axis, y);

        var values = Elements.Of<T>(src);
        var places = Elements.Of<long>(index);
        foreach (var (i, at) in Positions(src.Shape)) // row-major, so ascending along every axis
        {
            at[axis] = (int)places[i];
            start[Flat(target, at)] += values[i];
        }

        return Elements.Of<T>(y).SequenceEqual(start) ? null : $"scatter-add of {src.DType} {src.Shape} along {axis}";
    }

    [Property(Arbitrary = [typeof(TensorGenerators)])]
    public Property Index_select_takes_slices_and_index_add_adds_them_where_they_came_from(TensorCase view, byte length, int choice)
    {
        if (view.Dims.Length == 0 || view.Count == 0) return Law.Holds(null);
        var axis = AxisOf(view, choice);
        var random = new Random(view.Seed);
        var chosen = Enumerable.Range(0, length % 12).Select(_ => (long)random.Next(view.Dims[axis])).ToArray();
        using var index = Tensor.FromArray(chosen);
        var x = view.Build(Elements.Uneven<float>);
        var shape = (int[])view.Dims.Clone();
        shape[axis] = chosen.Length;
        var y = Tensor.Allocate(shape, x.DType, Device.Cpu);
        s_cpu.IndexSelect(x, index, axis, y);

        var values = Elements.Of<float>(x);
        var sums = new float[values.Length];
        var expected = new float[y.Count];
        foreach (var (i, at) in Positions(shape))
        {
            at[axis] = (int)chosen[at[axis]];
            var from = Flat(view.Dims, at);
            expected[i] = values[from];
            sums[from] += values[from];
        }

        if (!Elements.Of<float>(y).SequenceEqual(expected)) return Law.Holds($"index-select along {axis}");
        var back = Copy(new float[values.Length], view.Dims);
        s_cpu.IndexAdd(y, index, axis, back);
        return Law.Holds(Elements.Of<float>(back).SequenceEqual(sums) ? null : $"index-add along {axis}");
    }

    [Fact]
    public void Repeated_indices_add_their_cotangents()
    {
        var y = Copy([0f], [1]);
        s_cpu.ScatterAdd(Tensor.FromArray(new[] { 0.2f, 0.3f }), Tensor.FromArray(new[] { 0L, 0L }), 0, y);
        Assert.Equal([0.5f], Elements.Of<float>(y));
    }

    [Fact]
    public void Long_rows_of_a_table_are_gathered_and_added_whole()
    {
        const int Rows = 50, Width = 1000, Count = 300;
        var random = new Random(4);
        var table = Enumerable.Range(0, Rows * Width).Select(i => (float)i).ToArray();
        var chosen = Enumerable.Range(0, Count).Select(_ => (long)random.Next(Rows)).ToArray();
        var y = Tensor.Allocate([Count, Width], DType.Float32, Device.Cpu);
        s_cpu.IndexSelect(Copy(table, [Rows, Width]), Tensor.FromArray(chosen), 0, y);
        var taken = Elements.Of<float>(y);
        for (var i = 0; i < Count; i++)
            Assert.Equal(table.AsSpan((int)chosen[i] * Width, Width), taken.AsSpan(i * Width, Width));

        var sum = Copy(new float[Rows * Width], [Rows, Width]);
        s_cpu.IndexAdd(y, Tensor.FromArray(chosen), 0, sum);
        var counts = chosen.GroupBy(c => c).ToDictionary(g => g.Key, g => g.Count());
        var sums = Elements.Of<float>(sum);
        for (var i = 0; i < sums.Length; i++)
            Assert.Equal(counts.GetValueOrDefault(i / Width) * (double)table[i], sums[i], 1e-6 * sums[i]);
    }

    private static IEnumerable<(long Index, int[] At)> Positions(Shape shape)
    {
        for (long i = 0; i < shape.Count; i++)
        {
            var at = new int[shape.Rank];
            var rest = i;
            for (var a = shape.Rank - 1; a >= 0; a--)
            {
                at[a] = (int)(rest % shape[a]);
                rest /= shape[a];
            }

            yield return (i, at);
        }
    }

    private static long Flat(Shape shape, int[] at)
    {
        long index = 0;
        for (var a = 0; a < shape.Rank; a++) index = index * shape[a] + at[a];
        return index;
    }
}
