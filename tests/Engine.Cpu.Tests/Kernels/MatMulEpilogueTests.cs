using System.Numerics;
using Edifice.Engine.Backends;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class MatMulEpilogueTests
{
    [Property(Arbitrary = [typeof(MatMulCases)], MaxTest = 150)]
    public void A_bias_and_an_activation_give_what_they_give_after_the_product_in_double(MatMulCase c, byte activation) =>
        Compare<double>(c, (Activation)(activation % 7), 1e-14);

    [Property(Arbitrary = [typeof(MatMulCases)], MaxTest = 150)]
    public void A_bias_and_an_activation_give_what_they_give_after_the_product_in_float(MatMulCase c, byte activation) =>
        Compare<float>(c, (Activation)(activation % 7), 1e-6);

    private static void Compare<T>(MatMulCase c, Activation activation, double tolerance) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var random = new Random(c.Seed);
        var a = Strided.Random<T>(random, [.. c.Batch, c.M, c.K]);
        var b = Strided.Random<T>(random, [.. c.Batch, c.K, c.N]);
        var bias = random.Next(4) == 0 ? null : Strided.Contiguous<T>(random, c.N);
        var y = Strided.Random<T>(random, [.. c.Batch, c.M, c.N], unitLast: true, written: true);
        var kept = random.Next(2) == 0 ? null : Strided.Empty<T>([.. c.Batch, c.M, c.N]);
        // In the same layout: which order a sum has may depend on it.
        var product = Strided.Twin<T>(y);
        CpuBackend.Instance.MatMul(a, b, product, default);

        CpuBackend.Instance.MatMul(a, b, y, new Epilogue(bias, activation, kept));

        foreach (var index in Strided.Indices(y.Layout.Dims))
        {
            var x = Strided.At<T>(product, index);
            if (bias is not null) x += Strided.At<T>(bias, index[^1]);
            if (kept is not null) Assert.Equal(Strided.Bits(x), Strided.Bits(Strided.At<T>(kept, index)));
            var argument = double.CreateChecked(x);
            var wanted = Apply(activation, argument);
            var error = tolerance * Math.Max(1, Math.Abs(argument));
            Assert.InRange(double.CreateChecked(Strided.At<T>(y, index)), wanted - error, wanted + error);
        }
    }

    private static double Apply(Activation activation, double x) => activation switch
    {
        Activation.None => x,
        Activation.Relu => Math.Max(x, 0),
        Activation.Gelu => x * NormalDistributionFunction(x),
        Activation.GeluTanh => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
        Activation.Silu => x / (1 + Math.Exp(-x)),
        Activation.Sigmoid => 1 / (1 + Math.Exp(-x)),
        Activation.Tanh => Math.Tanh(x),
        _ => throw new ArgumentOutOfRangeException(nameof(activation)),
    };

    /// <summary>Φ by its series around 0, whose terms have one sign; absolute error a few ulp of 1.</summary>
    private static double NormalDistributionFunction(double x)
    {
        if (Math.Abs(x) > 20) return x < 0 ? 0 : 1;
        double term = x, sum = x;
        for (var n = 1; Math.Abs(term) > 1e-18 * Math.Abs(sum); n++) sum += term *= x * x / (2 * n + 1);
        return 0.5 + sum * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);
    }
}
