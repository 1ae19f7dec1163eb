using Edifice.Engine.Backends;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class RandomTests
{
    private static readonly CpuBackend s_cpu = CpuBackend.Instance;

    private static Tensor Draw(RandomKernel kernel, int count, ulong seed, ulong offset, double p0 = 0, double p1 = 1, DType dtype = DType.Float64)
    {
        var y = Tensor.Allocate([count], dtype, Device.Cpu);
        s_cpu.Random(kernel, seed, offset, p0, p1, y);
        return y;
    }

    [Property]
    public bool Uniform_numbers_are_those_of_the_definition_at_any_seed_and_offset(ulong seed, ulong offset, ushort count)
    {
        var n = 1 + count % 2000;
        var wide = Elements.Of<double>(Draw(RandomKernel.Uniform, n, seed, offset));
        var single = Elements.Of<float>(Draw(RandomKernel.Uniform, n, seed, offset, dtype: DType.Float32));
        return Enumerable.Range(0, n).All(i =>
            wide[i] == Philox.Uniform(seed, offset + (ulong)i) && single[i] == Philox.UniformSingle(seed, offset + (ulong)i));
    }

    [Property]
    public bool Normal_numbers_are_those_of_the_definition_at_any_seed_and_offset(ulong seed, uint offset, ushort count)
    {
        var n = 1 + count % 2000;
        var wide = Elements.Of<double>(Draw(RandomKernel.Normal, n, seed, offset, 1, 2));
        var single = Elements.Of<float>(Draw(RandomKernel.Normal, n, seed, offset, 1, 2, DType.Float32));
        return Enumerable.Range(0, n).All(i =>
        {
            var element = offset + (ulong)i;
            var (even, odd) = Philox.NormalPair(seed, element >> 1);
            var z = (element & 1) == 0 ? even : odd;
            return Math.Abs(wide[i] - (1 + 2 * z)) <= 1e-14 && Math.Abs(single[i] - (1 + 2 * z)) <= 1e-6;
        });
    }

    [Property]
    public bool A_range_drawn_in_pieces_is_the_range_drawn_at_once(ulong seed, uint offset, ushort first, ushort second, bool normal)
    {
        var kernel = normal ? RandomKernel.Normal : RandomKernel.Uniform;
        int a = first % 900, b = second % 900;
        var whole = Elements.Of<float>(Draw(kernel, a + b, seed, offset, dtype: DType.Float32));
        var head = Elements.Of<float>(Draw(kernel, a, seed, offset, dtype: DType.Float32));
        var tail = Elements.Of<float>(Draw(kernel, b, seed, offset + (ulong)a, dtype: DType.Float32));
        return whole.SequenceEqual(head.Concat(tail));
    }

    [Fact]
    public void Uniform_numbers_stay_below_the_upper_bound_after_rounding()
    {
        // 1 + 2^-24 u rounds to 1 or to the next float: here every result must be below the bound.
        foreach (var (low, high) in new[] { (1.0, 1.0000001), (16_777_216.0, 16_777_218.0), (-1.0, 1e-30), (0.0, 1.0) })
            Assert.All(Elements.Of<float>(Draw(RandomKernel.Uniform, 4000, 3, 0, low, high, DType.Float32)),
                v => Assert.True(v >= (float)low && v < high, $"{v:R} is outside [{low:R}, {high:R})"));
    }

    [Fact]
    public void Moments_of_a_million_numbers_are_those_of_the_distribution()
    {
        const int N = 1_000_000;
        var uniform = Elements.Of<float>(Draw(RandomKernel.Uniform, N, 11, 0, dtype: DType.Float32)).Select(v => (double)v).ToArray();
        Assert.Equal(0.5, uniform.Average(), 5 * Math.Sqrt(1.0 / 12 / N));
        var normal = Elements.Of<float>(Draw(RandomKernel.Normal, N, 11, 0, dtype: DType.Float32)).Select(v => (double)v).ToArray();
        Assert.Equal(0, normal.Average(), 5 / Math.Sqrt(N));
        Assert.Equal(1, normal.Average(v => v * v), 5 * Math.Sqrt(2.0 / N));
        Assert.Equal(3, normal.Average(v => v * v * v * v), 5 * Math.Sqrt(96.0 / N));
    }

    [Property]
    public bool Dropout_keeps_what_the_uniform_number_says_and_scales_it(ulong seed, uint offset, ushort count, byte tenth)
    {
        var n = 1 + count % 2000;
        var p = tenth % 10 * 0.1;
        var random = new Random(count);
        var values = Enumerable.Range(0, n).Select(_ => random.NextSingle() - 0.5f).ToArray();
        values[0] = float.NaN;
        Tensor x = Tensor.FromArray(values), y = Tensor.Allocate([n], DType.Float32, Device.Cpu);
        s_cpu.Dropout(x, p, seed, offset, y);
        Tensor wide = Tensor.FromArray(Array.ConvertAll(values, v => (double)v)), wideY = Tensor.Allocate([n], DType.Float64, Device.Cpu);
        s_cpu.Dropout(wide, p, seed, offset, wideY);
        float[] found = Elements.Of<float>(y);
        var foundWide = Elements.Of<double>(wideY);
        return Enumerable.Range(0, n).All(i => Philox.Uniform(seed, offset + (ulong)i) >= p
            ? found[i].Equals(values[i] * (float)(1 / (1 - p))) && foundWide[i].Equals(values[i] * (1 / (1 - p)))
            : found[i] == 0 && foundWide[i] == 0);
    }

    [Fact]
    public void Dropout_of_everything_is_zero_even_of_infinities()
    {
        Tensor x = Tensor.FromArray(new[] { float.NaN, float.PositiveInfinity, 1 }), y = Tensor.Allocate([3], DType.Float32, Device.Cpu);
        s_cpu.Dropout(x, 1, 5, 0, y);
        Assert.Equal([0f, 0, 0], Elements.Of<float>(y));
    }
}
