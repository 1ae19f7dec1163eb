using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Cli.Training;

/// <summary>A model with one set of class scores per answer: [B, L, V] for tasks token by token, [B, C] for whole sequences.</summary>
internal abstract class TrainedModel
{
    public abstract Module Module { get; }

    public abstract Tensor Logits(Tensor tokens);
}
