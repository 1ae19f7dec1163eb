using FsCheck.Xunit;

namespace Edifice.Engine.Cuda.Tests;

public class DepthwiseConvTests
{
    [Theory]
    [InlineData(2, 70, 70, 5, 4, 3)]
    [InlineData(1, 10, 12, 33, 3, 1)]
    [InlineData(2, 9, 3, 2, 7, -4)]
    [InlineData(1, 5, 9, 4, 2, 9)]
    [InlineData(1, 130, 131, 3, 5, 2)]
    [InlineData(2, 6, 6, 3, 1, 0)]
    [InlineData(1, 3, 4, 2, 9, 8)]
    [InlineData(0, 4, 4, 2, 3, 2)]
    [InlineData(1, 0, 4, 2, 3, 2)]
    [InlineData(1, 4, 0, 2, 3, 2)]
    [InlineData(1, 4, 4, 0, 3, 2)]
    public void Convolutions_of_any_shape_are_the_cpus_forward_and_backward(int batch, int length, int outputs, int channels, int taps, int left)
    {
        foreach (var type in KernelPair.Floats) Agree(type, batch, length, outputs, channels, taps, left, null, 5);
    }

    [Property(MaxTest = 20)]
    public void Random_convolutions_are_the_cpus(byte batch, byte length, byte outputs, byte channels, byte taps, sbyte left, int seed) =>
        Agree(DType.Float32, 1 + batch % 3, 1 + length % 80, 1 + outputs % 80, 1 + channels % 40, 1 + taps % 9, left % 20, null, seed);

    [Property(MaxTest = 20)]
    public void Taps_of_other_segments_are_left_out(byte batch, byte length, byte channels, byte taps, byte left, int seed)
    {
        int rows = 1 + batch % 3, k = 1 + taps % 6, inputs = k + length % 90, before = left % k;
        var segments = Operand.Whole(seed, DType.Int32, 3, rows, inputs);
        for (var r = 0; r < rows; r++) Array.Sort(segments.Values, r * inputs, inputs);
        Agree(DType.Float32, rows, inputs, inputs - (k - 1 - before), 1 + channels % 20, k, before, segments, seed);
    }

    [Fact]
    public void Segments_that_change_within_a_window_are_the_cpus()
    {
        var segments = Operand.Of([.. Enumerable.Range(0, 2 * 75).Select(i => (double)(i / 7))], 2, 75) with { Type = DType.Int32 };
        foreach (var type in KernelPair.Floats)
            foreach (var left in new[] { 1, 3 }) Agree(type, 2, 75, 75 - (3 - left), 5, 4, left, segments, 11);
    }

    [Fact]
    public void A_tap_that_is_left_out_does_not_count_even_with_an_infinite_weight()
    {
        var x = Operand.Normal(1, 1, 1, 6, 2);
        var weight = Operand.Normal(2, 1, 2, 3).With((0, double.PositiveInfinity), (3, double.NaN));
        foreach (var type in KernelPair.Floats)
            KernelPair.Agree(type, 0, 0, [x, weight], [[1, 2, 2]], (b, i, r) => b.DepthwiseConv(i[0]!, i[1]!, null, null, 2, r[0]!));
    }

    // A forward pass and dx add the same taps in the same order as the CPU; the sums over time meet in another tree.
    private static void Agree(
        DType type, int batch, int length, int outputs, int channels, int taps, int left, Operand? segments, int seed)
    {
        var x = Operand.Normal(seed, 1, batch, length, channels);
        var weight = Operand.Normal(seed + 1, 1, channels, taps);
        var bias = (seed & 1) != 0 ? Operand.Normal(seed + 2, 1, channels) : null;
        var g = Operand.Normal(seed + 3, 1, batch, outputs, channels);
        KernelPair.Agree(type, 0, 0, [x, weight, bias, segments], [g.Dims], (b, i, r) => b.DepthwiseConv(i[0]!, i[1]!, i[2], i[3], left, r[0]!));
        KernelPair.Agree(type, 0, 0, [g, x, weight, segments], [x.Dims], (b, i, r) => b.DepthwiseConvVjp(i[0]!, i[1]!, i[2]!, i[3], left, r[0], null, null));
        KernelPair.Agree(type, 8, 4 + Math.Sqrt(batch * outputs), [g, x, weight, segments], [weight.Dims, [channels]],
            (b, i, r) => b.DepthwiseConvVjp(i[0]!, i[1]!, i[2]!, i[3], left, null, r[0], r[1]));
    }
}
