using Edifice.Engine;
using Edifice.Engine.Ops;
using Edifice.Nn;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Edifice.Tests.Nn;

public class LearningRateScheduleTests
{
    [Property]
    public Property Decays_rise_to_their_peak_and_then_fall_to_their_floor() => Prop.ForAll(
        (from total in Gen.Choose(1, 60) from warmup in Gen.Choose(0, 60) from cosine in Gen.Elements(true, false)
         select (total, warmup: Math.Min(warmup, total), cosine)).ToArbitrary(),
        c =>
        {
            LearningRateSchedule s = c.cosine ? new CosineSchedule(0.1, c.total, c.warmup, 0.01) : new LinearSchedule(0.1, c.total, c.warmup, 0.01);
            if (c.warmup > 0) Assert.Equal(0.1, s.At(c.warmup - 1), 1e-15);
            for (var t = 1; t < c.warmup; t++) Assert.True(s.At(t) > s.At(t - 1));
            for (var t = c.warmup + 1; t < c.total; t++) Assert.True(s.At(t) < s.At(t - 1));
            for (var t = c.warmup; t < c.total + 3; t++) Assert.InRange(s.At(t), 0.01, 0.1);
            Assert.Equal(0.01, s.At(c.total));
            Assert.Equal(0.01, s.At(long.MaxValue));
        });

    [Fact]
    public void A_warm_up_of_everything_is_legal()
    {
        var s = new LinearSchedule(0.1, 5, 5, 0.02);
        Assert.Equal([0.02, 0.04, 0.06, 0.08, 0.1, 0.02], Enumerable.Range(0, 6).Select(t => Math.Round(s.At(t), 12)));
    }

    [Property]
    public Property One_cycle_rises_and_falls_once_within_its_bounds() => Prop.ForAll(
        (from total in Gen.Choose(1, 50) from share in Gen.Choose(0, 20) from linear in Gen.Elements(true, false) select (total, share, linear)).ToArbitrary(),
        c =>
        {
            var s = new OneCycleSchedule(0.5, c.total) { RisingShare = c.share / 20.0, DivFactor = 10, FinalDivFactor = 100, Linear = c.linear };
            var rates = Enumerable.Range(0, c.total).Select(t => s.At(t)).ToArray();
            Assert.All(rates, r => Assert.InRange(r, 0.05 / 100 - 1e-15, 0.5 + 1e-15));
            var peak = Array.IndexOf(rates, rates.Max());
            for (var t = 1; t <= peak; t++) Assert.True(rates[t] >= rates[t - 1]);
            for (var t = peak + 1; t < c.total; t++) Assert.True(rates[t] <= rates[t - 1]);
            Assert.Throws<TensorException>(() => s.At(c.total));
        });

    [Fact]
    public void Settings_outside_their_range_are_refused()
    {
        Assert.Throws<TensorException>(() => new ConstantSchedule(-0.1));
        Assert.Throws<TensorException>(() => new ConstantSchedule(0.1, -1));
        Assert.Throws<TensorException>(() => new LinearSchedule(0.1, 0));
        Assert.Throws<TensorException>(() => new LinearSchedule(0.1, 5, 6));
        Assert.Throws<TensorException>(() => new CosineSchedule(0.1, 5, 0, -1));
        Assert.Throws<TensorException>(() => new OneCycleSchedule(0.1, 0));
        Assert.Throws<TensorException>(() => new OneCycleSchedule(0.1, 5) { RisingShare = 1.1 });
        Assert.Throws<TensorException>(() => new OneCycleSchedule(0.1, 5) { DivFactor = 0 });
        Assert.Throws<TensorException>(() => new ConstantSchedule(0.1).At(-1));
    }

    [Theory]
    [InlineData("""{"name": "cosine", "lr": 0.1}""", "total_steps")]
    [InlineData("""{"name": "cosin", "lr": 0.1}""", "cosine")]
    [InlineData("""{"name": "constant"}""", "'lr' is missing")]
    [InlineData("""{"name": "constant", "lr": 0.1, "warmup_step": 3}""", "did you mean 'warmup_steps'?")]
    [InlineData("""{"name": "one_cycle", "max_lr": 0.1, "total_steps": 5, "anneal_strategy": "cos"}""", "anneal_strategy")]
    public void Options_that_do_not_make_a_schedule_are_refused_with_a_hint(string options, string hint)
    {
        var error = Assert.Throws<TensorException>(() => LearningRateSchedule.FromOptions(OptionBag.Parse(options)));
        Assert.Contains(hint, error.Message, StringComparison.Ordinal);
    }
}
