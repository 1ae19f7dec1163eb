using System.Runtime.CompilerServices;
using FsCheck.Xunit;

namespace Edifice.Engine.Tests.Tensors;

public class ViewTests
{
    [Property(Arbitrary = [typeof(TensorGenerators)], MaxTest = 500)]
    public void A_tensor_case_builds_the_values_it_says(TensorCase x)
    {
        using var tensor = x.Build();

        Assert.Equal(x.Dims, tensor.Shape.AsSpan().ToArray());
        Assert.Equal(x.Values().Values, ReadByStrides(tensor));
    }

    [Property(Arbitrary = [typeof(TensorGenerators)], MaxTest = 500)]
    public void A_broadcast_case_builds_operands_that_expand_to_one_shape(BroadcastCase pair)
    {
        foreach (var operand in new[] { pair.A, pair.B })
        {
            using var expanded = operand.Build().Expand(pair.Dims);
            Assert.Equal(pair.Broadcast(operand).Values, ReadByStrides(expanded));
        }
    }

    [Property(Arbitrary = [typeof(ViewGenerators)], MaxTest = 3000)]
    public void Any_chain_of_views_reads_what_the_naive_model_reads(ViewChain chain)
    {
        var expected = chain.Start.Values();
        var actual = chain.Start.Build();
        foreach (var step in chain.Steps)
        {
            expected = step.Of(expected);
            actual = step.Of(actual);
            Assert.Equal(expected.Dims, actual.Shape.AsSpan().ToArray());
            Assert.Equal(expected.Values, ReadByStrides(actual));
        }
    }

    /// <summary>A view reads element e of its source at some places; the gradient of e is the sum of the cotangent there.</summary>
    [Property(Arbitrary = [typeof(ViewGenerators)], MaxTest = 1000)]
    public void The_gradient_of_a_chain_of_views_goes_back_to_the_elements_read(ViewChain chain, int seed)
    {
        var leaf = chain.Start.Build().RequiresGrad();
        var sources = chain.Steps.Aggregate(DenseArray.Iota(chain.Start.Dims), (x, step) => step.Of(x));
        var random = new Random(seed);
        var cotangent = DenseArray.Of(sources.Dims, _ => random.Next(-8, 9));
        var expected = new double[chain.Start.Shape.Count];
        foreach (var (source, g) in sources.Values.Zip(cotangent.Values)) expected[(int)source] += g;

        chain.Steps.Aggregate(leaf, (x, step) => step.Of(x)).Backward(cotangent.ToTensor());

        Assert.Equal(chain.Start.Dims, leaf.Grad!.Shape.AsSpan().ToArray());
        Assert.Equal(expected, DenseArray.Of(leaf.Grad).Values);
    }

    [Property(Arbitrary = [typeof(ViewGenerators)], MaxTest = 500)]
    public void Every_view_but_a_reshape_shares_the_storage(ViewChain chain)
    {
        var x = chain.Start.Build();
        foreach (var step in chain.Steps.Where(s => s.Kind is not (ViewKind.Merge or ViewKind.Cut or ViewKind.Flatten)))
        {
            var y = step.Of(x);
            Assert.Same(x.Storage, y.Storage);
            x = y;
        }
    }

    [Property(Arbitrary = [typeof(ViewGenerators)], MaxTest = 1000)]
    public void IsContiguous_says_whether_the_elements_lie_in_order(ViewChain chain)
    {
        var x = chain.Steps.Aggregate(chain.Start.Build(), (y, step) => step.Of(y));

        var inOrder = Addresses(x).Select((address, i) => address == x.Offset + i).All(same => same);

        Assert.Equal(inOrder, x.IsContiguous);
    }

    /// <summary>Strides for a shape exist exactly when the addresses in row-major order are linear in the new index; this
    /// decides it by looking at every address.</summary>
    [Property(Arbitrary = [typeof(ViewGenerators)], MaxTest = 2000)]
    public void A_reshape_copies_exactly_when_no_strides_could_do_it(ViewChain chain, int seed)
    {
        var x = chain.Steps.Aggregate(chain.Start.Build(), (y, step) => step.Of(y));
        if (x.Count == 0) return;
        var dims = Refactored(x.Count, new Random(seed));
        var addresses = Addresses(x).ToArray();
        var shaped = DenseArray.Iota(dims);
        var origin = new int[dims.Length];
        var steps = dims.Select((d, axis) =>
        {
            if (d == 1) return 0;
            var unit = (int[])origin.Clone();
            unit[axis] = 1;
            return addresses[(int)shaped[unit]] - addresses[0];
        }).ToArray();
        var linear = DenseArray.Indices(dims).Select((index, i) => addresses[i] == addresses[0] + index.Select((at, axis) => at * steps[axis]).Sum()).All(same => same);

        if (linear)
        {
            using var y = x.ViewAs(dims);
            Assert.Same(x.Storage, y.Storage);
            Assert.Equal(addresses, Addresses(y));
        }
        else
        {
            var error = Assert.Throws<TensorException>(() => x.ViewAs(dims));
            Assert.Contains("use Reshape", error.Message);
        }
    }

