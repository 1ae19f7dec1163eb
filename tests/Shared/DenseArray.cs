using Edifice.Engine;

namespace Edifice.Tests;

/// <summary>The naive model of a tensor: extents, row-major doubles, and ops written as loops over indices. It knows neither
/// strides nor offsets, which makes it a second opinion on everything that does.</summary>
public sealed class DenseArray
{
    private DenseArray(int[] dims, double[] values) => (Dims, Values) = (dims, values);

    /// <summary>The extents.</summary>
    public int[] Dims { get; }

    /// <summary>The elements in row-major order.</summary>
    public double[] Values { get; }

    /// <summary>The number of axes.</summary>
    public int Rank => Dims.Length;

    /// <summary>One element.</summary>
    public double this[ReadOnlySpan<int> index] => Values[FlatIndex(Dims, index)];

    /// <summary>The array whose element at each index is given by a function.</summary>
    public static DenseArray Of(ReadOnlySpan<int> dims, Func<int[], double> element)
    {
        var extents = dims.ToArray();
        return new DenseArray(extents, [.. Indices(extents).Select(element)]);
    }

    /// <summary>0, 1, 2, … in row-major order: every element tells where it came from.</summary>
    public static DenseArray Iota(ReadOnlySpan<int> dims)
    {
        var next = 0;
        return Of(dims, _ => next++);
    }

    /// <summary>The elements of a tensor of any dtype and with any strides.</summary>
    public static DenseArray Of(Tensor tensor) =>
        new(tensor.Shape.AsSpan().ToArray(), tensor.To(DType.Float64).ToArray<double>());

    /// <summary>Any rearrangement: new extents, and for each new index the old index to read.</summary>
    public DenseArray Rearrange(ReadOnlySpan<int> dims, Func<int[], int[]> source) => Of(dims, index => this[source(index)]);

    /// <summary>The same elements under other extents.</summary>
    public DenseArray Reshape(ReadOnlySpan<int> dims) => new(dims.ToArray(), Values);

    /// <summary>The tensor with these elements.</summary>
    public Tensor ToTensor() => Tensor.FromArray(Values, Dims);

    /// <summary>All indices of a shape in row-major order, each a new array.</summary>
    public static IEnumerable<int[]> Indices(int[] dims)
    {
        var count = dims.Aggregate(1L, (n, d) => n * d);
        for (var flat = 0L; flat < count; flat++)
        {
            var index = new int[dims.Length];
            var rest = flat;
            for (var axis = dims.Length - 1; axis >= 0; axis--)
            {
                index[axis] = (int)(rest % dims[axis]);
                rest /= dims[axis];
            }

            yield return index;
        }
    }

    private static int FlatIndex(int[] dims, ReadOnlySpan<int> index)
    {
        if (index.Length != dims.Length) throw new ArgumentException($"{index.Length} indices for {dims.Length} axes");
        var flat = 0;
        for (var axis = 0; axis < dims.Length; axis++)
        {
            if ((uint)index[axis] >= (uint)dims[axis]) throw new ArgumentOutOfRangeException(nameof(index), index[axis], $"axis {axis}");
            flat = flat * dims[axis] + index[axis];
        }

        return flat;
    }
}
