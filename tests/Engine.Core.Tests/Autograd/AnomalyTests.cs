using Edifice.Engine.Autograd;

namespace Edifice.Engine.Tests.Autograd;

/// <summary>Anomaly regions are open for all threads, so these tests run alone.</summary>
[CollectionDefinition(nameof(AnomalyTests), DisableParallelization = true)]
[Collection(nameof(AnomalyTests))]
public class AnomalyTests
{
    [Fact]
    public void The_op_that_first_made_a_nan_is_named()
    {
        var x = Tensor.FromArray([1.0, 0]).RequiresGrad();
        using var region = Anomaly.Detect();
        var e = Assert.Throws<AutogradException>(() => (x - 0.5).Log() * 2);
        Assert.Contains("log: the forward pass made a NaN", e.Message, StringComparison.Ordinal);
        using (Tensor.NoGrad()) Assert.Throws<AutogradException>(() => (x - 0.5).Sqrt());
        // An infinity that does harm.
        Assert.Contains("mul: the forward pass", Assert.Throws<AutogradException>(() => x.Reciprocal() * x).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Infinite_results_are_no_anomaly_but_infinite_gradients_are()
    {
        using var region = Anomaly.Detect();
        var x = Tensor.FromArray([1.0, 0, 3]).RequiresGrad();
        var scores = x.MaskedFill(Tensor.FromArray([false, true, false]), double.NegativeInfinity);
        scores.Softmax().Backward(Tensor.FromArray([1.0, 2, 3]));
        Assert.Equal(0, x.Grad!.ToArray<double>()[1]);
        Assert.Equal(double.NegativeInfinity, x.Log().ToArray<double>()[1]);
        var e = Assert.Throws<AutogradException>(() => x.Log().Sum().Backward());
        Assert.Contains("log: the backward pass", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_op_whose_backward_pass_made_it_is_named_not_an_op_inside_its_rule()
    {
        foreach (var graph in new[] { false, true })
        {
            var x = Tensor.FromArray([4.0, 0]).RequiresGrad();
            using var region = Anomaly.Detect();
            var y = x.Sqrt();
            var e = Assert.Throws<AutogradException>(() => y.Sum().Backward(createGraph: graph));
            Assert.Contains("sqrt: the backward pass", e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_a_rule_makes_and_selects_away_is_no_anomaly()
    {
        using var region = Anomaly.Detect();
        var x = Tensor.FromArray([double.NegativeInfinity, 1]).RequiresGrad();
        x.LogSumExp().Backward(createGraph: true);
        Assert.Equal([0.0, 1], x.Grad!.ToArray<double>());
    }

    [Fact]
    public void Nothing_is_checked_outside_a_region()
    {
        Assert.False(Anomaly.IsOn);
        using (Anomaly.Detect())
        {
            using (Anomaly.Detect()) Assert.True(Anomaly.IsOn);
            Assert.True(Anomaly.IsOn);
        }

        Assert.False(Anomaly.IsOn);
        Assert.Equal(double.NegativeInfinity, Tensor.Scalar(0, DType.Float64).Log().Item());
    }
}
