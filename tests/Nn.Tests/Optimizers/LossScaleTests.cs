using Edifice.Engine;
using Edifice.Engine.Autograd;
using Edifice.Nn;

namespace Edifice.Tests.Nn;

public class LossScaleTests
{
    [Fact]
    public void A_scaled_step_is_the_step_without_a_factor()
    {
        // A factor that is a power of two changes no digit.
        Linear plain = Model(), scaled = Model();
        Optimizer first = new(plain, new AdamW { LearningRate = 0.01 }), second = new(scaled, new AdamW { LearningRate = 0.01 });
        var scale = new LossScale(1024);
        for (var step = 0; step < 5; step++)
        {
            first.ZeroGrad();
            Loss(plain).Backward();
            var norm = first.StepClipped(0.1);
            second.ZeroGrad();
            scale.Scaled(Loss(scaled)).Backward();
            Assert.True(scale.Step(second, 0.1));
            Assert.Equal(norm, scale.Norm);
        }

        Assert.Equal(plain.Weight.Value.ToArray<float>(), scaled.Weight.Value.ToArray<float>());
    }

    [Fact]
    public void An_overflow_of_float16_leaves_the_step_out_and_halves_the_factor()
    {
        var model = Model();
        var optimizer = new Optimizer(model, new AdamW { LearningRate = 0.01 });
        var before = model.Weight.Value.ToArray<float>();
        // The cotangent of the product is the factor over the number of elements, far beyond 65504.
        var scale = new LossScale(1e8, growthInterval: 3);
        var taken = new List<bool>();
        while (taken.Count(t => t) < 2)
        {
            optimizer.ZeroGrad();
            Tensor loss;
            using (MixedPrecision.Products(DType.Float16)) loss = Loss(model);
            var factor = scale.Factor;
            scale.Scaled(loss).Backward();
            taken.Add(scale.Step(optimizer));
            if (taken[^1]) continue;
            Assert.Equal(factor / 2, scale.Factor);
            Assert.False(double.IsFinite(scale.Norm));
            Assert.Equal(before, model.Weight.Value.ToArray<float>());
            Assert.Empty(optimizer.StateDict().Tensors);
        }

        Assert.False(taken[0]);
        Assert.NotEqual(before, model.Weight.Value.ToArray<float>());
        Assert.Equal(2, scale.GoodSteps);
    }

    [Fact]
    public void Gradients_that_float16_would_lose_come_through()
    {
        var model = Model();
        double[] Gradient(Func<Tensor, Tensor> scaled, double factor)
        {
            model.ZeroGrad();
            Tensor loss;
            using (MixedPrecision.Products(DType.Float16)) loss = Loss(model) * 1e-9;
            scaled(loss).Backward();
            return [.. model.NamedParameters().Single(p => p.Name == "weight").Parameter.Grad!.ToArray<float>().Select(g => g / factor)];
        }

        Assert.All(Gradient(l => l, 1), g => Assert.Equal(0, g));
        var scale = new LossScale();
        Assert.Contains(Gradient(scale.Scaled, scale.Factor), g => Math.Abs(g) > 1e-10);
    }

    [Fact]
    public void Good_steps_in_a_row_double_the_factor()
    {
        var model = Model();
        var optimizer = new Optimizer(model, new Sgd { LearningRate = 0.001 });
        var scale = new LossScale(8, growthInterval: 3);
        var factors = new List<double>();
        for (var step = 0; step < 7; step++)
        {
            optimizer.ZeroGrad();
            scale.Scaled(Loss(model)).Backward();
            Assert.True(scale.Step(optimizer));
            factors.Add(scale.Factor);
        }

        Assert.Equal([8, 8, 16, 16, 16, 32, 32], factors);
        var other = new LossScale(growthInterval: 3);
        other.Restore(scale.Factor, scale.GoodSteps);
        Assert.Equal((32.0, 1), (other.Factor, other.GoodSteps));
    }

    [Fact]
    public void Gradients_that_no_factor_makes_finite_are_an_error_in_the_end()
    {
        var model = Model();
        var optimizer = new Optimizer(model, new Sgd());
        var scale = new LossScale(1);
        (model.Forward(Tensor.Full([2, 3], double.NaN)).Sum()).Backward();
        var steps = 0;
        Assert.Throws<TensorException>(() =>
        {
            while (steps < 100 && !scale.Step(optimizer)) steps++;
        });
        Assert.Equal(24, steps);
    }

    [Fact]
    public void Parameters_outside_their_range_are_refused()
    {
        Assert.Throws<TensorException>(() => new LossScale(0));
        Assert.Throws<TensorException>(() => new LossScale(double.PositiveInfinity));
        Assert.Throws<TensorException>(() => new LossScale(growthInterval: 0));
        Assert.Throws<TensorException>(() => new LossScale().Restore(1, -1));
    }

    private static Linear Model()
    {
        Generator.Seeded(1);
        return new Linear(3, 4);
    }

    private static Tensor Loss(Linear model) => model.Forward(Tensor.Randn([5, 3], generator: new Generator(2))).Square().Mean();
}
