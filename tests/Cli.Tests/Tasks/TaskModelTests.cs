using Edifice.Attention;
using Edifice.Cli.Tasks;
using Edifice.Cli.Training;
using Edifice.Engine;
using Edifice.Engine.Ops;
using FsCheck.Xunit;

namespace Edifice.Cli.Tests.Tasks;

public class TaskModelTests
{
    [Property(MaxTest = 20)]
    public bool In_front_of_a_block_that_sees_one_position_a_token_reaches_as_far_as_the_convolution_has_taps(byte taps, byte place, ulong seed)
    {
        const int Length = 12;
        int reach = taps % 5, changed = place % Length;
        Generator.Seeded(seed);
        var task = new AssociativeRecall(OptionBag.Empty);
        var block = Blocks.Build("multihead", """{"embed_dim": 8, "hidden_size": 8, "num_heads": 1, "num_layers": 1, "window_size": 1, "dropout": 0}""");
        var model = new TaskModel(task, block, TokenPositions.None, reach);
        long[] tokens = [.. Enumerable.Range(1, Length)], other = [.. tokens];
        other[changed] = 90;
        float[] a = model.Logits(Tensor.FromArray(tokens, [1, Length])).ToArray<float>(), b = model.Logits(Tensor.FromArray(other, [1, Length])).ToArray<float>();
        Range Scores(int t) => (t * task.Classes)..((t + 1) * task.Classes);
        return Enumerable.Range(0, Length).Where(t => !a[Scores(t)].SequenceEqual(b[Scores(t)]))
            .SequenceEqual(Enumerable.Range(changed, Math.Min(Math.Max(reach, 1), Length - changed)));
    }
}
