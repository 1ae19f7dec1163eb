namespace Edifice.Engine.Cuda.Tests.Families;

/// <summary>Sorting and indexing beside the CPU's kernels.</summary>
public class IndexTests
{
    [Fact]
    public void Sorting_is_stable_with_nan_above_infinity_and_zeros_equal()
    {
        double[] special = [double.NaN, 1, double.PositiveInfinity, -0.0, 0, double.NegativeInfinity, -1, double.NaN, 0, -0.0, 1];
        foreach (var dtype in new[] { DType.Float32, DType.Float64, DType.Int32, DType.Int64 })
        {
            foreach (var (dims, axis) in new[] { (new[] { 1 }, 0), ([11], 0), ([3, 40], 1), ([40, 3], 0), ([2, 3, 5], 1), ([1024], 0), ([1025], 0), ([2, 2100], 1), ([0], 0), ([3, 0], 1) })
            {
                if (dtype is DType.Float64 or DType.Int32 && dims[^1] > 1025) continue;
                var count = dims.Aggregate(1, (p, d) => p * d);
                var values = Numbers.Whole(count, 30, -20, 20);
                if (dtype.IsFloating())
                    for (var i = 0; i < count; i++) values[i] = i % 3 == 0 ? special[i % special.Length] : values[i];
                foreach (var descending in new[] { false, true })
                {
                    var x = Twin.Of(values, dims, dtype);
                    Sort(x, axis, descending);
                    Sort(x.View(t => t.Flip(axis)), axis, descending);
                }
            }
        }
    }

    [Fact]
    public void The_ends_of_the_integers_sort_to_the_ends()
    {
        foreach (var dtype in new[] { DType.Int32, DType.Int64 })
        {
            double[] ends = dtype == DType.Int32 ? [int.MinValue, int.MaxValue] : [long.MinValue, 9223372036854774784];
            foreach (var descending in new[] { false, true }) Sort(Twin.Of([.. ends, 0, .. ends, -1, 1], [7], dtype), 0, descending);
        }
    }

    [Fact]
    public void Elements_are_gathered_along_any_axis_for_every_dtype()
    {
        foreach (var dtype in Enum.GetValues<DType>())
        {
            var x = Twin.Of(dtype == DType.Bool ? Numbers.Whole(60, 31, 0, 1) : Numbers.Whole(60, 31, -50, 50), [3, 4, 5], dtype).View(t => t.Flip(2));
            for (var axis = 0; axis < 3; axis++)
            {
                int[] dims = [3, 4, 5];
                dims[axis] = 7;
                var index = Twin.Of(Numbers.Whole(dims[0] * dims[1] * dims[2], 32, 0, x.Host.Size(axis) - 1), dims, DType.Int64);
                var y = Twin.Room(dims, dtype);
                Twin.Both((backend, on) => backend.Gather(on(x), on(index), axis, on(y)));
                y.Agree();

                var list = Twin.Of(Numbers.Whole(14, 33, 0, x.Host.Size(axis) - 1), [14], DType.Int64).View(t => t.Reshape([7, 2]).Slice(1, 0, 1).Reshape([7]));
                Twin.Both((backend, on) => backend.IndexSelect(on(x), on(list), axis, on(y)));
                y.Agree();
            }
        }
    }

    [Fact]
    public void Repeated_indices_add_up_in_ascending_order_to_the_last_bit()
    {
        foreach (var dtype in new[] { DType.Float32, DType.Float64, DType.Int32, DType.Int64 })
        {
            for (var axis = 0; axis < 3; axis++)
            {
                int[] dims = [3, 4, 5];
                dims[axis] = 20;
                var count = dims[0] * dims[1] * dims[2];
                var src = Twin.Of(dtype.IsFloating() ? Numbers.Random(count, 34, 1e3) : Numbers.Whole(count, 34, -50, 50), dims, dtype).View(t => t.Flip(1));
                int[] target = [3, 4, 5];
                var y = Twin.Of(Numbers.Whole(60, 35, -9, 9), target, dtype);
                var index = Twin.Of(Numbers.Whole(count, 36, 0, target[axis] - 1), dims, DType.Int64);
                Twin.Both((backend, on) => backend.ScatterAdd(on(src), on(index), axis, on(y)));
                y.Agree();

                var list = Twin.Of(Numbers.Whole(20, 37, 0, target[axis] - 1), [20], DType.Int64);
                Twin.Both((backend, on) => backend.IndexAdd(on(src), on(list), axis, on(y)));
                y.Agree();
            }
        }
    }

    [Fact]
    public void Nothing_is_added_where_there_are_no_indices()
    {
        var y = Twin.Of([1, 2, 3], [3, 1], DType.Float32);
        var src = Twin.Room([0, 1], DType.Float32);
        var index = Twin.Room([0], DType.Int64);
        Twin.Both((backend, on) => backend.IndexAdd(on(src), on(index), 0, on(y)));
        y.Agree();
    }

    private static void Sort(Twin x, int axis, bool descending)
    {
        var dims = x.Host.Shape.AsSpan().ToArray();
        var values = Twin.Room(dims, x.Host.DType);
        var indices = Twin.Room(dims, DType.Int64);
        Twin.Both((backend, on) => backend.Sort(on(x), axis, descending, on(values), on(indices)));
        indices.Agree();
        values.Agree();
    }
}
