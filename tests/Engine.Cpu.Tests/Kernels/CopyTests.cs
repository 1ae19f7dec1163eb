using Edifice.Engine.Backends;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class CopyTests
{
    private static readonly IBackend s_cpu = CpuBackend.Instance;

    private static readonly DType[] s_dtypes = Enum.GetValues<DType>();

    [Property(MaxTest = 600, Arbitrary = [typeof(TensorGenerators)])]
    public void A_copy_of_any_view_into_any_view_keeps_every_value_both_dtypes_hold(TensorCase view, TensorCase memory, byte from, byte to)
    {
        var place = ElementwiseTests.Other(view, memory);
        if (place.Steps.Contains(0)) return;
        DType source = s_dtypes[from % s_dtypes.Length], destination = s_dtypes[to % s_dtypes.Length];
        using Tensor x = CompareSelectTests.Numbers(view, source), y = CompareSelectTests.Numbers(place, destination);
        s_cpu.Copy(x, y);
        Assert.Equal(
            CompareSelectTests.Wide(x).Select(v => destination == DType.Bool ? v != 0 ? 1 : 0 : v),
            CompareSelectTests.Wide(y));
    }

    [Theory]
    [InlineData(3, 5)]
    [InlineData(64, 64)]
    [InlineData(130, 257)]
    [InlineData(1, 300)]
    [InlineData(700, 70)]
    public void A_transposed_copy_moves_every_element_of_every_size(int rows, int columns)
    {
        foreach (var dtype in s_dtypes)
        {
            using var numbers = Tensor.Arange(0, (double)2 * rows * columns, 1, DType.Float32);
            using var x = numbers.To(dtype).Reshape(2, rows, columns);
            using var y = Tensor.Allocate([columns, 2, rows], dtype, Device.Cpu);
            s_cpu.Copy(x.Permute(2, 0, 1), y);
            double[] before = CompareSelectTests.Wide(x), after = CompareSelectTests.Wide(y);
            for (var c = 0; c < columns; c++)
                for (var b = 0; b < 2; b++)
                    for (var r = 0; r < rows; r++) Assert.Equal(before[(b * rows + r) * columns + c], after[(c * 2 + b) * rows + r]);
        }
    }

    [Property(MaxTest = 200, Arbitrary = [typeof(TensorGenerators)])]
    public void Filling_a_view_writes_it_and_nothing_else(TensorCase view)
    {
        if (view.Steps.Contains(0)) return;
        using var y = view.Build(_ => -1L);
        s_cpu.Fill(y, 7.9);
        Assert.All(Elements.Of<long>(y), v => Assert.Equal(7, v));
        Assert.Equal(y.Count, Strided.Memory<long>(y).ToArray().Count(v => v == 7));
    }

    [Fact]
    public void Floats_become_bf16_by_rounding_to_nearest_even()
    {
        // Every 4,099th float against the nearest of its two neighbours found in double.
        const int Stride = 4_099, N = 1 << 20;
        var values = new float[N];
        for (var i = 0; i < N; i++) values[i] = BitConverter.UInt32BitsToSingle((uint)i * Stride);
        using Tensor x = Tensor.FromArray(values), y = Tensor.Allocate([N], DType.BFloat16, Device.Cpu);
        s_cpu.Copy(x, y);
        var bits = Elements.Of<ushort>(y);
        for (var i = 0; i < N; i++)
            Assert.True(Nearest(values[i]) is var wanted && (wanted == bits[i] || float.IsNaN(values[i]) && float.IsNaN(Single(bits[i]))),
                $"{values[i]:R} became {Single(bits[i]):R}");
    }

    [Fact]
    public void Doubles_and_long_integers_become_bf16_in_one_rounding()
    {
        // One and a half units past 1 less a trifle: by way of a float it would round to even, up.
        double[] values = [1 + 1.0 / 256 - 1e-12, 1 + 1.0 / 256 + 1e-12, 1 + 1.0 / 256, 1 + 3.0 / 256, 1e39, -1e39, 3.39e38, 5e-324, 1e-41, double.NaN];
        using Tensor x = Tensor.FromArray(values), y = Tensor.Allocate([values.Length], DType.BFloat16, Device.Cpu);
        s_cpu.Copy(x, y);
        for (var i = 0; i < values.Length; i++)
            Assert.True(Nearest(values[i]) == Elements.Of<ushort>(y)[i] || double.IsNaN(values[i]), $"{values[i]:R} became {Single(Elements.Of<ushort>(y)[i]):R}");
        Assert.True(float.IsNaN(Single(Elements.Of<ushort>(y)[^1])));

        // 2^62 (1 + 1/256) is a tie, one more or less is not, which no double tells.
        long tie = (1L << 62) + (1L << 54);
        using Tensor whole = Tensor.FromArray([tie - 1, tie, tie + 1, -tie - 1, 0L, 3L]), z = Tensor.Allocate([6], DType.BFloat16, Device.Cpu);
        s_cpu.Copy(whole, z);
        float even = 1L << 62, next = (1L << 62) + (1L << 55);
        Assert.Equal([even, even, next, -next, 0, 3], Array.ConvertAll(Elements.Of<ushort>(z), Single));
    }

    [Fact]
    public void Every_f16_and_bf16_number_survives_the_way_through_f32_and_f64()
    {
        foreach (var dtype in new[] { DType.Float16, DType.BFloat16 })
        {
            var all = new Half[65536];
            for (var i = 0; i < all.Length; i++) all[i] = BitConverter.UInt16BitsToHalf((ushort)i);
            using var bits = Tensor.FromArray(all);
            using var x = new Tensor(bits.Storage, bits.Layout, 0, dtype, retain: true);
            foreach (var wide in new[] { DType.Float32, DType.Float64 })
            {
                using Tensor y = Tensor.Allocate([65536], wide, Device.Cpu), back = Tensor.Allocate([65536], dtype, Device.Cpu);
                s_cpu.Copy(x, y);
                s_cpu.Copy(y, back);
                ushort[] before = Elements.Of<ushort>(x), after = Elements.Of<ushort>(back);
                double[] values = CompareSelectTests.Wide(x), widened = Elements.AsDouble(y);
                for (var i = 0; i < 65536; i++)
                {
                    Assert.True(values[i].Equals(widened[i]), $"{dtype} 0x{i:x4}");
                    Assert.True(before[i] == after[i] || double.IsNaN(values[i]) && double.IsNaN(CompareSelectTests.Wide(back)[i]), $"{dtype} 0x{i:x4}");
                }
            }
        }
    }

    [Fact]
    public void Doubles_become_f16_in_one_rounding()
    {
        double[] values = [1 + 1.0 / 2048 - 1e-12, 1 + 1.0 / 2048 + 1e-12, 65519.999, 65520, 5.9e-8, 2.98e-8, 2.99e-8, double.NegativeInfinity];
        using Tensor x = Tensor.FromArray(values), y = Tensor.Allocate([values.Length], DType.Float16, Device.Cpu);
        s_cpu.Copy(x, y);
        Assert.Equal(values.Select(v => (Half)v), Elements.Of<Half>(y));
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void Floats_become_integers_toward_zero_within_range_at_any_place(DType from)
    {
        double[] numbers = [1.9, -1.9, 0.5, -0.5, 1e30, -1e30, double.NaN, double.PositiveInfinity, double.NegativeInfinity, 2147483648, -2147483648, 3];
        var many = Enumerable.Range(0, 67).Select(i => numbers[i % numbers.Length]).ToArray();
        using var x = Tensor.FromArray(many).To(from);
        using Tensor y = Tensor.Allocate([67], DType.Int32, Device.Cpu), z = Tensor.Allocate([67], DType.Int64, Device.Cpu), b = Tensor.Allocate([67], DType.Bool, Device.Cpu);
        s_cpu.Copy(x, y);
        s_cpu.Copy(x, z);
        s_cpu.Copy(x, b);
        Assert.Equal(many.Select(v => double.IsNaN(v) ? 0 : (int)Math.Clamp(Math.Truncate(v), int.MinValue, int.MaxValue)), y.ToArray<int>());
        Assert.Equal(many.Select(v => double.IsNaN(v) ? 0 : v >= 9.3e18 ? long.MaxValue : v <= -9.3e18 ? long.MinValue : (long)v), z.ToArray<long>());
        Assert.Equal(many.Select(v => v != 0), b.ToArray<bool>());
    }

    private static float Single(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>The bf16 number nearest to a value, ties to the even one, by looking at the two around it.</summary>
    private static ushort Nearest(double x)
    {
        if (double.IsNaN(x)) return 0x7fc0;
        ushort sign = double.IsNegative(x) ? (ushort)0x8000 : (ushort)0;
        var a = Math.Abs(x);
        int low = 0, high = 0x7f80; // magnitudes as bit patterns, in order
        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            if (Single((ushort)middle) <= a) low = middle;
            else high = middle;
        }

        // One unit beyond the largest number stands for infinity.
        var above = high == 0x7f80 ? Math.ScaleB(1, 128) : Single((ushort)high);
        if (double.IsInfinity(a)) return (ushort)(sign | 0x7f80);
        double down = a - Single((ushort)low), up = above - a;
        return (ushort)(sign | (down < up || (down == up && (low & 1) == 0) ? low : high));
    }
}
