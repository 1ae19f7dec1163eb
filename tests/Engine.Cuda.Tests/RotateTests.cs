using FsCheck.Xunit;

namespace Edifice.Engine.Cuda.Tests;

public class RotateTests
{
    [Theory]
    [InlineData(2, 5, 3, 16, 8)]
    [InlineData(1, 3, 2, 16, 4)]
    [InlineData(2, 2, 1, 7, 3)]
    [InlineData(1, 4, 5, 10, 5)]
    [InlineData(3, 1, 2, 5, 0)]
    [InlineData(2, 130, 2, 12, 4)]
    [InlineData(0, 4, 2, 8, 4)]
    [InlineData(2, 0, 2, 8, 4)]
    public void Rotations_of_any_shape_are_the_cpus(int batch, int length, int heads, int width, int pairs)
    {
        foreach (var type in KernelPair.Floats)
            for (var options = 0; options < 8; options++) Agree(type, batch, length, heads, width, pairs, options, 3, 0);
    }

    [Property(MaxTest = 25)]
    public void Rotations_of_random_shapes_are_the_cpus(byte batch, byte length, byte heads, byte width, byte pairs, int seed) =>
        Agree(DType.Float32, 1 + batch % 3, 1 + length % 40, 1 + heads % 4, width % 40, pairs % (width % 40 / 2 + 1), seed & 7, seed, (seed >> 3) & 3);

    private static void Agree(DType type, int batch, int length, int heads, int width, int pairs, int options, int seed, int offset)
    {
        var positions = (options & 4) != 0 ? batch : 1;
        var angles = Operand.Normal(seed, 3, positions, length, pairs);
        var cos = Operand.Of([.. angles.Values.Select(Math.Cos)], angles.Dims);
        var sin = Operand.Of([.. angles.Values.Select(Math.Sin)], angles.Dims);
        var x = Operand.Normal(seed + 1, 1, batch, length, heads, width);
        // The same two operations on either side: not a bit of difference.
        KernelPair.Agree(type, 0, 0, [x, cos, sin], [x.Dims],
            (b, i, r) => b.Rotate(i[0]!, i[1]!, i[2]!, (options & 1) != 0, (options & 2) != 0, r[0]!), offset);
    }
}
