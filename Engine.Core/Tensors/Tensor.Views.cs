using Edifice.Engine.Autograd;

namespace Edifice.Engine;

/// <summary>Views: other extents and strides over the same elements. Their backward passes are views or their adjoints.</summary>
public sealed partial class Tensor
{
    /// <summary>Another tensor object over the same elements, with the same place in the graph.</summary>
    internal Tensor Alias() => new(Storage, Layout, Offset, DType, retain: true) { Record = Record };

    /// <summary>The same elements without history: a leaf that requires no gradient.</summary>
    public Tensor Detach() => new(Storage, Layout, Offset, DType, retain: true);

    /// <summary>Ends this view that an operation made of its operand, where it made one: a view left behind keeps the operand's memory.</summary>
    internal void EndViewOf(Tensor operand)
    {
        if (!ReferenceEquals(this, operand)) Dispose();
    }

    private Tensor View(Layout layout, long offset) => new(Storage, layout, offset, DType, retain: true);

    /// <summary>The tensor itself when its elements lie in row-major order, otherwise a copy that does.</summary>
    public Tensor Contiguous()
    {
        if (IsContiguous) return this;
        var y = Allocate(Layout.Contiguous(Layout.Dims), DType, Device);
        Backend.Copy(this, y);
        return Tape.Record("contiguous", y, [this], [], static (_, g) => [g[0]]);
    }

    /// <summary>A row-major copy with memory of its own.</summary>
    public Tensor Clone()
    {
        var y = AllocateLike();
        Backend.Copy(this, y);
        return Tape.Record("clone", y, [this], [], static (_, g) => [g[0]]);
    }

    /// <summary>The elements in row-major order under another shape; one extent may be -1 and is then computed. A view where
    /// the strides allow it, a copy otherwise.</summary>
    /// <exception cref="TensorException">The number of elements differs.</exception>
    public Tensor Reshape(params ReadOnlySpan<int> shape)
    {
        var dims = ResolveReshape(shape);
        if (dims.AsSpan().SequenceEqual(Layout.Dims)) return this;
        var source = this;
        var layout = Layout.TryReshape(dims);
        if (layout is null)
        {
            source = Contiguous();
            layout = Layout.Contiguous(dims);
        }

        var y = source.View(layout, source.Offset);
        if (!Tape.Watches(source)) return y;
        var old = Layout.Dims;
        return Tape.Record("reshape", y, [source], [], (_, g) => [g[0]!.Reshape(old)]);
    }

    /// <summary>As <see cref="Reshape"/>, but never copies.</summary>
    /// <exception cref="TensorException">The strides do not allow the shape without a copy.</exception>
    public Tensor ViewAs(params ReadOnlySpan<int> shape)
    {
        var dims = ResolveReshape(shape);
        if (Layout.TryReshape(dims) is null)
            throw TensorException.For("ViewAs", $"needs a copy to become {new Shape(dims)}: use Reshape", this);
        return Reshape(dims);
    }

    private int[] ResolveReshape(ReadOnlySpan<int> shape)
    {
        var dims = shape.ToArray();
        var open = -1;
        long known = 1;
        for (var i = 0; i < dims.Length; i++)
        {
            if (dims[i] == -1 && open < 0) open = i;
            else if (dims[i] < 0) throw TensorException.For("Reshape", $"the shape [{string.Join(", ", dims)}] has an illegal extent", this);
            else known = checked(known * dims[i]);
        }

        if (open >= 0)
        {
            if (known == 0 || Count % known != 0)
                throw TensorException.For("Reshape", $"{Count} elements do not fit [{string.Join(", ", dims)}]", this);
            dims[open] = checked((int)(Count / known));
        }
        else if (known != Count)
        {
            throw TensorException.For("Reshape", $"{Count} elements do not fit [{string.Join(", ", dims)}]", this);
        }

        return Shape.Create(dims).Dims;
    }

    /// <summary>Axes in another order.</summary>
    public Tensor Permute(params ReadOnlySpan<int> axes)
    {
        if (axes.Length != Rank)
            throw TensorException.For("Permute", $"[{string.Join(", ", axes.ToArray())}] must name each of the {Rank} axes once", this);
        var order = new int[Rank];
        var inverse = new int[Rank];
        Array.Fill(inverse, -1);
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = NormalizeAxis("Permute", axes[i]);
            if (inverse[order[i]] >= 0)
                throw TensorException.For("Permute", $"axis {axes[i]} is named twice in [{string.Join(", ", axes.ToArray())}]", this);
            inverse[order[i]] = i;
        }

