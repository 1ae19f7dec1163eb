using FsCheck;
using FsCheck.Fluent;

namespace Edifice.Engine.Tests.Tensors;

/// <summary>What one step of a chain of views does.</summary>
public enum ViewKind
{
    Transpose, Permute, Slice, Index, Narrow, Flip, Select, Expand, Repeat, Squeeze, SqueezeAll, Unsqueeze, Merge, Cut, Flatten,
    Split, Chunk, Unbind,
}

/// <summary>One view, told by numbers that are read relative to whatever shape they meet, so that a chain stays legal when
/// shrinking drops a step from its middle.</summary>
/// <remarks><see cref="Of(Tensor)"/> calls the engine; <see cref="Of(DenseArray)"/> says in index loops what should come out.
/// The two share only the reading of the numbers.</remarks>
public sealed record ViewStep(ViewKind Kind, int A, int B, int C)
{
    private const long MostElements = 2000;

    public Tensor Of(Tensor x)
    {
        var dims = x.Shape.AsSpan().ToArray();
        if (!Fits(dims)) return x;
        var axis = Axis(A, dims);
        switch (Kind)
        {
            case ViewKind.Transpose: return x.Transpose(Signed(axis, dims), Axis(B, dims));
            case ViewKind.Permute: return x.Permute(Order(dims.Length));
            case ViewKind.Slice: return x.Slice(Signed(axis, dims), Bound(B), Bound(C), Step);
            case ViewKind.Index: return IndexInto(x, dims);
            case ViewKind.Narrow: return x.Narrow(axis, Start(dims[axis]), Length(dims[axis]));
            case ViewKind.Flip: return x.Flip(Signed(axis, dims));
            case ViewKind.Select: return x.Select(axis, (B & 1) == 0 ? Entry(dims[axis]) : Entry(dims[axis]) - dims[axis]);
            case ViewKind.Expand: return x.Expand([2 + Modulo(B, 2), .. dims.Select(_ => -1)]);
            case ViewKind.Repeat: return x.Expand([.. dims.Select((d, i) => i == axis ? Repeated(d) : (B & 1) == 0 ? d : -1)]);
            case ViewKind.Squeeze: return x.Squeeze(Signed(axis, dims));
            case ViewKind.SqueezeAll: return x.Squeeze();
            case ViewKind.Unsqueeze: return x.Unsqueeze((B & 1) == 0 ? Modulo(A, dims.Length + 1) : Modulo(A, dims.Length + 1) - dims.Length - 1);
            case ViewKind.Merge: return x.Flatten(axis, axis + 1);
            case ViewKind.Cut: return x.Unflatten(axis, dims[axis] == 0 ? [1, 0] : (C & 1) == 0 ? [-1, Divisor(dims[axis])] : [dims[axis] / Divisor(dims[axis]), Divisor(dims[axis])]);
            case ViewKind.Flatten: return dims.Contains(0) ? x.Reshape(0) : x.Reshape(-1);
            case ViewKind.Split: return Pick(x.Split(1 + Modulo(B, 4), axis));
            case ViewKind.Chunk: return Pick(x.Chunk(1 + Modulo(B, 4), axis));
            case ViewKind.Unbind: return Pick(x.Unbind(axis));
            default: throw new InvalidOperationException($"no step {Kind}");
        }
    }

