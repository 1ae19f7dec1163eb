using FsCheck.Xunit;

namespace Edifice.Engine.Cuda.Tests;

public class RgLruTests
{
    [Theory]
    [InlineData(2, 1, 5)]
    [InlineData(1, 3, 33)]
    [InlineData(2, 127, 3)]
    [InlineData(2, 128, 3)]
    [InlineData(1, 200, 5)]
    [InlineData(2, 0, 3)]
    [InlineData(0, 3, 3)]
    [InlineData(2, 3, 0)]
    public void Units_of_any_shape_are_the_cpus_forward_and_backward(int batch, int length, int width)
    {
        foreach (var type in KernelPair.Floats)
            for (var options = 0; options < 4; options++) Agree(type, batch, length, width, options, 3, 8);
    }

    [Property(MaxTest = 12)]
    public void Random_units_are_the_cpus(byte batch, ushort length, byte width, int seed) =>
        Agree(DType.Float32, 1 + batch % 3, 1 + length % 300, 1 + width % 12, seed & 3, seed, 8);

    [Fact]
    public void Near_a_factor_of_one_no_digit_of_the_root_is_lost_and_its_derivative_is_held()
    {
        foreach (var type in KernelPair.Floats)
            foreach (var rate in new[] { 0, 1e-12, 1e-6 }) Agree(type, 1, 150, 2, 1, 5, rate);
    }

    [Fact]
    public void A_reset_ends_what_was_infinite_before()
    {
        var x = Operand.Normal(1, 1, 1, 200, 1).With((10, double.PositiveInfinity));
        var gate = Operand.Normal(2, 1, x.Dims);
        var reset = (Operand.Of(new double[200], 1, 200) with { Type = DType.Bool }).With((90, 1), (150, 1));
        foreach (var type in KernelPair.Floats)
            KernelPair.Agree(type, 32, 1, [x, gate, gate, Operand.Of([0.1], 1), reset], [x.Dims],
                (k, i, r) => k.RgLru(i[0]!, i[1]!, i[2]!, i[3]!, i[4], null, r[0]!));
    }

    private static void Agree(DType type, int batch, int length, int width, int options, int seed, double rate)
    {
        bool hasState = (options & 1) != 0, resets = (options & 2) != 0;
        int[] dims = [batch, length, width];
        Operand x = Operand.Normal(seed, 1, dims), gateX = Operand.Normal(seed + 1, 1, dims), gateA = Operand.Normal(seed + 2, 2, dims);
        var rates = Operand.Uniform(seed + 3, 0, rate, width);
        var reset = resets ? Operand.Whole(seed + 4, DType.Bool, 40, batch, length) : null;
        if (reset is not null) for (var i = 0; i < reset.Values.Length; i++) reset.Values[i] = reset.Values[i] == 0 ? 1 : 0;
        var initial = hasState ? Operand.Normal(seed + 5, 1, batch, width) : null;
        KernelPair.Agree(type, 32, 1, [x, gateX, gateA, rates, reset, initial], [dims],
            (k, i, r) => k.RgLru(i[0]!, i[1]!, i[2]!, i[3]!, i[4], i[5], r[0]!));

        int[]? dinitial = hasState ? [batch, width] : null;
        Operand dh = Operand.Normal(seed + 6, 1, dims), h = Operand.Normal(seed + 7, 1, dims);
        KernelPair.Agree(type, 64, 4 + Math.Sqrt(batch * length), [dh, x, gateX, gateA, rates, reset, initial, h], [dims, dims, dims, [width], dinitial],
            (k, i, r) => k.RgLruVjp(i[0]!, i[1]!, i[2]!, i[3]!, i[4]!, i[5], i[6], i[7]!, r[0]!, r[1]!, r[2]!, r[3]!, r[4]));
    }
}
