using Edifice.Bench.Launch;
using Edifice.Bench.Measure;
using Edifice.Engine;

namespace Edifice.Bench.Suites;

/// <summary>One training step of each block (forward, mean square error of all hidden states, backward, AdamW), two layers of width 256, on a batch and on
/// one long sequence.</summary>
internal static class BlockSteps
{
    /// <summary>Of this suite.</summary>
    public const string SuiteName = "blocks";

    /// <summary>The shapes of the targets.</summary>
    public static IReadOnlyList<(int Batch, int Length)> Shapes { get; } = [(8, 512), (1, 4096)];

    public static IEnumerable<Row> Run(Session session)
    {
        foreach (var (batch, length) in Shapes)
            foreach (var c in BlockCase.All)
            {
                var name = $"{c.Name} training step, {batch} x {length} x {BlockCase.Width}";
                if (!session.Pair.Wants(name)) continue;
                if (!session.IsRowProcess)
                {
                    yield return RowProcess.Measure(session, SuiteName, name);
                    continue;
                }

                using var scope = Tensor.Scope();
                using var disposed = TorchSharp.torch.NewDisposeScope();
                var pair = new TrainingPair(c, batch, length);
                yield return session.Pair.Run(
                    name, pair.WeightProducts((long)batch * length), pair.Ours.Run, pair.Libtorch is { } l ? l.Run : null, pair.Libtorch is null ? null : pair.Compare, pair.Formulation?.Description ?? "");
            }
    }
}
