using Edifice.Engine.Autograd;
using Edifice.Engine.Checking;

namespace Edifice.Engine.Tests.Autograd;

public class CustomFunctionTests
{
    /// <summary>(a b, sin a), with a rule written in tensor ops.</summary>
    private sealed class ProductAndSine : CustomFunction
    {
        protected override Tensor[] Forward(Tensor[] inputs)
        {
            Save(inputs[0], inputs[1]);
            return [inputs[0] * inputs[1], inputs[0].Sin()];
        }

        protected override Tensor?[] Backward(Tensor?[] cotangents)
        {
            Tensor a = Saved(0), b = Saved(1);
            Tensor? da = null;
            if (cotangents[0] is { } g) da = g * b;
            if (cotangents[1] is { } h) da = da is null ? h * a.Cos() : da + h * a.Cos();
            return [da, Needs(1) && cotangents[0] is { } c ? c * a : null];
        }
    }

    /// <summary>Whatever the test gives it.</summary>
    private sealed class Given(Func<Tensor[], Tensor[]> forward, Func<Tensor?[], Tensor?[]> backward) : CustomFunction
    {
        protected override Tensor[] Forward(Tensor[] inputs) => forward(inputs);

        protected override Tensor?[] Backward(Tensor?[] cotangents) => backward(cotangents);
    }

    private static Tensor Leaf(params double[] values) => Tensor.FromArray(values).RequiresGrad();

    [Fact]
    public void Its_gradients_of_both_orders_agree_with_differences()
    {
        var random = new Generator(1);
        var result = GradCheck.Run(x => new ProductAndSine().Apply(x),
            [Tensor.Randn([2, 3], DType.Float64, generator: random), Tensor.Randn([2, 3], DType.Float64, generator: random)],
            new GradCheckOptions { Order = 2 });
        Assert.True(result.Passed, result.Report);
    }

    [Fact]
    public void A_wrong_rule_is_found()
    {
        var result = GradCheck.Run(
            x => new Given(t => [t[0] * 2], g => [g[0]! * 2.001]).Apply(x), [Tensor.Ones([2], DType.Float64)]);
        Assert.False(result.Passed);
    }

    [Fact]
    public void A_result_nobody_uses_gives_its_rule_null()
    {
        var x = Leaf(2);
        var y = new ProductAndSine().Apply(x, x.Detach());
        y[1].Backward();
        Assert.Equal(Math.Cos(2), x.Grad!.Item(), 1e-15);
    }

    [Fact]
    public void An_input_a_captured_parameter_or_one_tensor_twice_as_result_keep_their_own_places()
    {
        Tensor x = Leaf(2), w = Leaf(3);
        var y = new Given(Forward, g => [Sum(g)]).Apply(x);
        Assert.True(w.IsLeaf);
        Assert.NotSame(x, y[0]);
        Assert.NotSame(y[2], y[3]);
        (y[0] + y[1] + y[2] + y[3]).Backward();
        Assert.Equal(4, x.Grad!.Item());

        Tensor[] Forward(Tensor[] t)
        {
            var twice = t[0] * 5;
            return [t[0], w, twice, twice];
        }

        static Tensor? Sum(Tensor?[] g) => g.Aggregate((a, b) => a is null ? b : b is null ? a : a + b);
    }

    [Fact]
    public void The_wrong_number_shape_or_dtype_of_gradients_is_an_error_that_names_the_function()
    {
        foreach (var wrong in new Func<Tensor?[], Tensor?[]>[]
        {
            g => [],
            g => [g[0], g[0]],
            g => [Tensor.Ones([3], DType.Float64)],
            g => [g[0]!.To(DType.Float32)],
        })
        {
            var y = new Given(t => [t[0] * 2], wrong).Apply(Leaf(1, 2))[0];
            var e = Assert.Throws<AutogradException>(() => y.Sum().Backward());
            Assert.Contains(nameof(Given), e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Kept_tensors_are_checked_against_writes_and_survive_disposal()
    {
        var x = Leaf(2);
        var h = x * 1;
        var y = new ProductAndSine().Apply(h, h)[0];
        h.Dispose();
        y.Backward();
        Assert.Equal(4, x.Grad!.Item());

        var k = x * 1;
        var z = new ProductAndSine().Apply(k, k)[0];
        k.Detach().FillInPlace(9);
        var e = Assert.Throws<AutogradException>(() => z.Backward());
        Assert.Contains(nameof(ProductAndSine), e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Kept_tensors_are_for_the_backward_pass()
    {
        var f = new Peeking();
        Assert.Throws<AutogradException>(() => f.Apply(Leaf(1)));
    }

    private sealed class Peeking : CustomFunction
    {
        protected override Tensor[] Forward(Tensor[] inputs) => [Saved(0)];

        protected override Tensor?[] Backward(Tensor?[] cotangents) => cotangents;
    }
}
