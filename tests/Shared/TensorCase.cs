using Edifice.Engine;
using FsCheck;
using FsCheck.Fluent;

namespace Edifice.Tests;

/// <summary>A tensor to be built: its shape, how it lies in memory, and the seed of its values.</summary>
/// <param name="Dims">The extents.</param>
/// <param name="Order">Which axis comes first in memory, which second …; the identity is row-major.</param>
/// <param name="Steps">Per axis: how far neighbours lie apart, in units of the axis's natural stride. 1 is dense, 2 leaves
/// gaps, -1 runs backwards, 0 repeats one entry along the axis.</param>
/// <param name="Before">Elements in memory before all of the tensor's.</param>
/// <param name="Seed">Seed of the values.</param>
public sealed record TensorCase(int[] Dims, int[] Order, int[] Steps, int Before, int Seed)
{
    /// <summary>A row-major case.</summary>
    public static TensorCase Dense(int[] dims, int seed) =>
        new(dims, [.. Enumerable.Range(0, dims.Length)], [.. dims.Select(_ => 1)], 0, seed);

    /// <summary>The shape.</summary>
    public Shape Shape => Dims;

    /// <summary>The number of elements.</summary>
    public long Count => Shape.Count;

    /// <summary>The tensor. The same values whatever the dtype: they are small multiples of 1/256, exact in every floating
    /// dtype but bf16, truncated in the integer ones.</summary>
    public Tensor Build(DType dtype = DType.Float64, Device? device = null) => Arrange(Tensor.FromArray(Memory(Exact)).To(dtype).To(device ?? Device.Cpu));

    /// <summary>The tensor over values of the caller's: one call per element in memory, gaps included.</summary>
    public Tensor Build<T>(Func<Random, T> value) where T : unmanaged => Arrange(Tensor.FromArray(Memory(value)));

    /// <summary>The values <see cref="Build(DType, Device?)"/> gives, found by address arithmetic rather than by views.</summary>
    public DenseArray Values()
    {
        var memory = Memory(Exact);
        var memoryDims = MemoryDims();
        return DenseArray.Of(Dims, index =>
        {
            long address = 0;
            for (var place = 0; place < Order.Length; place++)
            {
                var (axis, extent) = (Order[place], memoryDims[place]);
                var at = Steps[axis] switch
                {
                    0 => 0,
                    > 0 and var step => index[axis] * step,
                    var step => extent - 1 + index[axis] * step,
                };
                address = address * extent + at;
            }

            return memory[Before + address];
        });
    }

    /// <summary>The same tensor in simpler memory, then smaller ones.</summary>
    public IEnumerable<TensorCase> Shrink()
    {
        var dense = Dense(Dims, Seed);
        if (!Order.SequenceEqual(dense.Order)) yield return this with { Order = dense.Order };
        if (!Steps.SequenceEqual(dense.Steps)) yield return this with { Steps = dense.Steps };
        if (Before > 0) yield return this with { Before = 0 };
        for (var axis = 0; axis < Dims.Length; axis++)
        {
            if (Steps[axis] != 1) yield return this with { Steps = With(Steps, axis, 1) };
            yield return WithoutAxis(axis);
            foreach (var smaller in new[] { 1, Dims[axis] / 2, Dims[axis] - 1 })
                if (smaller >= 1 && smaller < Dims[axis]) yield return this with { Dims = With(Dims, axis, smaller) };
        }
    }

    /// <summary>The case without one axis.</summary>
    public TensorCase WithoutAxis(int axis) => this with
    {
        Dims = Without(Dims, axis),
        Steps = Without(Steps, axis),
        Order = [.. Order.Where(a => a != axis).Select(a => a > axis ? a - 1 : a)],
    };

    /// <inheritdoc/>
    public override string ToString() =>
        $"[{string.Join(", ", Dims)}] in order [{string.Join(", ", Order)}], steps [{string.Join(", ", Steps)}], {Before} before, seed {Seed}";

    private int[] MemoryDims() => [.. Order.Select(axis => Steps[axis] == 0 ? Math.Min(Dims[axis], 1) : Dims[axis] * Math.Abs(Steps[axis]))];

    private Tensor Arrange(Tensor memory)
    {
        var x = memory.Narrow(0, Before, memory.Size(0) - Before).Reshape(MemoryDims());
        for (var place = 0; place < Order.Length; place++)
            if (Steps[Order[place]] is not (0 or 1) and var step) x = x.Slice(place, step: step);
        var axisPlace = new int[Order.Length];
        for (var place = 0; place < Order.Length; place++) axisPlace[Order[place]] = place;
        return x.Permute(axisPlace).Expand(Dims);
    }

    private T[] Memory<T>(Func<Random, T> value)
    {
        var random = new Random(Seed);
        var memory = new T[Before + MemoryDims().Aggregate(1, (n, d) => n * d)];
        foreach (ref var element in memory.AsSpan()) element = value(random);
        return memory;
    }

