using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Edifice.Engine.Tests.Tensors;

/// <summary>Tensors that agree but along one axis.</summary>
public sealed record JoinCase(int Axis, TensorCase[] Parts)
{
    public override string ToString() => $"along {Axis}: {string.Join("; ", (object[])Parts)}";
}

public static class JoinGenerators
{
    public static Arbitrary<JoinCase> Joins() => Arb.From(
        from shape in ShapeGenerators.OfRank(1, 4)
        let dims = shape.AsSpan().ToArray()
        from axis in Gen.Choose(0, dims.Length - 1)
        from count in Gen.Choose(1, 4)
        from lengths in Gen.ArrayOf(Gen.Choose(0, 4), count)
        from parts in Gen.CollectToArray(lengths, n => TensorGenerators.Strided([.. dims[..axis], n, .. dims[(axis + 1)..]]))
        select new JoinCase(axis, parts),
        Shrink);

    private static IEnumerable<JoinCase> Shrink(JoinCase join)
    {
        for (var i = 0; i < join.Parts.Length && join.Parts.Length > 1; i++)
            yield return join with { Parts = [.. join.Parts[..i], .. join.Parts[(i + 1)..]] };
        for (var i = 0; i < join.Parts.Length; i++)
        {
            foreach (var simpler in join.Parts[i].Shrink().Where(p => p.Dims.SequenceEqual(join.Parts[i].Dims)))
                yield return join with { Parts = [.. join.Parts[..i], simpler, .. join.Parts[(i + 1)..]] };
        }

        for (var axis = 0; axis < join.Parts[0].Dims.Length; axis++)
        {
            if (axis == join.Axis) continue;
            yield return new(axis < join.Axis ? join.Axis - 1 : join.Axis, [.. join.Parts.Select(p => p.WithoutAxis(axis))]);
        }
    }
}

public class JoinTests
{
    [Property(Arbitrary = [typeof(JoinGenerators)], MaxTest = 500)]
    public void Cat_lays_the_parts_one_after_the_other(JoinCase join)
    {
        using var joined = Tensor.Cat([.. join.Parts.Select(p => p.Build())], join.Axis);

        var models = join.Parts.Select(p => p.Values()).ToArray();
        var entries = models.SelectMany((m, part) => Enumerable.Range(0, m.Dims[join.Axis]).Select(entry => (part, entry))).ToArray();
        int[] dims = (int[])models[0].Dims.Clone();
        dims[join.Axis] = entries.Length;
        var expected = DenseArray.Of(dims, index =>
        {
            var (part, entry) = entries[index[join.Axis]];
            return models[part][[.. index[..join.Axis], entry, .. index[(join.Axis + 1)..]]];
        });
        AssertSame(expected, joined);
    }

    [Property(Arbitrary = [typeof(JoinGenerators)])]
    public void Splitting_what_was_joined_gives_the_parts_back(JoinCase join)
    {
        using var joined = Tensor.Cat([.. join.Parts.Select(p => p.Build())], join.Axis - join.Parts[0].Dims.Length);

        var parts = joined.Split([.. join.Parts.Select(p => p.Dims[join.Axis])], join.Axis);

        Assert.Equal(join.Parts.Length, parts.Length);
        for (var i = 0; i < parts.Length; i++) AssertSame(join.Parts[i].Values(), parts[i]);
    }

    [Property(Arbitrary = [typeof(TensorGenerators)])]
    public void Unbinding_a_stack_gives_the_tensors_back(TensorCase x, byte count, byte place)
    {
        var n = 1 + count % 3;
        var axis = place % (x.Dims.Length + 1);
        var tensors = Enumerable.Range(0, n).Select(i => x with { Seed = x.Seed ^ i }).ToArray();

        using var stacked = Tensor.Stack([.. tensors.Select(t => t.Build())], axis);

        Assert.Equal([.. x.Dims[..axis], n, .. x.Dims[axis..]], stacked.Shape.AsSpan().ToArray());
        foreach (var (tensor, entry) in tensors.Zip(stacked.Unbind(axis))) AssertSame(tensor.Values(), entry);
    }

