using Edifice.Engine;
using Edifice.Engine.Cpu;
using Edifice.Nn;

namespace Edifice.Tests.Nn;

/// <summary>These count the buffers of the whole process, so nothing else may run beside them.</summary>
[Collection(nameof(TrainingMemoryTests))]
public class TrainingMemoryTests
{
    private const int WarmUp = 50, Total = 1000;

    [Fact]
    public void A_thousand_steps_without_any_dispose_keep_memory_flat()
    {
        var step = Training();
        for (var t = 0; t < WarmUp; t++) step(t);
        var before = LiveBlocks();
        for (var t = WarmUp; t < Total; t++) step(t);
        Assert.InRange(LiveBlocks(), 0, before);
    }

    [Fact]
    public void Steps_inside_a_scope_return_every_buffer_at_once_and_ask_the_system_for_nothing()
    {
        var step = Training();
        for (var t = 0; t < WarmUp; t++) Scoped(t);
        _ = LiveBlocks();
        Scoped(WarmUp);
        var before = CpuBackend.MemoryStatistics;
        for (var t = WarmUp + 1; t < WarmUp + 100; t++)
        {
            Scoped(t);
            Assert.Equal(before.LiveBlocks, CpuBackend.MemoryStatistics.LiveBlocks);
        }

        Assert.Equal(before.SystemAllocations, CpuBackend.MemoryStatistics.SystemAllocations);

        void Scoped(int t)
        {
            using var scope = Tensor.Scope();
            step(t);
        }
    }

    private static Action<int> Training()
    {
        Generator.Seeded(1);
        var model = new SmallModel(1);
        var optimizer = new Optimizer(model, new AdamW());
        return t =>
        {
            optimizer.ZeroGrad();
            model.Loss(t).Backward();
            optimizer.StepClipped(1);
        };
    }

    /// <summary>What is live once everything unreachable has been found.</summary>
    private static long LiveBlocks()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        return CpuBackend.MemoryStatistics.LiveBlocks;
    }

    [CollectionDefinition(nameof(TrainingMemoryTests), DisableParallelization = true)]
    public sealed class Alone;
}
