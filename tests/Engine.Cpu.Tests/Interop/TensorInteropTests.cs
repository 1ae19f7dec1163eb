using System.Numerics.Tensors;
using Edifice.Engine.Cpu.Interop;

namespace Edifice.Engine.Cpu.Tests.Interop;

public sealed class TensorInteropTests
{
    private static Tensor Numbers(params int[] shape) => Tensor.Arange(shape.Aggregate(1, (a, b) => a * b), DType.Float32).Reshape(shape);

    public static TheoryData<string> Views => ["rows", "transposed", "stepped", "inner"];

    private static Tensor View(string kind)
    {
        var x = Numbers(4, 6);
        return kind switch
        {
            "transposed" => x.Transpose(0, 1),
            "stepped" => x[.., 1..5].Transpose(0, 1)[1..3],
            "inner" => x[1..3, 2..5],
            _ => x,
        };
    }

    [Theory]
    [MemberData(nameof(Views))]
    public void A_span_of_a_view_shows_the_same_elements_in_the_same_memory(string kind)
    {
        using var x = View(kind);
        var span = x.AsTensorSpan<float>();
        Assert.Equal(x.Shape.AsSpan().ToArray().Select(n => (nint)n), span.Lengths.ToArray());
        var values = x.ToArray<float>();
        var flat = new float[values.Length];
        span.FlattenTo(flat);
        Assert.Equal(values, flat);
        span[1, 1] = -7;
        Assert.Equal(-7, x[1, 1].Item());
    }

    [Fact]
    public void An_axis_that_repeats_can_be_read_and_not_written()
    {
        using var x = Numbers(1, 3).Expand(2, 3);
        var flat = new float[6];
        x.AsReadOnlyTensorSpan<float>().FlattenTo(flat);
        Assert.Equal([0, 1, 2, 0, 1, 2], flat);
        Assert.Contains("repeats", Assert.Throws<TensorException>(() => { x.AsTensorSpan<float>(); }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_axis_that_runs_backwards_and_another_element_type_are_named()
    {
        using var x = Numbers(3).Flip(0);
        Assert.Contains("backwards", Assert.Throws<TensorException>(() => { x.AsReadOnlyTensorSpan<float>(); }).Message, StringComparison.Ordinal);
        Assert.Contains("Float32, not Float64", Assert.Throws<TensorException>(() => { x.AsReadOnlyTensorSpan<double>(); }).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new int[0])]
    [InlineData(new[] { 5 })]
    [InlineData(new[] { 2, 0, 3 })]
    [InlineData(new[] { 2, 1, 3 })]
    public void There_and_back_is_the_same_tensor(int[] shape)
    {
        using var x = Numbers(shape);
        using var back = x.ToNumerics<float>().ToEngine();
        Assert.Equal(x.ToArray<float>(), back.ToArray<float>());
        Assert.Equal(shape.Length == 0 ? [1] : shape, back.Shape.AsSpan().ToArray());
    }

    [Fact]
    public void A_numerics_view_is_copied_in_its_own_order()
    {
        var x = System.Numerics.Tensors.Tensor.Create([1f, 2, 3, 4, 5, 6], [2, 3]);
        using var y = new ReadOnlyTensorSpan<float>([1f, 2, 3, 4, 5, 6], [3, 2], [1, 3]).ToEngine();
        Assert.Equal([1, 4, 2, 5, 3, 6], y.ToArray<float>());
        using var z = x.ToEngine();
        Assert.Equal([1, 2, 3, 4, 5, 6], z.ToArray<float>());
    }

    [Fact]
    public void A_tensor_over_an_array_shares_it_and_takes_part_in_ops_and_gradients()
    {
        var array = Enumerable.Range(0, 6).Select(i => (float)i).ToArray();
        using var x = TensorInterop.FromMemory(array.AsMemory(), [2, 3]);
        array[4] = 40;
        Assert.Equal([0, 1, 2, 3, 40, 5], x.ToArray<float>());
        x.AsSpan<float>()[0] = -1;
        Assert.Equal(-1, array[0]);
        using var y = x.Transpose(0, 1);
        x.Dispose();
        GC.Collect();
        Assert.Equal([-1, 3, 1, 40, 2, 5], y.ToArray<float>());
        Assert.Contains("[2, 2]", Assert.Throws<TensorException>(() => TensorInterop.FromMemory(array.AsMemory(), [2, 2])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(4096)]
    public void Shared_memory_stays_after_its_tensor(int count)
    {
        var x = Numbers(count);
        using var shared = x.Share<float>();
        x.Dispose();
        GC.Collect();
        Assert.Equal(count - 1, shared.Memory.Span[^1]);
        using var pin = shared.Memory.Pin();
        shared.Memory.Span[0] = 3;
        unsafe
        {
            GC.Collect();
            Assert.Equal(3, *(float*)pin.Pointer);
        }
    }
}