    [Property(Arbitrary = [typeof(TensorGenerators)])]
    public void Pad_surrounds_with_the_value(TensorCase x, byte[] borders)
    {
        var pads = borders.Take(2 * x.Dims.Length).Select(b => b % 4).Chunk(2).Where(p => p.Length == 2).Select(p => (Before: p[0], After: p[1])).ToArray();

        using var padded = x.Build().Pad(pads, -7.5);

        var model = x.Values();
        int[] dims = [.. model.Dims.Select((d, axis) => axis < pads.Length ? pads[axis].Before + d + pads[axis].After : d)];
        AssertSame(DenseArray.Of(dims, index =>
        {
            int[] inner = [.. index.Select((at, axis) => axis < pads.Length ? at - pads[axis].Before : at)];
            return inner.Zip(model.Dims).All(p => p.First >= 0 && p.First < p.Second) ? model[inner] : -7.5;
        }), padded);
    }

    [Property(Arbitrary = [typeof(TensorGenerators)])]
    public void Roll_moves_entries_around_the_end(TensorCase x, int shift, byte place)
    {
        if (x.Dims.Length == 0) return;
        var axis = place % x.Dims.Length;

        using var rolled = x.Build().Roll([shift], [axis]);

        var model = x.Values();
        AssertSame(model.Rearrange(model.Dims, index =>
        {
            var n = model.Dims[axis];
            return [.. index[..axis], (int)((((long)index[axis] - shift) % n + n) % n), .. index[(axis + 1)..]];
        }), rolled);
    }

    [Property(Arbitrary = [typeof(TensorGenerators)])]
    public void Contiguous_and_Clone_keep_the_values_and_pack_them(TensorCase x)
    {
        using var tensor = x.Build();
        using var packed = tensor.Contiguous();
        using var cloned = tensor.Clone();

        Assert.True(packed.IsContiguous);
        Assert.True(cloned.IsContiguous);
        Assert.Equal(tensor.IsContiguous, ReferenceEquals(tensor, packed));
        Assert.NotSame(tensor.Storage, cloned.Storage);
        AssertSame(x.Values(), packed);
        AssertSame(x.Values(), cloned);
    }

    public static TheoryData<string, Func<Tensor, Tensor, Tensor>> Refusals => new()
    {
        { "cat", (_, _) => Tensor.Cat([]) },
        { "cat", (x, y) => Tensor.Cat([x, y], 0) },
        { "cat", (x, _) => Tensor.Cat([x, x], 2) },
        { "cat", (x, _) => Tensor.Cat([x, x[0]], 0) },
        { "cat", (x, _) => Tensor.Cat([x, x.To(DType.Float32)], 0) },
        { "stack", (_, _) => Tensor.Stack([]) },
        { "stack", (x, y) => Tensor.Stack([x, y]) },
        { "pad", (x, _) => x.Pad([(1, 1), (1, 1), (1, 1)]) },
        { "pad", (x, _) => x.Pad([(-1, 0)]) },
        { "roll", (x, _) => x.Roll([1, 2], [0]) },
        { "roll", (x, _) => x.Roll([1], [2]) },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Tensors_that_do_not_fit_are_an_error_that_names_the_op(string op, Func<Tensor, Tensor, Tensor> join)
    {
        using var x = DenseArray.Iota([2, 3]).ToTensor();
        using var y = DenseArray.Iota([3, 2]).ToTensor();

        Assert.StartsWith(op, Assert.Throws<TensorException>(() => join(x, y)).Message);
    }

    private static void AssertSame(DenseArray expected, Tensor actual)
    {
        Assert.Equal(expected.Dims, actual.Shape.AsSpan().ToArray());
        Assert.Equal(expected.Values, DenseArray.Of(actual).Values);
    }
}
