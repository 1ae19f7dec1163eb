using Edifice.Engine.Autograd;

namespace Edifice.Engine.Tests.Autograd;

public class CheckpointTests
{
    private readonly Tensor _w = Tensor.Randn([4, 4], DType.Float64, generator: new Generator(1)).RequiresGrad();
    private readonly Tensor _b = Tensor.Randn([4], DType.Float64, generator: new Generator(2)).RequiresGrad();
    private readonly Tensor _x = Tensor.Randn([3, 4], DType.Float64, generator: new Generator(3)).RequiresGrad();

    /// <summary>Parameters are captured, not passed; dropout draws from the thread's stream.</summary>
    private Tensor Region(Tensor x) => (x.MatMul(_w).Tanh().Dropout(0.3) + _b).Softmax() * x.Sin();

    private Tensor[] Inputs => [_x, _w, _b];

    private double[][] Gradient(Func<Tensor, Tensor> f, bool graph = false)
    {
        Generator.Seeded(9);
        var y = f(_x);
        var tail = Generator.Current.NextDouble();
        var g = Gradients.Of([(y * y).Sum()], Inputs, createGraph: graph);
        if (graph) g = Gradients.Of([g.Select(t => t!.Square().Sum()).Aggregate((a, b) => a + b)], Inputs);
        return [y.ToArray<double>(), [tail, Generator.Current.NextDouble()], .. g.Select(t => t!.ToArray<double>())];
    }

    [Fact]
    public void A_checkpoint_changes_no_bit_of_values_gradients_and_random_numbers()
    {
        Assert.Equal(Gradient(Region), Gradient(x => Gradients.Checkpoint(() => Region(x))));
        Assert.Equal(Gradient(Region, graph: true), Gradient(x => Gradients.Checkpoint(() => Region(x)), graph: true));
    }

    [Fact]
    public void Checkpoints_follow_and_contain_each_other()
    {
        Tensor Plain(Tensor x) => Region(Region(x) + Region(x));
        Tensor Nested(Tensor x) => Gradients.Checkpoint(() =>
        {
            var h = Gradients.Checkpoint(() => Region(x));
            return Region(h + Gradients.Checkpoint(() => Region(x)));
        });
        Assert.Equal(Gradient(Plain), Gradient(Nested));
        Assert.Equal(Gradient(Plain, graph: true), Gradient(Nested, graph: true));
    }

    [Fact]
    public void A_region_with_several_results_gives_each_its_gradient()
    {
        Tensor Plain(Tensor x) => x.Exp() * x.MatMul(_w).Sin() + _b;
        Tensor Several(Tensor x)
        {
            var parts = Gradients.Checkpoint(() => new[] { x.Exp(), x.MatMul(_w).Sin() });
            return parts[0] * parts[1] + _b;
        }

        Assert.Equal(Gradient(Plain), Gradient(Several));
    }

    [Fact]
    public void A_backward_pass_inside_a_region_works()
    {
        Tensor Penalty(Tensor x)
        {
            var y = x.MatMul(_w).Tanh();
            var slope = Gradients.Of([y.Sum()], [y], createGraph: true)[0]! + Gradients.Of([y.Exp().Sum()], [x], createGraph: true)[0]!;
            return slope * y + _b;
        }

        Assert.Equal(Gradient(Penalty), Gradient(x => Gradients.Checkpoint(() => Penalty(x))));
    }

    [Fact]
    public void The_region_runs_once_more_for_the_backward_pass_and_not_at_all_without_one()
    {
        var runs = 0;
        Tensor Counted()
        {
            runs++;
            return Region(_x);
        }

        using (Tensor.NoGrad()) Gradients.Checkpoint(Counted);
        Assert.Equal(1, runs);
        var y = Gradients.Checkpoint(Counted);
        Assert.Equal(2, runs);
        Gradients.Of([y.Sum()], Inputs, retainGraph: true);
        Assert.Equal(3, runs);
        Gradients.Of([y.Sum()], Inputs);
        Assert.Equal(3, runs);
    }

    [Fact]
    public void The_tape_keeps_none_of_the_regions_own_values()
    {
        var inner = new List<WeakReference<Storage>>();
        var y = Make(inner);
        // The CPU backend keeps the last few operands of a thread reachable.
        for (var i = 0; i < 100; i++) _ = -_b;
        GC.Collect();
        Assert.DoesNotContain(inner, r => r.TryGetTarget(out _));
        y.Sum().Backward();
        Assert.NotNull(_w.Grad);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private Tensor Make(List<WeakReference<Storage>> inner) => Gradients.Checkpoint(() =>
    {
        var h = _x.MatMul(_w);
        var e = h.Exp();
        if (inner.Count == 0) inner.AddRange([new(h.Storage), new(e.Storage)]);
        return e * h + _b;
    });

    [Fact]
    public void Parameters_are_let_go_of_after_the_backward_pass()
    {
        var w = Tensor.Randn([4, 4], DType.Float64).RequiresGrad();
        Gradients.Checkpoint(() => _x.MatMul(w).Exp() * _x).Sum().Backward();
        Assert.True(w.Storage.IsUnique);
        Assert.True(w.Grad!.Storage.IsUnique);
    }

    [Fact]
    public void A_region_that_changes_between_its_runs_is_an_error()
    {
        var first = true;
        var y = Gradients.Checkpoint(() =>
        {
            var h = first ? _x.Exp().Sin() : _x.Exp();
            first = false;
            return h * _x;
        });
        var e = Assert.Throws<AutogradException>(() => y.Sum().Backward());
        Assert.Contains("checkpoint", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_scope_around_a_checkpoint_frees_nothing_the_backward_pass_needs()
    {
        var expected = Gradient(Region);
        Assert.Equal(expected, Gradient(x =>
        {
            using var memory = Tensor.Scope();
            return memory.Keep(Gradients.Checkpoint(() => Region(x)));
        }));
    }
}
