using FsCheck.Xunit;

namespace Edifice.Engine.Cuda.Tests;

public class LinearScanTests
{
    [Theory]
    [InlineData(2, 1, 5)]
    [InlineData(1, 3, 33)]
    [InlineData(2, 127, 3)]
    [InlineData(2, 128, 3)]
    [InlineData(1, 130, 40)]
    [InlineData(3, 513, 2)]
    [InlineData(1, 4100, 1)]
    [InlineData(2, 0, 3)]
    [InlineData(0, 3, 3)]
    [InlineData(2, 3, 0)]
    public void Scans_of_any_shape_are_the_cpus_forward_and_backward(int batch, int length, int width)
    {
        foreach (var type in KernelPair.Floats)
            for (var options = 0; options < 4; options++) Agree(type, Operand.Uniform(3, -1, 1, batch, length, width), options, 5);
    }

    [Property(MaxTest = 15)]
    public void Random_scans_are_the_cpus(byte batch, ushort length, byte width, int seed) =>
        Agree(DType.Float32, Operand.Uniform(seed, 0, 1, 1 + batch % 3, 1 + length % 400, 1 + width % 20), seed & 3, seed);

    [Fact]
    public void Factors_of_zero_begin_anew_even_after_infinity()
    {
        var a = Operand.Uniform(1, 0.5, 1, 1, 300, 2).With((400, 0), (250, 0));
        var b = Operand.Normal(2, 1, a.Dims).With((20, double.PositiveInfinity));
        foreach (var type in KernelPair.Floats)
            KernelPair.Agree(type, 16, 4, [a, b], [a.Dims], (k, i, r) => k.LinearScan(i[0]!, i[1]!, null, false, r[0]!));
    }

    [Fact]
    public void Products_of_factors_beyond_the_range_do_not_spoil_states_within_it()
    {
        // 10^-2 a step, from 10^30: the product of a chunk's factors is 0 in float, the state is not.
        // 10 a step, from 0 and from 10^-37: it is infinite, the state is not.
        foreach (var (factor, start, first) in new[] { (0.01, 1e30, 50), (10.0, 0.0, 0), (2.0, 1e-37, 60) })
        {
            var length = 192;
            var a = Operand.Uniform(1, factor, factor, 1, length, 2);
            var b = Operand.Uniform(1, 0, 0, 1, length, 2).With((2 * first, start), (2 * first + 1, start));
            KernelPair.Agree(DType.Float32, 300, 0, [a, b], [a.Dims], (k, i, r) => k.LinearScan(i[0]!, i[1]!, null, false, r[0]!));
        }
    }

    [Fact]
    public void Chunks_whose_factors_leave_the_range_together_are_run_through_step_by_step()
    {
        // Chunks of 64 steps grow and fade in turn by more than the range; the last, of 11, fades faster. Addends are as large as the
        // state at their step.
        const int batch = 2, length = 203, width = 3;
        foreach (var (type, growth, fading, fast, low, high) in new[] { (DType.Float32, 4.3, 0.23, 1e-4, 1e-10, 1e30), (DType.Float64, 1e5, 1e-5, 1e-30, 1e-20, 1e300) })
        {
            var a = Operand.Uniform(1, 0.98, 1.02, batch, length, width);
            for (var i = 0; i < a.Values.Length; i++)
            {
                var t = i / width % length;
                a.Values[i] *= t >= 192 ? fast : t / 64 % 2 == 0 ? growth : fading;
            }

            Operand initialLow = Operand.Uniform(2, low, 2 * low, batch, width), initialHigh = Operand.Uniform(3, high / 20, high / 10, batch, width);
            var forward = Addends(a, low, reverse: false, shift: 0);
            var backward = Addends(a, high / 20, reverse: true, shift: 0);
            var shifted = Addends(a, high / 20, reverse: true, shift: 1);
            KernelPair.Agree(type, 16, 0, [a, forward, initialLow], [a.Dims], (k, i, r) => k.LinearScan(i[0]!, i[1]!, i[2], false, r[0]!));
            KernelPair.Agree(type, 16, 0, [a, backward, initialHigh], [a.Dims], (k, i, r) => k.LinearScan(i[0]!, i[1]!, i[2], true, r[0]!));
            KernelPair.Agree(type, 16, 0, [shifted, initialHigh, a, Operand.Uniform(5, 0.1, 0.2, a.Dims), null], [a.Dims, a.Dims, initialHigh.Dims],
                (k, i, r) => k.LinearScanVjp(i[0]!, i[1], i[2]!, i[3]!, i[4], r[0]!, r[1]!, r[2]));
        }
    }

    private static Operand Addends(Operand a, double state, bool reverse, int shift)
    {
        int length = a.Dims[1], width = a.Dims[2];
        var b = Operand.Uniform(7, 0.1, 0.5, a.Dims);
        for (var line = 0; line < a.Dims[0] * width; line++)
        {
            var size = state;
            for (var step = 0; step < length; step++)
            {
                var t = reverse ? length - 1 - step : step;
                var at = line / width * length * width + line % width;
                if (t + shift < length) size *= a.Values[at + (t + shift) * width];
                b.Values[at + t * width] *= size;
            }
        }

        return b;
    }

    // One fused operation a step as on the CPU; where time is cut, the state before a chunk is formed from the chunks' factors.
    private static void Agree(DType type, Operand a, int options, int seed)
    {
        int batch = a.Dims[0], length = a.Dims[1], width = a.Dims[2];
        bool hasStates = (options & 1) != 0, reverse = (options & 2) != 0;
        var b = Operand.Normal(seed, 1, a.Dims);
        var initial = hasStates ? Operand.Normal(seed + 1, 1, batch, width) : null;
        var roundings = length < 128 ? 0 : 16;
        KernelPair.Agree(type, roundings, 8, [a, b, initial], [a.Dims], (k, i, r) => k.LinearScan(i[0]!, i[1]!, i[2], reverse, r[0]!));
        if (reverse) return;
        var dfinal = hasStates ? Operand.Normal(seed + 2, 1, batch, width) : null;
        int[]? dinitial = hasStates ? [batch, width] : null;
        KernelPair.Agree(type, roundings, 16, [b, dfinal, a, Operand.Normal(seed + 3, 1, a.Dims), initial], [a.Dims, a.Dims, dinitial],
            (k, i, r) => k.LinearScanVjp(i[0]!, i[1], i[2]!, i[3]!, i[4], r[0]!, r[1]!, r[2]));
    }
}
