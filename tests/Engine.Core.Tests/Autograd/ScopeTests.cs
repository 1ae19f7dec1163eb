
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
}
