using System.Runtime.CompilerServices;

namespace Edifice.Engine;

/// <summary>The extents of a tensor's axes, immutable; written as a collection expression: <c>[2, 3]</c>.</summary>
/// <remarks>An axis holds at most 2³¹ - 1 entries, a tensor at most 8 axes; a zero extent is legal.</remarks>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>The largest number of axes.</summary>
    public const int MaxRank = 8;

    private readonly int[]? _dims;

    internal Shape(int[] dims) => _dims = dims;

    /// <summary>The shape of a scalar: no axes, one element.</summary>
    public static Shape Scalar { get; } = new([]);

    internal int[] Dims => _dims ?? [];

    /// <summary>The number of axes.</summary>
    public int Rank => Dims.Length;

    /// <summary>The number of elements.</summary>
    public long Count
    {
        get
        {
            long n = 1;
            foreach (var d in Dims) n *= d;
            return n;
        }
    }

    /// <summary>The extent of an axis; <c>shape[^1]</c> is the last.</summary>
    public int this[Index axis] => Dims[axis];

    /// <summary>The extent of an axis counted from the front.</summary>
    public int this[int axis] => Dims[axis];

    /// <summary>Builds a shape from extents.</summary>
    /// <exception cref="TensorException">A negative extent or more than <see cref="MaxRank"/> axes.</exception>
    public static Shape Create(ReadOnlySpan<int> dims)
    {
        if (dims.Length > MaxRank)
            throw new TensorException($"a tensor has at most {MaxRank} axes, got {dims.Length}: reshape to fewer");
        foreach (var d in dims)
            if (d < 0) throw new TensorException($"an axis cannot have the extent {d} (shape {new Shape(dims.ToArray())})");
        return new Shape(dims.ToArray());
    }

    /// <summary>The extents as a span.</summary>
    public ReadOnlySpan<int> AsSpan() => Dims;

    /// <summary>Enumerates the extents.</summary>
    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)Dims).GetEnumerator();

    /// <summary>A shape from an array of extents.</summary>
    public static implicit operator Shape(int[] dims) => Create(dims);

    /// <summary>A shape from a span of extents.</summary>
    public static implicit operator Shape(ReadOnlySpan<int> dims) => Create(dims);

    /// <inheritdoc/>
    public bool Equals(Shape other) => ReferenceEquals(_dims, other._dims) || Dims.AsSpan().SequenceEqual(other.Dims);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape s && Equals(s);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var h = new HashCode();
        foreach (var d in Dims) h.Add(d);
        return h.ToHashCode();
    }

    /// <summary>Same extents.</summary>
    public static bool operator ==(Shape a, Shape b) => a.Equals(b);

    /// <summary>Different extents.</summary>
    public static bool operator !=(Shape a, Shape b) => !a.Equals(b);

    /// <inheritdoc/>
    public override string ToString() => "[" + string.Join(", ", Dims) + "]";

    /// <summary>The shape two operands broadcast to, aligned from the right; an extent of 1 stretches.</summary>
    /// <returns>False when some pair of extents differs and neither is 1.</returns>
    internal static bool TryBroadcast(Shape a, Shape b, out Shape result)
    {
        int[] x = a.Dims, y = b.Dims;
        var r = new int[Math.Max(x.Length, y.Length)];
        for (var i = 1; i <= r.Length; i++)
        {
            var p = i <= x.Length ? x[^i] : 1;
            var q = i <= y.Length ? y[^i] : 1;
            if (p != q && p != 1 && q != 1)
            {
                result = default;
                return false;
            }

            r[^i] = p == 1 ? q : p;
        }

        result = new Shape(r);
        return true;
    }
}
