using Edifice.Engine.Ops;
using Edifice.Engine.Tests.Ops;
using Edifice.Nn;

namespace Edifice.Engine.Cuda.Tests.Laws;

/// <summary>Every op of the table, training's included, on the card beside the CPU: results and gradients on the samples of the
/// gradient checks.</summary>
public class OpTableTests
{
    static OpTableTests() => NnOps.Register();

    public static TheoryData<string> Names
    {
        get
        {
            NnOps.Register();
            return OpSamples.Names();
        }
    }

    public static TheoryData<string> Differentiable
    {
        get
        {
            NnOps.Register();
            return OpSamples.Differentiable();
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void An_op_on_the_card_agrees_with_the_cpu_in_float64(string name)
    {
        var op = OpSamples.Find(name);
        foreach (var sample in OpSamples.Of(op))
            // The optimizer moves its inputs.
            OpSamples.AssertClose(op.Measure(sample.Select((_, x) => x.Clone())), op.Measure(OnCard(sample)), 1e-12, $"{name} {sample.Options}");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void An_op_on_the_card_in_float32_agrees_with_the_cpu_in_float64(string name)
    {
        var op = OpSamples.Find(name);
        foreach (var sample in OpSamples.Of(op))
        {
            // Both runs start from numbers that float32 holds exactly, so that they see the same inputs.
            var narrow = sample.Select((_, x) => x.DType.IsFloating() ? x.To(DType.Float32) : x);
            // The option of a cast names the dtype: float64 would be another case.
            var reference = name == "cast" ? narrow : narrow.Select((_, x) => x.DType.IsFloating() ? x.To(DType.Float64) : x);
            OpSamples.AssertClose(op.Measure(reference), op.Measure(OnCard(narrow)), 1e-4, $"{name} {sample.Options} in float32");
        }
    }

    [Theory]
    [MemberData(nameof(Differentiable))]
    public void Gradients_of_gradients_on_the_card_agree_with_the_cpu(string name)
    {
        var op = OpSamples.Find(name);
        foreach (var sample in OpSamples.Of(op))
            OpSamples.AssertClose(Second(op, sample), Second(op, OnCard(sample)), 1e-11, $"{name} {sample.Options}, second order");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Results_of_inputs_on_the_card_are_on_the_card(string name)
    {
        // A schedule is numbers about no tensor.
        if (name == "lr_schedule") return;
        var op = OpSamples.Find(name);
        foreach (var sample in OpSamples.Of(op))
            Assert.All(op.Run(OnCard(sample)), r => Assert.Equal(TestCard.Device, r.Value.Device));
    }

    private static OpCase OnCard(OpCase sample) => sample.Select((_, x) => x.To(TestCard.Device));

    private static List<(string Name, double[] Values)> Second(OpEntry op, OpCase sample)
    {
        var watched = sample.Watched(op);
        var outputs = op.Run(watched).OnTape();
        var leaves = watched.Leaves(op);
        if (outputs.Length == 0) return [];
        Tensor[] at = [.. leaves.Select(l => l.Value)];
        var first = Autograd.Gradients.Of(outputs, at, OpSamples.Cotangents(outputs), createGraph: true, allowUnused: true);
        Tensor[] curved = [.. first.OfType<Tensor>().Where(d => d.NeedsGradient)];
        if (curved.Length == 0) return [];
        var second = Autograd.Gradients.Of(curved, at, OpSamples.Cotangents(curved), allowUnused: true);
        return [.. second.Select((d, i) => ($"gradient of {leaves[i].Name}", d is null ? [] : OpSamples.Numbers(d)))];
    }
}
