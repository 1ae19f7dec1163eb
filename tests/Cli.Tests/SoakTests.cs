using Edifice.Attention;
using Edifice.Engine;
using Edifice.Engine.Cpu;
using Edifice.Nn;

namespace Edifice.Cli.Tests;

/// <summary>Tests that measure the process: they run when no other test does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public class AloneCollection
{
    public const string Name = "alone";
}

[Collection(AloneCollection.Name)]
public class SoakTests
{
    [Fact]
    public void Ten_thousand_training_steps_leave_resident_memory_where_it_was_after_the_first_two_hundred()
    {
        Generator.Seeded(5);
        var model = new LanguageModel(16, Blocks.Build("gqa", """{"embed_dim": 16, "hidden_size": 16, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1, "rope": true}"""));
        var optimizer = new Optimizer(model, new AdamW { LearningRate = 1e-3 });
        var random = new Generator(6);
        (long Managed, long Native, long Resident) early = default;
        for (var step = 1; step <= 10_000; step++)
        {
            var tokens = (Tensor.Rand([4, 12], generator: random) * 16).To(DType.Int64);
            optimizer.ZeroGrad();
            model.Loss(tokens, tokens).Backward();
            optimizer.Step();
            if (step == 200) early = Memory();
        }

        // A leak of 50 bytes a step would show in the first two. What is resident also holds compiled code and the collector's
        // reserves, which come and go by tens of megabytes.
        var late = Memory();
        Assert.True(late.Managed - early.Managed < 512 << 10, $"{late.Managed - early.Managed} managed bytes more than after 200 steps");
        Assert.True(late.Native - early.Native < 64 << 10, $"{late.Native - early.Native} native bytes more than after 200 steps");
        Assert.True(late.Resident - early.Resident < 48 << 20, $"{late.Resident - early.Resident >> 20} MiB more resident than after 200 steps");
    }

    private static (long Managed, long Native, long Resident) Memory()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return (GC.GetTotalMemory(forceFullCollection: true), CpuBackend.MemoryStatistics.LiveBytes, Environment.WorkingSet);
    }
}
