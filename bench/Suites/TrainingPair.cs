using Edifice.Attention;
using Edifice.Bench.Libtorch;
using Edifice.Bench.Measure;
using Edifice.Engine;

namespace Edifice.Bench.Suites;

/// <summary>Training steps of one block by both engines, from the same parameters on the same data.</summary>
internal sealed class TrainingPair
{
    // Of float32 after whole models: outputs; gradients, whose small ones cancel.
    private const double OutputTolerance = 1e-4, GradientTolerance = 1e-3, GradientFloor = 1e-6;

    private readonly SequenceBlock _block;

    /// <summary>Builds the block and its twin; both belong to the caller's scopes.</summary>
    public TrainingPair(BlockCase c, int batch, int length)
    {
        _block = c.Build();
        var (x, target) = c.Data(_block, batch, length);
        Ours = new Measure.TrainingStep(_block, x, target);
        Formulation = c.Twin?.Invoke(_block);
        Libtorch = Formulation is { } f ? new Libtorch.TrainingStep(f, x.Twin(), target.Twin(), Measure.TrainingStep.Rate, Measure.TrainingStep.Decay) : null;
    }

    /// <summary>This engine's.</summary>
    public Measure.TrainingStep Ours { get; }

    /// <summary>libtorch's, or null.</summary>
    public Libtorch.TrainingStep? Libtorch { get; }

    /// <summary>What <see cref="Libtorch"/> trains, or null.</summary>
    public Formulation? Formulation { get; }

    /// <summary>The products of <paramref name="tokens"/> positions with the weight matrices, forward and twice backward: a lower bound, since what
    /// mixes positions comes on top. Nothing for a block whose matrices do not all see every position.</summary>
    public Work WeightProducts(long tokens) => _block.KeepsPositions
        ? new Work(6.0 * tokens * _block.NamedParameters().Select(p => p.Parameter.Value).Where(w => w.Rank >= 2).Sum(w => w.Count))
        : Work.None;

    /// <summary>Hidden states and all gradients compared; both engines' parameters must still be equal.</summary>
    public Difference Compare()
    {
        using var scope = Tensor.Scope();
        using var disposed = TorchSharp.torch.NewDisposeScope();
        Tensor y = Ours.Backward();
        var twin = Libtorch!.Backward();
        var worst = Difference.Of(y, twin, OutputTolerance) with { At = "hidden states" };
        var gradients = _block.NamedParameters().Zip(Formulation!.Weights.Parameters, (p, t) => p.Name == t.Name
            ? (p.Name, Ours: p.Parameter.Grad, Twin: t.Parameter.grad)
            : throw new InvalidOperationException($"parameters in another order: {p.Name} beside {t.Name}")).ToArray();
        // A gradient that is zero in mathematics (a key's bias under a softmax) is only rounding: measured against the model's largest.
        var floor = gradients.Max(g => g.Twin is null ? 0 : g.Twin.abs().max().item<float>()) * GradientFloor / GradientTolerance;
        foreach (var g in gradients)
        {
            if (g.Ours is null != g.Twin is null) throw new InvalidOperationException($"only one engine has a gradient of {g.Name}");
            if (g.Ours is not null) worst |= Difference.Of(g.Ours, g.Twin!, GradientTolerance, floor) with { At = g.Name };
        }

        _block.ZeroGrad();
        Libtorch.ZeroGrad();
        return worst;
    }
}
