using FsCheck.Xunit;

namespace Edifice.Engine.Cuda.Tests;

public class TokenShiftTests
{
    [Theory]
    [InlineData(2, 65, 8, 1)]
    [InlineData(1, 1, 33, 6)]
    [InlineData(3, 64, 5, 2)]
    [InlineData(1, 130, 12, 3)]
    [InlineData(2, 0, 4, 2)]
    [InlineData(0, 3, 4, 2)]
    [InlineData(2, 3, 0, 2)]
    public void Token_shifts_of_any_shape_are_the_cpus_forward_and_backward(int batch, int length, int width, int mixes)
    {
        foreach (var type in KernelPair.Floats)
            foreach (var initial in new[] { false, true }) Agree(type, batch, length, width, mixes, initial, 7, 0);
    }

    [Property(MaxTest = 20)]
    public void Random_token_shifts_are_the_cpus(byte batch, byte length, byte width, byte mixes, int seed) =>
        Agree(DType.Float32, 1 + batch % 3, 1 + length % 140, 1 + width % 40, 1 + mixes % 6, (seed & 1) != 0, seed, (seed >> 1) & 3);

    private static void Agree(DType type, int batch, int length, int width, int mixes, bool initial, int seed, int offset)
    {
        var x = Operand.Normal(seed, 1, batch, length, width);
        var mix = Operand.Uniform(seed + 1, 0, 1, mixes, width);
        var state = initial ? Operand.Normal(seed + 2, 1, batch, width) : null;
        var dy = Operand.Normal(seed + 3, 1, mixes, batch, length, width);
        KernelPair.Agree(type, 0, 0, [x, mix, state], [dy.Dims], (b, i, r) => b.TokenShift(i[0]!, i[1]!, i[2], r[0]!), offset);
        if (length == 0) return;
        int[]? dstate = initial ? [batch, width] : null;
        KernelPair.Agree(type, 8, 4 + Math.Sqrt(batch * length), [dy, x, mix, state], [x.Dims, mix.Dims, dstate],
            (b, i, r) => b.TokenShiftVjp(i[0]!, i[1]!, i[2]!, i[3], r[0]!, r[1]!, r[2]), offset);
    }
}