    public DenseArray Of(DenseArray x)
    {
        var dims = x.Dims;
        if (!Fits(dims)) return x;
        var axis = Axis(A, dims);
        switch (Kind)
        {
            case ViewKind.Transpose:
                var order = Enumerable.Range(0, dims.Length).ToArray();
                (order[axis], order[Axis(B, dims)]) = (order[Axis(B, dims)], order[axis]);
                return Permuted(x, order);
            case ViewKind.Permute: return Permuted(x, Order(dims.Length));
            case ViewKind.Slice: return Taken(x, axis, PythonSlice(dims[axis], Bound(B), Bound(C), Step));
            case ViewKind.Index: return ModelIndex(x);
            case ViewKind.Narrow: return Taken(x, axis, Enumerable.Range(Start(dims[axis]), Length(dims[axis])));
            case ViewKind.Flip: return Taken(x, axis, Enumerable.Range(0, dims[axis]).Reverse());
            case ViewKind.Select: return Without(Taken(x, axis, [Entry(dims[axis])]), axis);
            case ViewKind.Expand: return x.Rearrange([2 + Modulo(B, 2), .. dims], index => index[1..]);
            case ViewKind.Repeat: return Taken(x, axis, dims[axis] == 1 ? Enumerable.Repeat(0, Repeated(1)) : Enumerable.Range(0, dims[axis]));
            case ViewKind.Squeeze: return Without(x, axis);
            case ViewKind.SqueezeAll: return x.Reshape([.. dims.Where(d => d != 1)]);
            case ViewKind.Unsqueeze:
                var at = Modulo(A, dims.Length + 1);
                return x.Reshape([.. dims[..at], 1, .. dims[at..]]);
            case ViewKind.Merge: return x.Reshape([.. dims[..axis], dims[axis] * dims[axis + 1], .. dims[(axis + 2)..]]);
            case ViewKind.Cut:
                int[] cut = dims[axis] == 0 ? [1, 0] : [dims[axis] / Divisor(dims[axis]), Divisor(dims[axis])];
                return x.Reshape([.. dims[..axis], .. cut, .. dims[(axis + 1)..]]);
            case ViewKind.Flatten: return x.Reshape([x.Values.Length]);
            case ViewKind.Split: return Pick(Pieces(x, axis, 1 + Modulo(B, 4)));
            case ViewKind.Chunk:
                var chunks = 1 + Modulo(B, 4);
                return Pick(Pieces(x, axis, Math.Max(1, (dims[axis] + chunks - 1) / chunks)));
            case ViewKind.Unbind: return Pick([.. Enumerable.Range(0, dims[axis]).Select(i => Without(Taken(x, axis, [i]), axis))]);
            default: throw new InvalidOperationException($"no step {Kind}");
        }
    }

    /// <summary>Whether the step means anything for this shape; otherwise it is left out.</summary>
    private bool Fits(int[] dims)
    {
        var count = dims.Aggregate(1L, (n, d) => n * d);
        return Kind switch
        {
            ViewKind.Permute or ViewKind.SqueezeAll or ViewKind.Flatten => true,
            ViewKind.Unsqueeze => dims.Length < Shape.MaxRank,
            ViewKind.Expand => dims.Length < Shape.MaxRank && count <= MostElements,
            _ when dims.Length == 0 => false,
            ViewKind.Repeat => count <= MostElements,
            ViewKind.Select or ViewKind.Unbind => dims[Axis(A, dims)] > 0,
            ViewKind.Squeeze => dims[Axis(A, dims)] == 1,
            ViewKind.Merge => Axis(A, dims) + 1 < dims.Length,
            ViewKind.Cut => dims.Length < Shape.MaxRank && !(dims[Axis(A, dims)] != 0 && dims.Contains(0)),
            _ => true,
        };
    }

    private int Step => Modulo(A / 8, 9) - 4 is not 0 and var step ? step : (C & 1) == 0 ? int.MaxValue : int.MinValue;

    private int[] Order(int rank)
    {
        var order = Enumerable.Range(0, rank).ToArray();
        new Random(A).Shuffle(order);
        return order;
    }

    private int Start(int extent) => Modulo(B, extent + 1);

    private int Length(int extent) => Modulo(C, extent - Start(extent) + 1);

    private int Entry(int extent) => Modulo(B / 2, extent);

    private int Repeated(int extent) => extent == 1 ? Modulo(C, 4) : extent;

    private int Divisor(int extent) => Enumerable.Range(1, extent).Where(d => extent % d == 0).ElementAt(Modulo(B, Enumerable.Range(1, extent).Count(d => extent % d == 0)));

    private T Pick<T>(T[] pieces) => pieces[Modulo(C, pieces.Length)];

    /// <summary>A slice bound from well before an axis to well behind it, or none.</summary>
    private static int? Bound(int number) => Modulo(number, 26) is var n && n == 0 ? null : n == 1 ? int.MinValue : n == 2 ? int.MaxValue : n - 14;

    private static int Axis(int number, int[] dims) => dims.Length == 0 ? 0 : Modulo(number, dims.Length);

    /// <summary>The axis as it is or counted from the end.</summary>
    private int Signed(int axis, int[] dims) => (C & 2) == 0 ? axis : axis - dims.Length;

    private static int Modulo(int number, int modulus) => (int)((uint)number % (uint)modulus);

