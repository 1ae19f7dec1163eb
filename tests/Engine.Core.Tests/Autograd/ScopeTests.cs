using System.Runtime.CompilerServices;
using Edifice.Engine.Tests.Ops;

namespace Edifice.Engine.Tests.Autograd;

public class ScopeTests
{
    [Fact]
    public void A_scope_frees_what_was_made_inside_except_what_is_kept()
    {
        Tensor kept, freed;
        using (var scope = Tensor.Scope())
        {
            freed = Tensor.Ones([3]);
            kept = scope.Keep(freed + 1);
        }

        Assert.True(freed.IsDisposed);
        Assert.False(kept.IsDisposed);
        Assert.Throws<ObjectDisposedException>(() => freed + 1);
    }

    [Fact]
    public void A_kept_tensor_belongs_to_the_scope_around()
    {
        Tensor kept;
        using (Tensor.Scope())
        {
            using (var inner = Tensor.Scope()) kept = inner.Keep(Tensor.Ones([3]));
            Assert.False(kept.IsDisposed);
        }

        Assert.True(kept.IsDisposed);
    }

    [Fact]
    public void An_outer_scope_keeps_what_an_inner_one_made()
    {
        Tensor kept;
        using (var outer = Tensor.Scope())
        using (Tensor.Scope())
            kept = outer.Keep(Tensor.Ones([3]));
        Assert.False(kept.IsDisposed);
    }

    [Fact]
    public void A_scope_keeps_nothing_that_it_would_not_free()
    {
        Tensor outside;
        using (Tensor.Scope())
        {
            outside = Tensor.Ones([3]);
            using var inner = Tensor.Scope();
            inner.Keep(outside);
        }

        Assert.True(outside.IsDisposed);
    }

    [Fact]
    public void Tensors_made_while_scopes_are_suspended_belong_to_none()
    {
        Tensor parameter, inner;
        using (Tensor.Scope())
        {
            using (TensorScope.Suspend())
            {
                parameter = Tensor.Ones([3]);
                using (Tensor.Scope()) inner = Tensor.Ones([3]);
            }
        }

        Assert.False(parameter.IsDisposed);
        Assert.True(inner.IsDisposed);
    }

    [Fact]
    public void Scopes_end_in_reverse_order_and_ending_twice_does_nothing()
    {
        var outer = Tensor.Scope();
        var inner = Tensor.Scope();
        Assert.Throws<InvalidOperationException>(outer.Dispose);
        inner.Dispose();
        inner.Dispose();
        outer.Dispose();
        outer.Dispose();
    }

    [Fact]
    public void Gradients_of_leaves_survive_the_scope_of_the_step()
    {
        var w = Tensor.FromArray([2.0, 3]).RequiresGrad();
        for (var step = 1; step <= 3; step++)
        {
            using var scope = Tensor.Scope();
            (w * w).Sum().Backward();
            Assert.Equal([4.0 * step, 6.0 * step], w.Grad!.ToArray<double>());
        }

        Assert.Equal([12.0, 18], w.Grad!.ToArray<double>());
    }

    [Fact]
    public void A_kept_result_has_its_backward_pass_after_the_scope()
    {
        var w = Tensor.FromArray([2.0, 3]).RequiresGrad();
        Tensor loss;
        using (var scope = Tensor.Scope()) loss = scope.Keep((w.Exp() * w).Tanh().Sum());
        loss.Backward();
        Assert.All(w.Grad!.ToArray<double>(), g => Assert.True(double.IsFinite(g)));
    }

    [Fact]
    public void A_backward_pass_disposes_no_cotangent_of_the_callers()
    {
        var x = Tensor.FromArray([2.0, 3]).RequiresGrad();
        using var scope = Tensor.Scope();
        var seed = Tensor.FromArray([1.0, 1]);
        // On another thread, in a scope of the same depth, a rule hands the cotangent itself on.
        var thread = new Thread(() =>
        {
            (x * 2).Clone().Expand(2, 2).Select(0, 0).Backward(seed);
            (x * 2).Contiguous().Clone().Backward(seed);
        });
        thread.Start();
        thread.Join();
        Assert.Equal([1.0, 1], seed.ToArray<double>());
        Assert.Equal([4.0, 4], x.Grad!.ToArray<double>());
    }

    [Fact]
    public void A_scope_around_a_loop_does_not_grow_with_what_the_loop_disposes()
    {
        using var scope = Tensor.Scope();
        var x = Tensor.Ones([3]);
        var dropped = new List<WeakReference>();
        for (var i = 0; i < 1000; i++) Add(x, dropped);
        Assert.Equal(1, scope.LiveCount);
        GC.Collect();
        Assert.InRange(dropped.Count(t => t.IsAlive), 0, 100);
        GC.KeepAlive(scope);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Add(Tensor x, List<WeakReference> dropped)
        {
            using var y = x + 1;
            dropped.Add(new WeakReference(y));
        }
    }

    /// <summary>The operations that are one kernel, with all their samples: those with views and broadcasts among them.</summary>
    public static TheoryData<string> OneKernel() =>
    [
        "add", "sub", "mul", "div", "pow", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge", "sum", "mean", "var", "max", "min",
        "prod", "logsumexp", "norm", "norm_1", "norm_inf", "argmax", "argmin", "select",
    ];

    [Theory]
    [MemberData(nameof(OneKernel))]
    public void An_operation_leaves_nothing_in_the_scope_but_its_results(string op)
    {
        var entry = OpSamples.Find(op);
        foreach (var sample in entry.Samples)
            foreach (var recorded in (bool[])[false, true]) // nothing is recorded without an input that requires it
            {
                var input = sample();
                foreach (var x in input.Inputs.Values)
                    if (recorded && entry.IsDifferentiable && x.DType.IsFloating()) x.RequiresGrad();
                using var scope = Tensor.Scope();
                var results = entry.Run(input);
                foreach (var (_, y) in results) y.Dispose();
                Assert.Equal(0, scope.LiveCount);
            }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 3)]
    [InlineData(3, 1)]
    [InlineData(3, 2)]
    public void A_product_leaves_nothing_in_the_scope_but_its_result(int leftRank, int rightRank)
    {
        int[] shape = [2, 4, 4];
        Tensor a = Tensor.Ones(shape[^leftRank..]), b = Tensor.Ones(shape[^rightRank..]);
        using var scope = Tensor.Scope();
        a.MatMul(b).Dispose();
        Assert.Equal(0, scope.LiveCount);
    }
}
