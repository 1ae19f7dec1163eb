using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Cli.Training;

/// <summary>A model with one set of class scores per answer.</summary>
/// <param name="Module">Its parameters.</param>
/// <param name="Logits">From tokens int64 [B, L] to [B, L, C] for tasks token by token, [B, C] for whole sequences.</param>
internal sealed record TrainedModel(Module Module, Func<Tensor, Tensor> Logits);
