using Edifice.Attention;
using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Bench.Measure;

/// <summary>Training of a block of ours: forward, mean square error of all hidden states, backward, AdamW.</summary>
/// <param name="block">The model.</param>
/// <param name="x">[B, L, E].</param>
/// <param name="target">Of the shape of the hidden states.</param>
internal sealed class TrainingStep(SequenceBlock block, Tensor x, Tensor target)
{
    /// <summary>Learning rate and weight decay, small enough that thousands of steps do no harm.</summary>
    public const double Rate = 1e-5, Decay = 0.01;

    private readonly Optimizer _optimizer = new(block, new AdamW { LearningRate = Rate, WeightDecay = Decay });

    /// <summary>Leaves the gradients on the parameters.</summary>
    /// <returns>The hidden states.</returns>
    public Tensor Backward()
    {
        using var scope = Tensor.Scope();
        var y = block.ForwardSequence(x);
        y.MseLoss(target).Backward();
        return scope.Keep(y.Detach());
    }

    /// <summary>One whole step.</summary>
    public void Run()
    {
        using var scope = Tensor.Scope();
        Backward();
        _optimizer.Step();
        _optimizer.ZeroGrad();
    }
}