        var dims = new int[Rank];
        var strides = new long[Rank];
        for (var i = 0; i < order.Length; i++) (dims[i], strides[i]) = (Layout.Dims[order[i]], Layout.Strides[order[i]]);
        var y = View(new Layout(dims, strides), Offset);
        return Tape.Watches(this) ? Tape.Record("permute", y, [this], [], (_, g) => [g[0]!.Permute(inverse)]) : y;
    }

    /// <summary>Two axes exchanged; by default the last two.</summary>
    public Tensor Transpose(int a = -2, int b = -1)
    {
        int i = NormalizeAxis("Transpose", a), j = NormalizeAxis("Transpose", b);
        if (i == j) return this;
        var dims = (int[])Layout.Dims.Clone();
        var strides = (long[])Layout.Strides.Clone();
        (dims[i], dims[j], strides[i], strides[j]) = (dims[j], dims[i], strides[j], strides[i]);
        var y = View(new Layout(dims, strides), Offset);
        return Tape.Watches(this) ? Tape.Record("transpose", y, [this], [], (_, g) => [g[0]!.Transpose(i, j)]) : y;
    }

    /// <summary>Entries start, start + step, … below stop of an axis. Negative bounds count from the end, bounds clamp as in
    /// Python; a negative step walks backwards from start down to above stop.</summary>
    public Tensor Slice(int axis, int? start = null, int? stop = null, int step = 1)
    {
        var a = NormalizeAxis("Slice", axis);
        if (step == 0) throw TensorException.For("Slice", "the step cannot be 0", this);
        var n = Layout.Dims[a];
        int low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
        var from = start is { } s ? Math.Clamp(s < 0 ? s + n : s, low, high) : step > 0 ? 0 : n - 1;
        var to = stop is { } t ? Math.Clamp(t < 0 ? t + n : t, low, high) : step > 0 ? n : -1;
        long distance = step > 0 ? to - from : from - to, stride = Math.Abs((long)step);
        return Strided(a, from, distance <= 0 ? 0 : (int)((distance + stride - 1) / stride), step);
    }

    /// <summary><paramref name="length"/> entries of an axis from <paramref name="start"/>.</summary>
    public Tensor Narrow(int axis, int start, int length)
    {
        var a = NormalizeAxis("Narrow", axis);
        if (start < 0 || length < 0 || start > Layout.Dims[a] - length)
            throw TensorException.For("Narrow", $"[{start}, {start + (long)length}) is outside axis {axis} of {Layout.Dims[a]} entries", this);
        return Strided(a, start, length, 1);
    }

    /// <summary>Every axis backwards that is named.</summary>
    public Tensor Flip(params ReadOnlySpan<int> axes)
    {
        var y = this;
        foreach (var axis in axes) y = y.Slice(axis, step: -1);
        return y;
    }

    private Tensor Strided(int axis, int start, int count, int step)
    {
        var n = Layout.Dims[axis];
        if (count == n && step == 1) return this;
        var dims = (int[])Layout.Dims.Clone();
        var strides = (long[])Layout.Strides.Clone();
        dims[axis] = count;
        strides[axis] *= step;
        var y = View(new Layout(dims, strides), count == 0 ? Offset : Offset + start * Layout.Strides[axis]);
        if (!Tape.Watches(this)) return y;
        var shape = Layout.Dims;
        return Tape.Record("slice", y, [this], [], (_, g) => [g[0]!.Embed(shape, axis, start, count, step)]);
    }

    /// <summary>Adjoint of a slice: zeros of the old shape with this tensor at the sliced places.</summary>
    private Tensor Embed(int[] shape, int axis, int start, int count, int step)
    {
        var y = Zeros(shape, DType, Device);
        if (count > 0)
            using (GradMode.Off())
            {
                var strides = (long[])y.Layout.Strides.Clone();
                var offset = start * strides[axis];
                strides[axis] *= step;
                using var place = y.View(new Layout(Layout.Dims, strides), offset);
                Backend.Copy(this, place);
            }

        return Tape.Watches(this)
            ? Tape.Record("slice_adjoint", y, [this], [], (_, g) => [g[0]!.Strided(axis, start, count, step)])
            : y;
    }

    /// <summary>One entry of an axis; the axis disappears. Negative indices count from the end.</summary>
    public Tensor Select(int axis, int index)
    {
        var a = NormalizeAxis("Select", axis);
        var n = Layout.Dims[a];
        var i = index < 0 ? index + n : index;
        if ((uint)i >= (uint)n) throw TensorException.For("Select", $"index {index} is outside axis {axis} of {n} entries", this);
        var entry = Strided(a, i, 1, 1);
        var y = entry.Squeeze(a);
        entry.EndViewOf(this);
        return y;
    }

    /// <summary>Ranges and indices from the first axis on: <c>x[.., 1..^1]</c>, <c>x[^1]</c>; missing axes are taken whole.</summary>
    [System.Runtime.CompilerServices.IndexerName("Entry")]
    public Tensor this[params ReadOnlySpan<TensorIndex> places]
    {
        get
        {
            if (places.Length > Rank)
                throw TensorException.For("index", $"{places.Length} places for {Rank} axes", this);
            var y = this;
            var axis = 0;
            foreach (var place in places)
            {
                // What lies before the axis is negative here, which Slice and Select would count from the end once more.
                var n = y.Layout.Dims[axis];
                int start = place.Start(n), stop = place.Stop(n);
                if (place.IsRange) y = y.Slice(axis++, Math.Max(start, 0), Math.Max(stop, 0), place.Step);
                else if (start >= 0) y = y.Select(axis, start);
                else throw TensorException.For("index", $"index {start - n} is outside axis {axis} of {n} entries", y);
            }

            return y;
        }
    }

    /// <summary>A view of a larger shape in which extents of 1 repeat (stride 0); new axes come first. -1 keeps an extent.</summary>
    public Tensor Expand(params ReadOnlySpan<int> shape)
    {
        var dims = shape.ToArray();
        if (dims.AsSpan().SequenceEqual(Layout.Dims)) return this;
        var extra = dims.Length - Rank;
        if (extra < 0) throw TensorException.For("Expand", $"cannot drop axes: target [{string.Join(", ", dims)}]", this);
        var strides = new long[dims.Length];
        for (var i = 0; i < dims.Length; i++)
        {
            var old = i < extra ? 1 : Layout.Dims[i - extra];
            if (dims[i] == -1 && i >= extra) dims[i] = old;
            if (dims[i] < 0) throw TensorException.For("Expand", $"the target [{string.Join(", ", dims)}] has an illegal extent", this);
            if (dims[i] == old) strides[i] = i < extra ? 0 : Layout.Strides[i - extra];
            else if (old != 1) throw TensorException.For("Expand", $"axis {i - extra} has {old} entries and cannot become {dims[i]} (target [{string.Join(", ", dims)}]): only 1 repeats", this);
        }

        var y = View(new Layout(Shape.Create(dims).Dims, strides), Offset);
        return Tape.Watches(this) ? Tape.Record("expand", y, [this], [], static (_, g) => [g[0]]) : y;
    }

    /// <summary>As <see cref="Expand"/>.</summary>
    public Tensor ExpandTo(Shape shape) => Expand(shape.Dims);

    /// <summary>Sums over the axes along which <paramref name="shape"/> would be broadcast to this tensor's shape: the adjoint
    /// of <see cref="Expand"/>.</summary>
    public Tensor SumTo(Shape shape)
    {
        if (Shape == shape) return this;
        var extra = Rank - shape.Rank;
        if (extra < 0) throw TensorException.For("SumTo", $"{shape} has more axes", this);
        Span<int> axes = stackalloc int[Shape.MaxRank];
        var n = 0;
        for (var i = 0; i < Rank; i++)
        {
            if (i < extra || (shape[i - extra] == 1 && Layout.Dims[i] != 1)) axes[n++] = i;
            else if (shape[i - extra] != Layout.Dims[i]) throw TensorException.For("SumTo", $"{shape} does not broadcast to it", this);
        }

        return Sum(axes[..n].ToArray(), keepdim: true).Reshape(shape.Dims);
    }

    /// <summary>Without the named axes, which must have extent 1; without arguments: without all such axes.</summary>
    public Tensor Squeeze(params ReadOnlySpan<int> axes)
    {
        Span<bool> drop = stackalloc bool[Shape.MaxRank];
        drop.Clear();
        if (axes.Length == 0)
            for (var i = 0; i < Rank; i++) drop[i] = Layout.Dims[i] == 1;
        foreach (var axis in axes)
        {
            var a = NormalizeAxis("Squeeze", axis);
            if (Layout.Dims[a] != 1) throw TensorException.For("Squeeze", $"axis {axis} has {Layout.Dims[a]} entries, not 1", this);
            drop[a] = true;
        }

        var left = Rank - drop.Count(true);
        var dims = new int[left];
        var strides = new long[left];
        for (int i = 0, at = 0; i < Rank; i++)
            if (!drop[i]) (dims[at], strides[at++]) = (Layout.Dims[i], Layout.Strides[i]);
        return WithUnitAxes(new Layout(dims, strides), "squeeze");
    }

    /// <summary>A new axis of extent 1 at <paramref name="axis"/> (negative: counted from the end of the result).</summary>
    public Tensor Unsqueeze(int axis)
    {
        var a = axis < 0 ? axis + Rank + 1 : axis;
        if ((uint)a > (uint)Rank) throw TensorException.For("Unsqueeze", $"axis {axis} is outside [{-Rank - 1}, {Rank}]", this);
        var dims = Layout.Dims.ToList();
        var strides = Layout.Strides.ToList();
        dims.Insert(a, 1);
        strides.Insert(a, 1);
        return WithUnitAxes(new Layout(Shape.Create(dims.ToArray()).Dims, [.. strides]), "unsqueeze");
    }

    private Tensor WithUnitAxes(Layout layout, string op)
    {
        if (layout.Rank == Rank) return this;
        var y = View(layout, Offset);
        if (!Tape.Watches(this)) return y;
        var old = Layout.Dims;
        return Tape.Record(op, y, [this], [], (_, g) => [g[0]!.Reshape(old)]);
    }

    /// <summary>Axes <paramref name="first"/> … <paramref name="last"/> merged into one.</summary>
    public Tensor Flatten(int first = 0, int last = -1)
    {
        if (Rank == 0) return Reshape(1);
        int a = NormalizeAxis("Flatten", first), b = NormalizeAxis("Flatten", last);
        if (a > b) throw TensorException.For("Flatten", $"axis {first} comes after axis {last}", this);
        long merged = 1;
        for (var i = a; i <= b; i++) merged *= Layout.Dims[i];
        if (merged > int.MaxValue) throw TensorException.For("Flatten", $"{merged} entries are more than one axis holds", this);
        return Reshape([.. Layout.Dims[..a], (int)merged, .. Layout.Dims[(b + 1)..]]);
    }

    /// <summary>One axis cut into two or more: the inverse of <see cref="Flatten"/>.</summary>
    public Tensor Unflatten(int axis, params ReadOnlySpan<int> extents)
    {
        var a = NormalizeAxis("Unflatten", axis);
        return Reshape([.. Layout.Dims[..a], .. extents, .. Layout.Dims[(a + 1)..]]);
    }

    /// <summary>Consecutive pieces of <paramref name="size"/> entries along an axis; the last may be shorter.</summary>
    public Tensor[] Split(int size, int axis = 0)
    {
        var a = NormalizeAxis("Split", axis);
        if (size < 1) throw TensorException.For("Split", $"pieces need at least one entry, got {size}", this);
        var n = Layout.Dims[a];
        var pieces = new Tensor[Math.Max(1, (n + size - 1) / size)];
        for (var i = 0; i < pieces.Length; i++) pieces[i] = Narrow(a, i * size, Math.Min(size, n - i * size));
        return pieces;
    }

    /// <summary>Consecutive pieces of the given lengths along an axis.</summary>
    public Tensor[] Split(ReadOnlySpan<int> sizes, int axis = 0)
    {
        var a = NormalizeAxis("Split", axis);
        long total = 0;
        foreach (var size in sizes) total = size < 0 ? long.MinValue : total + size;
        if (total != Layout.Dims[a])
        {
            throw TensorException.For(
                "Split", $"the lengths [{string.Join(", ", sizes.ToArray())}] must cover axis {axis} of {Layout.Dims[a]} entries", this);
        }

        var pieces = new Tensor[sizes.Length];
        for (int i = 0, start = 0; i < pieces.Length; start += sizes[i++]) pieces[i] = Narrow(a, start, sizes[i]);
        return pieces;
    }

    /// <summary>At most <paramref name="count"/> pieces of equal length (the last may be shorter) along an axis.</summary>
    public Tensor[] Chunk(int count, int axis = 0)
    {
        if (count < 1) throw TensorException.For("Chunk", $"needs at least one piece, got {count}", this);
        var n = Layout.Dims[NormalizeAxis("Chunk", axis)];
        return Split(Math.Max(1, (n + count - 1) / count), axis);
    }

    /// <summary>The entries of an axis, one tensor each.</summary>
    public Tensor[] Unbind(int axis = 0)
    {
        var entries = new Tensor[Layout.Dims[NormalizeAxis("Unbind", axis)]];
        for (var i = 0; i < entries.Length; i++) entries[i] = Select(axis, i);
        return entries;
    }
}
