using Edifice.Engine;

namespace Edifice.Attention.Tests.Applications;

public class SamplingTests
{
    private static readonly double[] s_logits = [0.3, -1, 2, 2, double.NegativeInfinity, 1.2];

    [Theory]
    [InlineData(1, null)]
    [InlineData(0.5, null)]
    [InlineData(2, 3)]
    [InlineData(1, 2)]
    public void Tokens_come_with_their_probability(double temperature, int? topK)
    {
        const int draws = 4000;
        var sampling = new Sampling { Temperature = temperature, TopK = topK };
        var tokens = sampling.Draw(Tensor.FromArray(s_logits).Expand(draws, s_logits.Length), new Generator(3)).ToArray<long>();
        var kept = s_logits.Order().Reverse().Take(topK ?? s_logits.Length).Last();
        var weights = s_logits.Select(l => l >= kept ? Math.Exp(l / temperature) : 0).ToArray();
        for (var i = 0; i < weights.Length; i++)
        {
            var p = weights[i] / weights.Sum();
            // Five standard deviations of a binomial count.
            Assert.InRange(tokens.Count(t => t == i), draws * p - 5 * Math.Sqrt(draws * p * (1 - p)), draws * p + 5 * Math.Sqrt(draws * p * (1 - p)));
        }
    }

    [Fact]
    public void Of_equally_likely_tokens_the_first_ones_are_kept()
    {
        var logits = Tensor.FromArray(new[] { 1.0, 3, 3, 3, 0 }).Expand(200, 5);
        Assert.Equal([1L, 2], new Sampling { TopK = 2 }.Draw(logits, new Generator(1)).ToArray<long>().Distinct().Order());
        Assert.All(Sampling.Greedy.Draw(logits, new Generator(1)).ToArray<long>(), t => Assert.Equal(1, t));
    }

    [Fact]
    public void A_low_temperature_does_not_overflow() =>
        Assert.Equal(2, new Sampling { Temperature = 1e-300 }.Draw(Tensor.FromArray(new double[,] { { -1e300, 5, 6 } }), new Generator(1)).Item());

    [Fact]
    public void Logits_that_are_no_numbers_are_refused()
    {
        var generator = new Generator(1);
        Assert.Throws<TensorException>(() => new Sampling().Draw(Tensor.FromArray(new[,] { { 1, double.NaN } }), generator));
        Assert.Throws<TensorException>(() => new Sampling().Draw(Tensor.FromArray(new[,] { { double.NegativeInfinity } }), generator));
        Assert.Throws<TensorException>(() => new Sampling().Draw(Tensor.FromArray([1.0]), generator));
    }

    [Theory]
    [InlineData(-1, null)]
    [InlineData(double.NaN, null)]
    [InlineData(1, 0)]
    public void Settings_outside_their_range_are_refused(double temperature, int? topK) =>
        Assert.Throws<TensorException>(() => new Sampling { Temperature = temperature, TopK = topK }.Validate());
}