    /// <summary>x[i, a..b, ^c] with as many places as B says: the first axis by index, the next by range from either end.</summary>
    private Tensor IndexInto(Tensor x, int[] dims)
    {
        var (first, range) = Places(dims);
        if (first is null) return x[range];
        return dims.Length == 1 || (B & 4) == 0 ? x[first.Value] : x[first.Value, range];
    }

    private DenseArray ModelIndex(DenseArray x)
    {
        var (first, range) = Places(x.Dims);
        if (first is null) return Sliced(x);
        var entry = Without(Taken(x, 0, [first.Value.GetOffset(x.Dims[0])]), 0);
        return x.Rank == 1 || (B & 4) == 0 ? entry : Sliced(entry);

        DenseArray Sliced(DenseArray y)
        {
            var n = y.Dims[0];
            // Bounds outside the axis clamp to its ends.
            var from = Math.Clamp(range.Start.GetOffset(n), 0, n);
            return Taken(y, 0, Enumerable.Range(from, Math.Max(0, Math.Clamp(range.End.GetOffset(n), 0, n) - from)));
        }
    }

    private (Index? First, Range Range) Places(int[] dims)
    {
        var range = new Range(new Index(Modulo(A, 9), (C & 4) == 0), new Index(Modulo(C / 8, 9), (C & 1) == 0));
        return dims[0] == 0 || (B & 1) == 0 ? (null, range) : (new Index(Entry(dims[0]) + (B & 8) / 8, (B & 8) != 0), range);
    }

    private static DenseArray Permuted(DenseArray x, int[] order) => x.Rearrange([.. order.Select(axis => x.Dims[axis])], index =>
    {
        var source = new int[order.Length];
        for (var i = 0; i < order.Length; i++) source[order[i]] = index[i];
        return source;
    });

    private static DenseArray Taken(DenseArray x, int axis, IEnumerable<int> entries)
    {
        var kept = entries.ToArray();
        return x.Rearrange([.. x.Dims[..axis], kept.Length, .. x.Dims[(axis + 1)..]], index => [.. index[..axis], kept[index[axis]], .. index[(axis + 1)..]]);
    }

    private static DenseArray Without(DenseArray x, int axis) => x.Reshape([.. x.Dims[..axis], .. x.Dims[(axis + 1)..]]);

    private static DenseArray[] Pieces(DenseArray x, int axis, int size) => x.Dims[axis] == 0
        ? [x]
        : [.. Enumerable.Range(0, x.Dims[axis]).Chunk(size).Select(entries => Taken(x, axis, entries))];

    /// <summary>The definition: bounds from the end count back once, then clamp; then one step after the other.</summary>
    private static IEnumerable<int> PythonSlice(int n, int? start, int? stop, int step)
    {
        long low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1L;
        var from = start is { } s ? Math.Clamp(s < 0 ? (long)s + n : s, low, high) : step > 0 ? low : high;
        var to = stop is { } t ? Math.Clamp(t < 0 ? (long)t + n : t, low, high) : step > 0 ? high : low;
        for (var i = from; step > 0 ? i < to : i > to; i += step) yield return (int)i;
    }
}

/// <summary>A tensor and what is done to it.</summary>
public sealed record ViewChain(TensorCase Start, ViewStep[] Steps)
{
    public override string ToString() => $"{Start}: {string.Join(", then ", (object[])Steps)}";
}

public static class ViewGenerators
{
    private static readonly Gen<ViewStep> s_step =
        from kind in Gen.Elements(Enum.GetValues<ViewKind>())
        from a in Gen.Choose(0, 1 << 20)
        from b in Gen.Choose(0, 1 << 20)
        from c in Gen.Choose(0, 1 << 20)
        select new ViewStep(kind, a, b, c);

    public static Arbitrary<ViewChain> Chains() => Arb.From(
        from start in TensorGenerators.Tensors().Generator
        from count in Gen.Choose(0, 6)
        from steps in Gen.ArrayOf(s_step, count)
        select new ViewChain(start, steps),
        Shrink);

    private static IEnumerable<ViewChain> Shrink(ViewChain chain)
    {
        for (var i = 0; i < chain.Steps.Length; i++) yield return chain with { Steps = [.. chain.Steps[..i], .. chain.Steps[(i + 1)..]] };
        foreach (var start in chain.Start.Shrink()) yield return chain with { Start = start };
    }
}
