using Edifice.Engine.Autograd;

namespace Edifice.Engine.Tests.Autograd;

public class HookTests
{
    private static Tensor Leaf(params double[] values) => Tensor.FromArray(values).RequiresGrad();

    [Fact]
    public void A_hook_sees_the_complete_cotangent_once()
    {
        var x = Leaf(2);
        var h = x * 3;
        var seen = new List<double>();
        h.RegisterHook(g =>
        {
            seen.Add(g.Item());
            return null;
        });
        (h * 5 + h * 7).Sum().Backward();
        Assert.Equal([12.0], seen);
        Assert.Equal(36, x.Grad!.Item());
    }

    [Fact]
    public void A_hook_replaces_what_flows_on()
    {
        var x = Leaf(2);
        var h = x * 3;
        h.RegisterHook(g => g * 10);
        h.RegisterHook(g => g + 1);
        h.Sum().Backward();
        Assert.Equal(33, x.Grad!.Item());
    }

    [Fact]
    public void A_hook_on_a_leaf_runs_once_on_the_sum_of_a_pass()
    {
        var x = Leaf(2);
        var seen = new List<double>();
        x.RegisterHook(g =>
        {
            seen.Add(g.Item());
            return g * 2;
        });
        (x * 3 + x * 4).Sum().Backward();
        (x * 5).Sum().Backward();
        Assert.Equal([7.0, 5], seen);
        Assert.Equal(24, x.Grad!.Item());
    }

    [Fact]
    public void A_removed_hook_is_silent_also_when_it_removes_itself()
    {
        var x = Leaf(2);
        var calls = 0;
        IDisposable? handle = null;
        handle = x.RegisterHook(_ =>
        {
            calls++;
            handle!.Dispose();
            return null;
        });
        x.RegisterHook(_ =>
        {
            calls += 10;
            return null;
        });
        (x * 3).Sum().Backward();
        (x * 3).Sum().Backward();
        Assert.Equal(21, calls);
    }

    [Fact]
    public void Hooks_run_for_gradients_as_values_too()
    {
        var x = Leaf(2);
        x.RegisterHook(g => g * 2);
        Assert.Equal(6, Gradients.Of(x * 3, x).Item());
    }

    [Fact]
    public void A_replacement_of_another_shape_is_refused()
    {
        var x = Leaf(1, 2);
        x.RegisterHook(g => g.Sum());
        var e = Assert.Throws<TensorException>(() => x.Sum().Backward());
        Assert.Contains("hook", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_hook_may_run_a_backward_pass_of_its_own()
    {
        Tensor x = Leaf(2), z = Leaf(5);
        x.RegisterHook(_ =>
        {
            using var on = GradMode.On();
            (z * z).Backward();
            return null;
        });
        (x * 3).Backward();
        Assert.Equal(3, x.Grad!.Item());
        Assert.Equal(10, z.Grad!.Item());
    }

    [Fact]
    public void A_tensor_off_the_tape_takes_no_hook() =>
        Assert.Throws<TensorException>(() => Tensor.Ones([1]).RegisterHook(_ => null));
}
