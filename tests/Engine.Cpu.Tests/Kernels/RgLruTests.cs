using Edifice.Engine.Autograd;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public class RgLruTests
{
    /// <summary>Sizes around register widths and around a stretch of summed steps.</summary>
    private static (int Batch, int Length, int Width) Sizes(byte b, byte l, byte d) => (1 + b % 3, 1 + (l % 2 == 0 ? l % 20 : l), 1 + d % 70);

    [Property(MaxTest = 40)]
    public void The_fused_unit_equals_its_composition(byte b, byte l, byte d, bool reset, bool initial, int seed)
    {
        Compare(Sizes(b, l, d), DType.Float64, reset, initial, seed, 1e-12);
        Compare(Sizes(b, l, d), DType.Float32, reset, initial, seed, 2e-5);
    }

    private static void Compare((int Batch, int Length, int Width) size, DType dtype, bool reset, bool initial, int seed, double tolerance)
    {
        var (batch, length, width) = size;
        var random = new Generator((ulong)(uint)seed);
        Tensor Draw(params int[] shape) => Tensor.Randn(shape, dtype, generator: random).RequiresGrad();
        Tensor x = Draw(batch, length, width), gateX = Draw(batch, length, width), gateA = Draw(batch, length, width), a = Draw(width);
        var marks = reset ? Tensor.Rand([batch, length], generator: random) < 0.2 : null;
        var start = initial ? Draw(batch, width) : null;
        Tensor[] inputs = start is null ? [x, gateX, gateA, a] : [x, gateX, gateA, a, start];
        var g = Tensor.Randn([batch, length, width], dtype, generator: random);
        var fused = Tensor.RgLru(x, gateX, gateA, a, 8, marks, start).Output;
        var composed = Tensor.RgLruScan(gateX.Sigmoid() * x, gateA.Sigmoid() * (a.Softplus() * -8), marks, start).Output;
        Near(composed, fused, tolerance, "h");
        var (got, wanted) = (Gradients.Of([fused], inputs, [g]), Gradients.Of([composed], inputs, [g]));
        for (var i = 0; i < inputs.Length; i++) Near(wanted[i]!, got[i]!, tolerance, $"gradient {i}");
    }

    [Fact]
    public void A_decay_of_one_neither_forgets_nor_reads_and_its_root_has_a_bounded_derivative()
    {
        // σ(-200) is 0 in float: a = 1, m = 0.
        Tensor x = Tensor.Ones([1, 3, 5]).RequiresGrad(), gateX = Tensor.Zeros([1, 3, 5]), gateA = Tensor.Full([1, 3, 5], -200.0).RequiresGrad();
        Tensor start = Tensor.Full([1, 5], 7.0).RequiresGrad(), a = Tensor.Zeros([5]).RequiresGrad();
        var h = Tensor.RgLru(x, gateX, gateA, a, initialState: start).Output;
        Assert.All(h.ToArray<float>(), v => Assert.Equal(7, v));
        foreach (var gradient in Gradients.Of([h], [x, gateA, a, start], [Tensor.Ones([1, 3, 5])])) Assert.All(gradient!.ToArray<float>(), v => Assert.True(float.IsFinite(v)));
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance, string what)
    {
        double[] e = expected.Detach().To(DType.Float64).ToArray<double>(), r = actual.Detach().To(DType.Float64).ToArray<double>();
        var scale = Math.Max(1, e.Max(Math.Abs));
        for (var i = 0; i < e.Length; i++) Assert.True(Math.Abs(e[i] - r[i]) <= tolerance * scale, $"{what}[{i}]: {r[i]}, expected {e[i]}");
    }
}
