using Edifice.Attention;
using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Cli.Tests;

public class SoakTests
{
    [Fact]
    public void Ten_thousand_training_steps_leave_resident_memory_where_it_was_after_the_first_two_hundred()
    {
        Generator.Seeded(5);
        var model = new LanguageModel(16, Blocks.Build("gqa", """{"embed_dim": 16, "hidden_size": 16, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1, "rope": true}"""));
        var optimizer = new Optimizer(model, new AdamW { LearningRate = 1e-3 });
        var random = new Generator(6);
        long early = 0;
        for (var step = 1; step <= 10_000; step++)
        {
            var tokens = (Tensor.Rand([4, 12], generator: random) * 16).To(DType.Int64);
            optimizer.ZeroGrad();
            model.Loss(tokens, tokens).Backward();
            optimizer.Step();
            if (step == 200) early = Resident();
        }

        // One megabyte a thousand steps would be a leak of a kilobyte a step; the slack is for the collector's own rhythm.
        var grown = Resident() - early;
        Assert.True(grown < 48 << 20, $"{grown >> 20} MiB more than after 200 steps");
    }

    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return Environment.WorkingSet;
    }
}
