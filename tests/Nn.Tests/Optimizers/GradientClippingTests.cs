using Edifice.Engine;
using Edifice.Nn;
using FsCheck.Xunit;

namespace Edifice.Tests.Nn;

public class GradientClippingTests
{
    [Property(MaxTest = 50)]
    public void The_clipped_norm_is_at_most_the_bound_and_the_direction_stays(ushort seed, byte bound)
    {
        var gradients = Gradients(seed);
        var before = gradients.Select(g => g.ToArray<double>()).ToArray();
        foreach (var type in new[] { 1, 2, double.PositiveInfinity })
        {
            var clipped = gradients.Select(g => g.Clone()).ToArray();
            var max = bound / 16.0;
            var norm = GradientClipping.ByNorm(clipped, max, type);
            Assert.Equal(NaiveNorm(before, type), norm, 1e-12 * (1 + norm));
            Assert.InRange(GradientClipping.TotalNorm(clipped, type), 0, max * (1 + 1e-12));
            var factor = GradientClipping.Factor(norm, max);
            for (var i = 0; i < clipped.Length; i++)
                Agreement.Outputs([.. before[i].Select(g => g * factor)], clipped[i].ToArray<double>(), DType.Float64, "clipped");
        }
    }

    [Fact]
    public void A_norm_below_the_bound_leaves_every_bit()
    {
        var gradients = Gradients(3);
        var before = gradients.Select(g => g.Clone()).ToArray();
        GradientClipping.ByNorm(gradients, 1e6);
        for (var i = 0; i < before.Length; i++) Agreement.Bits(before[i], gradients[i], "gradient");
    }

    [Fact]
    public void Large_entries_do_not_overflow_the_norm()
    {
        // The square of each norm is finite, their sum is not.
        var large = Tensor.FromArray(new[] { 1.2e154 });
        Assert.Equal(1.2e154 * Math.Sqrt(2), GradientClipping.TotalNorm([large, large]), 1e142);
        Assert.Equal(5e30, GradientClipping.TotalNorm([Tensor.FromArray(new[] { 3e30f }), Tensor.FromArray(new[] { 4e30f })]), 1e24);
        Assert.Equal(0, GradientClipping.TotalNorm([Tensor.Zeros([3]), Tensor.Zeros([0])]));
        Assert.Equal(0, GradientClipping.TotalNorm(Array.Empty<Tensor>()));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_gradient_that_is_not_finite_is_an_error_unless_allowed(float bad)
    {
        var gradients = new[] { Tensor.Ones([2]), Tensor.FromArray(new[] { 1, bad }) };
        Assert.Contains("gradient 1 of 2", Assert.Throws<TensorException>(() => GradientClipping.ByNorm(gradients, 1)).Message, StringComparison.Ordinal);
        Assert.Equal([1f, 1], gradients[0].ToArray<float>());
        Assert.False(double.IsFinite(GradientClipping.ByNorm(gradients, 1, allowNonFinite: true)));
    }

    [Fact]
    public void Clipping_on_the_way_into_a_step_gives_the_step_after_clipping()
    {
        OptimizerTests.Quadratic a = new(OptimizerTests.Start), b = new(OptimizerTests.Start);
        Optimizer first = new(a, new Sgd { LearningRate = 0.1, Momentum = 0.9, WeightDecay = 0.1 }), second = new(b, first.Groups[0].Rule);
        for (var t = 0; t < 3; t++)
        {
            a.Backward(t);
            b.Backward(t);
            var norm = GradientClipping.ByNorm(a.Parameters(), 0.5);
            first.Step();
            var gradient = b.X.Grad!.Clone();
            Assert.Equal(norm, second.StepClipped(0.5));
            Agreement.Bits(gradient, b.X.Grad!, "the gradient itself stays");
            Agreement.Outputs(a.X.Value.ToArray<double>(), b.X.Value.ToArray<double>(), DType.Float64, "parameter");
        }
    }

    [Fact]
    public void Parameters_without_a_gradient_stay_out_of_the_norm()
    {
        Parameter with = new(Tensor.Full([2], 1, DType.Float64)), without = new(Tensor.Full([2], 100, DType.Float64));
        with.Value.Grad = Tensor.FromArray(new[] { 3.0, 4 });
        Assert.Equal(5, GradientClipping.TotalNorm([with, without]), 1e-12);
        GradientClipping.ByValue([with, without], 3.5);
        Assert.Equal([3.0, 3.5], with.Grad!.ToArray<double>());
    }

    [Fact]
    public void Bounds_below_zero_are_refused()
    {
        Assert.Throws<TensorException>(() => GradientClipping.ByNorm([Tensor.Ones([1])], -1));
        Assert.Throws<TensorException>(() => GradientClipping.ByValue([Tensor.Ones([1])], -1));
        Assert.Throws<TensorException>(() => GradientClipping.ByNorm([Tensor.Ones([1])], 1, normType: 3));
    }

    private static Tensor[] Gradients(ushort seed)
    {
        var stream = new Generator(seed);
        return [Tensor.Randn([3, 4], DType.Float64, generator: stream), Tensor.Randn([5], DType.Float64, generator: stream), Tensor.Zeros([2], DType.Float64)];
    }

    private static double NaiveNorm(double[][] gradients, double type)
    {
        var all = gradients.SelectMany(g => g).Select(Math.Abs).ToArray();
        return type switch { 1 => all.Sum(), 2 => Math.Sqrt(all.Sum(g => g * g)), _ => all.Max() };
    }
}
