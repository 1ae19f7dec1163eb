using Edifice.Engine;

namespace Edifice.Attention.Tests.Laws;

/// <summary>A hundred thousand steps in float32 beside float64, with decays from 0 to 1.</summary>
public class LongSequenceTests
{
    private const int Steps = 100_000, Width = 4;

    private static Tensor Normal(ulong seed) => Tensor.Randn([1, Steps, 1, Width], DType.Float64, generator: new Generator(seed));

    /// <summary>Per channel: no decay at all, close to none, moderate, and gone at once; some steps fade completely.</summary>
    private static Tensor LogDecay()
    {
        var g = new double[Steps * Width];
        for (var t = 0; t < Steps; t++)
            (g[t * Width], g[t * Width + 1], g[t * Width + 2], g[t * Width + 3]) = (0, -1e-5, t % 1000 == 999 ? -200 : -0.3, -50);
        return Tensor.FromArray(g, [1, Steps, 1, Width]);
    }

    private static void Close(Tensor single, Tensor exact)
    {
        Assert.Equal(DType.Float32, single.DType);
        var worst = (single.To(DType.Float64) - exact).Abs().Max().Item();
        var size = exact.Abs().Max().Item();
        Assert.True(worst <= 1e-3 * size, $"differs by {worst:G3} of {size:G3}");
    }

    private static Tensor Single(Tensor x) => x.To(DType.Float32);

    [Theory]
    [InlineData(RecurrenceMode.Recurrent)]
    [InlineData(RecurrenceMode.Chunkwise)]
    public void Gated_linear_attention_stays_finite_and_close(RecurrenceMode mode)
    {
        Tensor q = Normal(1), k = Normal(2) * 0.01, v = Normal(3), g = LogDecay();
        Close(Tensor.GatedLinearAttention(Single(q), Single(k), Single(v), Single(g), 0.5, mode: mode).Output, Tensor.GatedLinearAttention(q, k, v, g, 0.5).Output);
    }

    [Theory]
    [InlineData(RecurrenceMode.Recurrent)]
    [InlineData(RecurrenceMode.Chunkwise)]
    public void Hgrn2_stays_finite_and_close(RecurrenceMode mode)
    {
        // Gates from 0 to 1, both ends included.
        Tensor q = Normal(1), i = Normal(2) * 0.01, f = Normal(3) * 30;
        Close(Tensor.Hgrn2(Single(q), Single(f), Single(i), mode: mode).Output, Tensor.Hgrn2(q, f, i).Output);
    }

    [Theory]
    [InlineData(0.0, RecurrenceMode.Recurrent)]
    [InlineData(0.5, RecurrenceMode.Recurrent)]
    [InlineData(1 - 1.0 / 4096, RecurrenceMode.Recurrent)]
    [InlineData(1.0, RecurrenceMode.Recurrent)]
    [InlineData(0.0, RecurrenceMode.Chunkwise)]
    [InlineData(0.5, RecurrenceMode.Chunkwise)]
    [InlineData(1 - 1.0 / 4096, RecurrenceMode.Chunkwise)]
    [InlineData(1.0, RecurrenceMode.Chunkwise)]
    public void Retention_stays_finite_and_close(double gamma, RecurrenceMode mode)
    {
        Tensor q = Normal(1), k = Normal(2) * 0.01, v = Normal(3);
        Close(Tensor.Retention(Single(q), Single(k), Single(v), [gamma], mode: mode).Output, Tensor.Retention(q, k, v, [gamma]).Output);
    }

    [Theory]
    [InlineData(RecurrenceMode.Recurrent)]
    [InlineData(RecurrenceMode.Chunkwise)]
    public void Wkv7_stays_finite_and_close(RecurrenceMode mode)
    {
        Tensor r = Normal(1), k = Normal(2) * 0.01, v = Normal(3), g = LogDecay();
        var unit = Normal(4);
        unit /= unit.Norm(2, [-1], keepdim: true);
        Tensor a = -unit, b = unit * 0.9;
        Close(Tensor.Wkv7(Single(r), Single(g), Single(k), Single(v), Single(a), Single(b), mode: mode).Output, Tensor.Wkv7(r, g, k, v, a, b).Output);
    }

    [Fact]
    public void The_linear_recurrence_and_the_gated_unit_stay_finite_and_close()
    {
        Tensor x = Normal(1).Squeeze(2), g = LogDecay().Squeeze(2);
        Close(Tensor.RgLruScan(Single(x), Single(g)).Output, Tensor.RgLruScan(x, g).Output);
        Close(Tensor.LinearScan(Single(g.Exp()), Single(x) * 0.01), Tensor.LinearScan(g.Exp(), x * 0.01));
    }

    [Theory]
    [InlineData(RecurrenceMode.Recurrent)]
    [InlineData(RecurrenceMode.Chunkwise)]
    public void Gradients_through_a_hundred_thousand_steps_are_finite(RecurrenceMode mode)
    {
        Tensor Leaf(Tensor x) => Single(x).RequiresGrad();
        Tensor q = Leaf(Normal(1)), k = Leaf(Normal(2)), v = Leaf(Normal(3)), g = Leaf(LogDecay());
        Tensor.GatedLinearAttention(q, k, v, g, 0.5, mode: mode).Output.Mean().Backward();
        foreach (var leaf in (Tensor[])[q, k, v, g]) Assert.True(double.IsFinite(leaf.Grad!.Norm().Item()));
    }
}
