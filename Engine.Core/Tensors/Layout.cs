namespace Edifice.Engine;

/// <summary>Extents and strides of a view. Immutable and shared between tensors of the same layout.</summary>
public sealed class Layout
{
    /// <summary>The layout of a scalar.</summary>
    internal static readonly Layout Scalar = new([], []);

    internal readonly int[] Dims;
    internal readonly long[] Strides;

    internal Layout(int[] dims, long[] strides)
    {
        Dims = dims;
        Strides = strides;
        long count = 1, expected = 1;
        foreach (var d in dims) count = checked(count * d);
        Count = count;
        IsContiguous = true;
        for (var i = dims.Length - 1; i >= 0; i--)
        {
            if (dims[i] != 1 && strides[i] != expected)
            {
                IsContiguous = count == 0;
                break;
            }

            expected *= dims[i];
        }
    }

    /// <summary>The number of elements.</summary>
    public long Count { get; }

    /// <summary>True when the elements lie in row-major order without gaps.</summary>
    public bool IsContiguous { get; }

    /// <summary>The number of axes.</summary>
    public int Rank => Dims.Length;

    /// <summary>The extents.</summary>
    public Shape Shape => new(Dims);

    internal static Layout Contiguous(Shape shape) => Contiguous(shape.Dims);

    internal static Layout Contiguous(int[] dims) =>
        dims.Length == 0 ? Scalar : new Layout(dims, ContiguousStrides(dims));

    internal static long[] ContiguousStrides(ReadOnlySpan<int> dims)
    {
        var strides = new long[dims.Length];
        long s = 1;
        for (var i = dims.Length - 1; i >= 0; i--)
        {
            strides[i] = s;
            s = checked(s * Math.Max(dims[i], 1));
        }

        return strides;
    }

    /// <summary>The strides by which this layout reads as <paramref name="dims"/>, or null when only a copy can.</summary>
    internal Layout? TryReshape(int[] dims)
    {
        if (IsContiguous) return Contiguous(dims);

        // Axes that lie next to one another in memory merge into runs; every new axis must divide what is left of the
        // run it falls in.
        Span<long> size = stackalloc long[Dims.Length], step = stackalloc long[Dims.Length];
        var runs = 0;
        for (var i = Dims.Length - 1; i >= 0; i--)
        {
            if (Dims[i] == 1) continue;
            if (runs > 0 && Strides[i] == size[runs - 1] * step[runs - 1])
            {
                size[runs - 1] *= Dims[i];
                continue;
            }

            size[runs] = Dims[i];
            step[runs++] = Strides[i];
        }

        var strides = new long[dims.Length];
        var run = 0;
        for (var i = dims.Length - 1; i >= 0; i--)
        {
            if (dims[i] == 1)
            {
                strides[i] = 1;
                continue;
            }

            if (size[run] == 1) run++;
            if (size[run] % dims[i] != 0) return null;
            strides[i] = step[run];
            step[run] *= dims[i];
            size[run] /= dims[i];
        }

        return new Layout(dims, strides);
    }
}
