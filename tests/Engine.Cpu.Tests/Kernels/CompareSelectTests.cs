using Edifice.Engine.Backends;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class CompareSelectTests
{
    private static readonly IBackend s_cpu = CpuBackend.Instance;

    private static readonly DType[] s_dtypes = Enum.GetValues<DType>();

    [Property(MaxTest = 400, Arbitrary = [typeof(ViewCases)])]
    public void Every_comparison_of_two_views_is_that_of_each_pair(ViewCase a, ViewCase memory, CompareKernel kernel, byte type)
    {
        var dtype = s_dtypes[type % s_dtypes.Length];
        using Tensor x = Numbers(a, dtype), z = Numbers(ElementwiseTests.Other(a, memory), dtype);
        using var y = Tensor.Allocate(x.Shape, DType.Bool, Device.Cpu);
        s_cpu.Compare(kernel, x, z, y);
        Assert.Equal(Wide(x).Zip(Wide(z), (p, q) => ElementwiseModel.Compare(kernel, p, q)), Elements.Of<bool>(y));
    }

    [Property(MaxTest = 400, Arbitrary = [typeof(ViewCases)])]
    public void A_comparison_with_a_number_takes_the_number_as_it_is(ViewCase view, CompareKernel kernel, byte type, byte which)
    {
        double[] numbers = [0, 1, -1, 2, 0.5, -0.5, 1.5, 255, 256, -1e-3, 1e30, -1e30, double.NaN, double.PositiveInfinity, double.NegativeInfinity, 2147483648];
        var s = numbers[which % numbers.Length];
        var dtype = s_dtypes[type % s_dtypes.Length];
        using var x = Numbers(view, dtype);
        using var y = Tensor.Allocate(x.Shape, DType.Bool, Device.Cpu);
        s_cpu.CompareScalar(kernel, x, s, y);
        // A float operand is compared with s rounded to its type; that moves none of these past an element.
        Assert.Equal(Wide(x).Select(p => ElementwiseModel.Compare(kernel, p, s)), Elements.Of<bool>(y));
    }

    [Fact]
    public void Integers_at_the_ends_of_their_range_compare_exactly()
    {
        using Tensor x = Tensor.FromArray([long.MaxValue, long.MinValue, long.MaxValue - 1]), y = Tensor.Full([3], 0, DType.Bool);
        s_cpu.CompareScalar(CompareKernel.Less, x, 9223372036854775808.0, y); // 2^63
        Assert.Equal([true, true, true], y.ToArray<bool>());
        s_cpu.CompareScalar(CompareKernel.LessEqual, x, -9223372036854775808.0, y);
        Assert.Equal([false, true, false], y.ToArray<bool>());
    }

    [Fact]
    public void NaN_is_unequal_to_itself_and_neither_less_nor_greater()
    {
        using Tensor x = Tensor.Full([19], double.NaN), y = Tensor.Full([19], 0, DType.Bool);
        foreach (var kernel in Enum.GetValues<CompareKernel>())
        {
            s_cpu.Compare(kernel, x, x, y);
            Assert.All(y.ToArray<bool>(), b => Assert.Equal(kernel == CompareKernel.NotEqual, b));
        }
    }

    [Property(MaxTest = 400, Arbitrary = [typeof(ViewCases)])]
    public void A_selection_takes_the_bits_of_one_side(ViewCase a, ViewCase memory, ViewCase mask, byte type)
    {
        var dtype = s_dtypes[type % s_dtypes.Length];
        using Tensor x = Numbers(a, dtype), z = Numbers(ElementwiseTests.Other(a, memory), dtype);
        using var c = ElementwiseTests.Other(a, mask).Build(random => random.Next(2) == 0);
        using var y = Tensor.Allocate(x.Shape, dtype, Device.Cpu);
        s_cpu.Select(c, x, z, y);
        double[] u = Wide(x), v = Wide(z);
        Assert.Equal(Elements.Of<bool>(c).Select((taken, i) => taken ? u[i] : v[i]), Wide(y));
    }

    [Fact]
    public void The_side_not_taken_never_reaches_the_result()
    {
        using Tensor c = Tensor.FromArray([true, false, true, false, true]), a = Tensor.FromArray([1f, float.NaN, 2f, float.PositiveInfinity, -0f]);
        using Tensor b = Tensor.FromArray([float.NaN, 3f, float.NegativeInfinity, 4f, float.NaN]), y = Tensor.Full([5], 0);
        s_cpu.Select(c, a, b, y);
        Assert.Equal([1f, 3f, 2f, 4f, -0f], y.ToArray<float>());
        Assert.True(float.IsNegative(y.ToArray<float>()[4]));
    }

    /// <summary>Small integers in any dtype, truth values among them.</summary>
    internal static Tensor Numbers(ViewCase view, DType dtype) => dtype switch
    {
        DType.Float32 => view.Build(random => (float)random.Next(-3, 4)),
        DType.Float64 => view.Build(random => (double)random.Next(-3, 4)),
        DType.Int32 => view.Build(random => random.Next(-3, 4)),
        DType.Int64 => view.Build(random => (long)random.Next(-3, 4)),
        DType.Float16 => view.Build(random => (Half)random.Next(-3, 4)),
        DType.Bool => view.Build(random => random.Next(2) == 0),
        _ => BFloat16(view),
    };

    // bf16 has no .NET type: the view of a Half tensor's memory under the other dtype.
    private static Tensor BFloat16(ViewCase view)
    {
        using var bits = view.Build(random => BitConverter.UInt16BitsToHalf((ushort)(BitConverter.SingleToUInt32Bits(random.Next(-3, 4)) >> 16)));
        return new Tensor(bits.Storage, bits.Layout, bits.Offset, DType.BFloat16, retain: true);
    }

    internal static double[] Wide(Tensor x) => x.DType switch
    {
        DType.Float16 => Array.ConvertAll(Elements.Of<Half>(x), h => (double)h),
        DType.BFloat16 => Array.ConvertAll(Elements.Of<ushort>(x), b => (double)BitConverter.UInt32BitsToSingle((uint)b << 16)),
        _ => Elements.AsDouble(x),
    };
}
