using Edifice.Engine;
using Edifice.Engine.Autograd;
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

    [Theory]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float16)]
    public void Narrow_factors_take_half_of_what_the_tape_holds_and_are_freed_by_the_backward_pass(DType products)
    {
        const int Layers = 8, Rows = 4096, Width = 64;
        using var whole = Tensor.Scope();
        Generator.Seeded(1);
        Linear[] layers = [.. Enumerable.Range(0, Layers).Select(_ => new Linear(Width, Width))];
        var x = Tensor.Randn([Rows, Width]).RequiresGrad();
        (long Kept, long After) Measure(DType type)
        {
            _ = LiveBlocks();
            var before = CpuBackend.MemoryStatistics.LiveBytes;
            using var region = MixedPrecision.Products(type);
            Tensor loss;
            using (var scope = Tensor.Scope())
                loss = scope.Keep(layers.Aggregate(x, (h, layer) => layer.Forward(h)).Sum());
            var kept = CpuBackend.MemoryStatistics.LiveBytes - before;
            loss.Backward();
            loss.Dispose();
            foreach (var leaf in layers.SelectMany(l => l.Parameters()).Select(p => p.Value).Append(x))
            {
                leaf.Grad!.Dispose();
                leaf.Grad = null;
            }

            _ = LiveBlocks();
            return (kept, CpuBackend.MemoryStatistics.LiveBytes - before);
        }

        // In float32 the input and the weights are there anyway. The pool rounds sizes up by at most an eighth, and
        // parameters of an earlier test may be freed meanwhile.
        const long States = (Layers - 1) * (long)Rows * Width * 4, Factors = Layers * (long)(Rows * Width + Width * Width) * 2, Slack = 256 * 1024;
        var (full, fullAfter) = Measure(DType.Float32);
        var (narrow, narrowAfter) = Measure(products);
        Assert.InRange(full, States - Slack, States * 1.15);
        Assert.InRange(narrow, Factors - Slack, Factors * 1.15);
        Assert.InRange(fullAfter, -Slack, Slack);
        Assert.InRange(narrowAfter, -Slack, Slack);
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