    private static double Exact(Random random) => random.Next(-1024, 1025) / 256.0;

    private static int[] With(int[] items, int at, int value)
    {
        var changed = (int[])items.Clone();
        changed[at] = value;
        return changed;
    }

    private static int[] Without(int[] items, int at) => [.. items[..at], .. items[(at + 1)..]];
}

/// <summary>Two operands whose shapes broadcast, each with its own strides.</summary>
public sealed record BroadcastCase(TensorCase A, TensorCase B)
{
    /// <summary>The shape both broadcast to.</summary>
    public int[] Dims
    {
        get
        {
            var rank = Math.Max(A.Dims.Length, B.Dims.Length);
            return [.. Enumerable.Range(0, rank).Select(axis => Extent(A, axis, rank) is 1 ? Extent(B, axis, rank) : Extent(A, axis, rank))];
        }
    }

    /// <summary>One operand's values repeated to <see cref="Dims"/>.</summary>
    public DenseArray Broadcast(TensorCase operand)
    {
        var values = operand.Values();
        var dims = Dims;
        return values.Rearrange(dims, index =>
            [.. index[(dims.Length - values.Rank)..].Select((i, axis) => values.Dims[axis] == 1 ? 0 : i)]);
    }

    /// <summary>Simpler memory for either operand, then fewer and shorter axes for both.</summary>
    public IEnumerable<BroadcastCase> Shrink()
    {
        foreach (var a in A.Shrink().Where(a => a.Dims.SequenceEqual(A.Dims))) yield return this with { A = a };
        foreach (var b in B.Shrink().Where(b => b.Dims.SequenceEqual(B.Dims))) yield return this with { B = b };
        var rank = Math.Max(A.Dims.Length, B.Dims.Length);
        for (var axis = 0; axis < rank; axis++)
        {
            var (inA, inB) = (axis - rank + A.Dims.Length, axis - rank + B.Dims.Length);
            yield return new(inA < 0 ? A : A.WithoutAxis(inA), inB < 0 ? B : B.WithoutAxis(inB));
        }
    }

    private static int Extent(TensorCase x, int axis, int rank) => axis < rank - x.Dims.Length ? 1 : x.Dims[axis - rank + x.Dims.Length];
}

/// <summary>Generators of tensors, for <c>[Property(Arbitrary = [typeof(TensorGenerators)])]</c>.</summary>
public static class TensorGenerators
{
    /// <summary>Shapes alone.</summary>
    public static Arbitrary<Shape> Shapes() => ShapeGenerators.Shapes();

    /// <summary>Tensors with any strides: permuted, with gaps, reversed, repeated, offset.</summary>
    public static Arbitrary<TensorCase> Tensors() =>
        Arb.From(ShapeGenerators.OfRank(0, 5).SelectMany(s => Strided(s.AsSpan().ToArray())), x => x.Shrink());

    /// <summary>Pairs that broadcast.</summary>
    public static Arbitrary<BroadcastCase> Broadcasts() => Arb.From(
        from shape in ShapeGenerators.OfRank(0, 4)
        let dims = shape.AsSpan().ToArray()
        from a in Part(dims)
        from b in Part(dims)
        from x in Strided(a)
        from y in Strided(b)
        select new BroadcastCase(x, y),
        pair => pair.Shrink());

    /// <summary>Tensors of one shape, in any memory.</summary>
    public static Gen<TensorCase> Strided(int[] dims) =>
        from order in Gen.Shuffle(Enumerable.Range(0, dims.Length))
        from steps in Gen.ArrayOf(Gen.Frequency((6, Gen.Constant(1)), (1, Gen.Constant(0)), (1, Gen.Constant(2)), (1, Gen.Constant(-1)), (1, Gen.Constant(-2))), dims.Length)
        from rowMajor in Gen.Elements(true, false)
        from dense in Gen.Elements(true, false)
        from before in Gen.Frequency((2, Gen.Constant(0)), (1, Gen.Choose(1, 9)))
        from seed in Gen.Choose(0, int.MaxValue - 1)
        let plain = TensorCase.Dense(dims, seed)
        select plain with { Order = rowMajor ? plain.Order : order, Steps = dense ? plain.Steps : steps, Before = before };

    /// <summary>The shape of an operand that broadcasts to a shape: leading axes left out, some extents 1.</summary>
    private static Gen<int[]> Part(int[] dims) =>
        from skipped in Gen.Frequency((3, Gen.Constant(0)), (1, Gen.Choose(0, dims.Length)))
        from ones in Gen.ArrayOf(Gen.Frequency((3, Gen.Constant(false)), (1, Gen.Constant(true))), dims.Length)
        select dims.Select((d, axis) => ones[axis] ? 1 : d).Skip(skipped).ToArray();
}
