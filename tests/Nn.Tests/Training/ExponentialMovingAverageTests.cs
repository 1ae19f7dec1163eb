using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Tests.Nn;

public class ExponentialMovingAverageTests
{
    [Fact]
    public void The_average_of_parameters_that_stand_still_is_the_parameters()
    {
        var model = new OptimizerTests.Quadratic(OptimizerTests.Start);
        var average = new ExponentialMovingAverage(model, 0.9);
        for (var t = 0; t < 5; t++) average.Update();
        Agreement.Outputs(model.X.Value.ToArray<double>(), average.StateDict()["x"].ToArray<double>(), DType.Float64, "average");
    }

    [Fact]
    public void A_warm_average_forgets_faster_at_first()
    {
        var average = new ExponentialMovingAverage(new Linear(2, 2), 0.5, warmup: true);
        Assert.Equal(0.1, average.DecayAt(0));
        Assert.Equal(2.0 / 11, average.DecayAt(1));
        Assert.Equal(0.5, average.DecayAt(100));
    }

    [Fact]
    public void Applying_exchanges_parameters_and_average_until_disposed()
    {
        var model = new OptimizerTests.Quadratic(OptimizerTests.Start);
        var average = new ExponentialMovingAverage(model, 0.75);
        model.X.Set(model.X.Value.ZerosLike());
        average.Update();
        var (parameters, averages) = (model.X.Value.Clone(), average.StateDict()["x"].Clone());
        using (average.Apply())
        {
            Agreement.Bits(averages, model.X.Value, "applied");
            Assert.Throws<InvalidOperationException>(average.Update);
            Assert.Throws<InvalidOperationException>(() => average.Apply());
            Assert.Throws<InvalidOperationException>(() => average.StateDict());
        }

        Agreement.Bits(parameters, model.X.Value, "back");
        Agreement.Bits(averages, average.StateDict()["x"], "average");
    }

    [Fact]
    public void Averages_are_saved_and_restored_bit_for_bit()
    {
        var model = new SmallModel(1);
        var average = new ExponentialMovingAverage(model, 0.9, warmup: true);
        model.Parameters()[0].Set(model.Parameters()[0].Value.ZerosLike());
        average.Update();
        var other = new ExponentialMovingAverage(model, 0.9, warmup: true);
        other.LoadStateDict(average.StateDict(), average.Updates);
        average.Update();
        other.Update();
        Agreement.Bits(average.StateDict(), other.StateDict());
        var incomplete = Agreement.Snapshot(average.StateDict());
        incomplete.Remove("head.bias");
        Assert.Throws<TensorException>(() => other.LoadStateDict(incomplete, 1));
        Assert.Throws<TensorException>(() => new ExponentialMovingAverage(model, 1.5));
    }
}
