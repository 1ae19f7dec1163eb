using Edifice.Attention.Tests.Laws;

namespace Edifice.Engine.Cuda.Tests.Laws;

/// <summary>Every block trains on the card with 16-bit factors in its products.</summary>
public class MixedPrecisionTests
{
    public static TheoryData<string> Blocks => MixedPrecisionRun.Blocks;

    [Theory]
    [MemberData(nameof(Blocks))]
    public void Gradients_are_near_those_of_the_cpu_in_float32_and_nearer_to_those_in_the_same_type(string block)
    {
        double[] Gradient(Device device, DType products) => new MixedPrecisionRun(block, device, products).Gradient();
        var full = Gradient(Device.Cpu, DType.Float32);
        var card = Gradient(TestCard.Ampere, DType.BFloat16);
        Assert.InRange(MixedPrecisionRun.Distance(full, card), 1e-6, 0.03);
        // Not to float32's precision: a sum in another order may round to the neighbour of a factor.
        Assert.InRange(MixedPrecisionRun.Distance(Gradient(Device.Cpu, DType.BFloat16), card), 0, 0.02);
    }

    [Theory]
    [MemberData(nameof(Blocks))]
    public void Steps_of_an_optimizer_lower_the_loss_as_on_the_cpu(string block)
    {
        var losses = new MixedPrecisionRun(block, TestCard.Ampere, DType.BFloat16).Train(3);
        var wanted = new MixedPrecisionRun(block, Device.Cpu, DType.BFloat16).Train(3);
        Assert.True(losses[^1] < losses[0], $"{losses[0]} became {losses[^1]}");
        for (var i = 0; i < losses.Length; i++) Assert.InRange(losses[i], wanted[i] * 0.99, wanted[i] * 1.01);
    }
}
