using Edifice.Engine.Backends;
using FsCheck.Xunit;

namespace Edifice.Engine.Cuda.Tests;

public class GatedTests
{
    private static readonly double[] s_special =
        [0, -0.0, 1, -1, 1e-30, -1e-30, 30, -30, 100, -100, 1e30, -1e30, double.PositiveInfinity, double.NegativeInfinity, double.NaN];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1023)]
    [InlineData(1024)]
    [InlineData(1025)]
    public void Every_activation_gates_as_on_the_cpu_forward_and_backward(int n)
    {
        foreach (var activation in Enum.GetValues<Activation>())
            foreach (var type in KernelPair.Floats) Agree(activation, type, Operand.Normal(n, 3, n), 0);
    }

    [Property(MaxTest = 20)]
    public void Gates_of_random_numbers_are_the_cpus(ushort n, int seed) =>
        Agree((Activation)((uint)seed % 7), DType.Float32, Operand.Normal(seed, 4, n % 3000), (seed >> 4) & 3);

    [Fact]
    public void Gates_of_extreme_numbers_are_the_cpus()
    {
        foreach (var activation in Enum.GetValues<Activation>())
            foreach (var type in KernelPair.Floats) Agree(activation, type, Operand.Of(s_special, s_special.Length), 0);
    }

    private static void Agree(Activation activation, DType type, Operand gate, int offset)
    {
        var up = Operand.Normal(1, 1, gate.Dims);
        var g = Operand.Normal(2, 1, gate.Dims);
        KernelPair.Agree(type, 8, 0, [gate, up], [gate.Dims], (b, i, r) => b.Gated(activation, i[0]!, i[1]!, r[0]!), offset);
        KernelPair.Agree(type, 8, 1, [g, gate, up], [gate.Dims, gate.Dims],
            (b, i, r) => b.GatedVjp(activation, i[0]!, i[1]!, i[2]!, r[0]!, r[1]!), offset);
    }
}
