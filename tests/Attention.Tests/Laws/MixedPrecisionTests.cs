using Edifice.Engine;

namespace Edifice.Attention.Tests.Laws;

/// <summary>Every block trains with 16-bit factors in its products.</summary>
public class MixedPrecisionTests
{
    public static TheoryData<string> Blocks => MixedPrecisionRun.Blocks;

    [Theory]
    [MemberData(nameof(Blocks))]
    public void Gradients_are_near_the_float32_ones_and_not_the_same(string block)
    {
        var wanted = new MixedPrecisionRun(block, Device.Cpu, DType.Float32).Gradient();
        double Error(DType products) => MixedPrecisionRun.Distance(wanted, new MixedPrecisionRun(block, Device.Cpu, products).Gradient());
        Assert.InRange(Error(DType.BFloat16), 1e-6, 0.03);
        Assert.InRange(Error(DType.Float16), 1e-7, 0.004);
    }

    [Theory]
    [MemberData(nameof(Blocks))]
    public void A_few_steps_in_bfloat16_lower_the_loss_as_those_in_float32(string block)
    {
        var wanted = new MixedPrecisionRun(block, Device.Cpu, DType.Float32).Train(5);
        var losses = new MixedPrecisionRun(block, Device.Cpu, DType.BFloat16).Train(5);
        Assert.True(losses[^1] < losses[0], $"{losses[0]} became {losses[^1]}");
        // HGRN-2 divides what it reads of its states by its norm; here that nears 0 at one position of the fourth step (the gradient
        // doubles there), and the quotient turns with the rounding.
        var bound = block == "hgrn" ? 0.05 : 0.001;
        for (var i = 0; i < losses.Length; i++) Assert.InRange(losses[i], wanted[i] * (1 - bound), wanted[i] * (1 + bound));
    }
}