    [Theory]
    [InlineData(5, -8)]
    [InlineData(5, -6)]
    [InlineData(5, 5)]
    [InlineData(5, int.MinValue)]
    [InlineData(5, int.MaxValue)]
    [InlineData(0, 0)]
    [InlineData(0, -1)]
    public void An_index_outside_its_axis_is_an_error(int extent, int index)
    {
        using var x = Tensor.FromArray(new float[extent]);

        Assert.Throws<TensorException>(() => x[index]);
        Assert.Throws<TensorException>(() => x.Select(0, index));
    }

    [Fact]
    public void An_index_from_the_end_beyond_the_beginning_is_an_error() =>
        Assert.Throws<TensorException>(() => Tensor.FromArray(new float[5])[^8]);

    [Fact]
    public void A_view_of_a_view_outlives_what_it_was_made_from()
    {
        var x = Tensor.FromArray(Enumerable.Range(0, 50_000).Select(i => (double)i).ToArray());
        var view = x.Reshape(500, 100)[3];
        x.Dispose();

        Assert.Equal(DenseArray.Iota([500, 100]).Values[300..400], ReadByStrides(view));
        Assert.Throws<ObjectDisposedException>(() => x.Storage);
    }

    public static TheoryData<string, Func<Tensor, Tensor>> Refusals => new()
    {
        { "Reshape", x => x.Reshape(5) },
        { "Reshape", x => x.Reshape(-1, -1) },
        { "Reshape", x => x.Reshape(-1, 5) },
        { "Reshape", x => x.Reshape(-1, 0) },
        { "Reshape", x => x.Reshape(-2, -12) },
        { "Permute", x => x.Permute(0, 1) },
        { "Permute", x => x.Permute(0, 0, 1) },
        { "Permute", x => x.Permute(0, 1, 3) },
        { "Transpose", x => x.Transpose(0, 3) },
        { "Slice", x => x.Slice(0, step: 0) },
        { "Slice", x => x.Slice(3) },
        { "Narrow", x => x.Narrow(1, 2, 2) },
        { "Narrow", x => x.Narrow(1, -1, 1) },
        { "Narrow", x => x.Narrow(1, 0, -1) },
        { "Narrow", x => x.Narrow(1, int.MaxValue, int.MaxValue) },
        { "Select", x => x.Select(0, 2) },
        { "index", x => x[0, 0, 0, 0] },
        { "Expand", x => x.Expand(3, 4) },
        { "Expand", x => x.Expand(4, 3, 4) },
        { "Expand", x => x.Expand(-1, 2, 3, 4) },
        { "Squeeze", x => x.Squeeze(0) },
        { "Unsqueeze", x => x.Unsqueeze(4) },
        { "Unsqueeze", x => x.Unsqueeze(-5) },
        { "Flatten", x => x.Flatten(1, 0) },
        { "Split", x => x.Split(0)[0] },
        { "Split", x => x.Split([1, 2])[0] },
        { "Chunk", x => x.Chunk(0)[0] },
        { "Unbind", x => x.Unbind(3)[0] },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void A_view_that_cannot_be_names_the_op_and_the_operand(string op, Func<Tensor, Tensor> view)
    {
        using var x = DenseArray.Iota([2, 3, 4]).ToTensor();

        var error = Assert.Throws<TensorException>(() => view(x));

        Assert.StartsWith(op, error.Message);
        Assert.Contains("[2, 3, 4]", error.Message);
    }

    /// <summary>Element addresses in row-major order, by the strides alone.</summary>
    private static IEnumerable<long> Addresses(Tensor x)
    {
        var strides = x.Strides.ToArray();
        return DenseArray.Indices(x.Shape.AsSpan().ToArray()).Select(index => x.Offset + index.Select((at, axis) => at * strides[axis]).Sum());
    }

    private static double[] ReadByStrides(Tensor x) => [.. Addresses(x).Select(address =>
    {
        Assert.InRange((address + 1) * sizeof(double), sizeof(double), x.Storage.ByteLength);
        return Unsafe.Add(ref Unsafe.As<byte, double>(ref x.Storage.HostData), (nint)address);
    })];

    /// <summary>Random extents with a given product.</summary>
    private static int[] Refactored(long count, Random random)
    {
        var dims = new List<int>();
        var rest = (int)count;
        while (rest > 1 && dims.Count < Shape.MaxRank - 1)
        {
            var divisors = Enumerable.Range(1, rest).Where(d => rest % d == 0).ToArray();
            dims.Add(divisors[random.Next(divisors.Length)]);
            rest /= dims[^1];
        }

        dims.Add(rest);
        return [.. dims];
    }
}
