using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;
using Edifice.Engine.Checking;

namespace Edifice.Engine.Tests.Autograd;

public class HigherOrderTests
{
    [Fact]
    public void The_second_derivative_of_the_cube_at_two_is_twelve()
    {
        foreach (var cube in new Func<Tensor, Tensor>[] { x => x * x * x, x => x.Pow(3), x => x.Square() * x })
        {
            var x = Tensor.Scalar(2, DType.Float64).RequiresGrad();
            var first = Gradients.Of(cube(x), x, createGraph: true);
            Assert.Equal(12, first.Item());
            Assert.Equal(12, Gradients.Of(first, x).Item());
        }
    }

    [Fact]
    public void Derivatives_of_any_order_of_the_exponential_and_the_sine_are_right()
    {
        var x = Tensor.Scalar(0.4, DType.Float64).RequiresGrad();
        Tensor e = x.Exp(), s = x.Sin();
        double[] sines = [Math.Sin(0.4), Math.Cos(0.4), -Math.Sin(0.4), -Math.Cos(0.4)];
        for (var order = 1; order <= 8; order++)
        {
            e = Gradients.Of(e, x, createGraph: true);
            s = Gradients.Of(s, x, createGraph: true);
            Assert.Equal(Math.Exp(0.4), e.Item(), 1e-14);
            Assert.Equal(sines[order % 4], s.Item(), 1e-14);
        }
    }

    [Fact]
    public void Backward_with_a_graph_makes_gradients_that_can_be_differentiated()
    {
        var x = Tensor.Scalar(2, DType.Float64).RequiresGrad();
        (x * x * x).Backward(createGraph: true);
        var g = x.Grad!;
        Assert.True(g.NeedsGradient);
        x.Grad = null;
        g.Backward();
        Assert.Equal(12, x.Grad!.Item());
    }

    [Fact]
    public void A_gradient_penalty_reaches_every_parameter()
    {
        // L = (d(w x²)/dx)² = (2 w x)²: dL/dw = 8 w x², dL/dx = 8 w² x.
        Tensor x = Tensor.Scalar(3, DType.Float64).RequiresGrad(), w = Tensor.Scalar(0.5, DType.Float64).RequiresGrad();
        var slope = Gradients.Of(w * x.Square(), x, createGraph: true);
        slope.Square().Backward();
        Assert.Equal(8 * 0.5 * 9, w.Grad!.Item(), 1e-12);
        Assert.Equal(8 * 0.25 * 3, x.Grad!.Item(), 1e-12);
    }

    [Fact]
    public void A_constant_gradient_has_no_gradient_of_its_own()
    {
        var x = Tensor.Scalar(3, DType.Float64).RequiresGrad();
        var g = Gradients.Of(x * 5, x, createGraph: true);
        Assert.False(g.NeedsGradient);
        Assert.Equal(5, g.Item());
    }

    /// <summary>Fused ops fall back to their composed form for a graph of the gradient; an operand that is a function of
    /// another operand must not be differentiated through twice there.</summary>
    public static TheoryData<string> Fused => [.. s_fused.Keys];

    private static readonly Dictionary<string, Func<Tensor, Tensor>> s_fused = new()
    {
        ["gated"] = x => Tensor.Gated(Activation.Silu, x, x * x),
        ["linear"] = x => x.Linear(x.Sin(), x.Sum(1), Activation.Gelu),
        ["layer_norm"] = x => x.LayerNorm(x.Sum(0).Exp(), x.Select(0, 0) * 2),
        ["rms_norm"] = x => x.RmsNorm(x.Mean(0)),
        ["softmax"] = x => x.Softmax() * x.LogSoftmax(0),
        ["cross_entropy"] = x => (x * x).CrossEntropy(Tensor.FromArray<long>([0, 2, 1])) + x.Sum(),
        ["sdpa"] = x => Tensor.Attention(Heads(x), Heads(x.Sin()), Heads(x * x), new AttentionOptions { Causal = true }).Output,
        ["linear_scan"] = x => Tensor.LinearScan(x.Unsqueeze(0).Sigmoid(), x.Unsqueeze(0) * x.Unsqueeze(0), x.Narrow(0, 0, 1)),
        ["conv"] = x => x.Unsqueeze(0).DepthwiseConv1d(x.Exp(), x.Sum(0)),
        ["gla"] = x => Tensor.GatedLinearAttention(Heads(x), Heads(x.Cos()), Heads(x * x), -Heads(x).Square(), 0.7).Output,
        ["matmul"] = x => x.MatMul(x.Exp()).MatMul(x.Transpose()),
    };

    private static Tensor Heads(Tensor x) => x.Unsqueeze(0).Unsqueeze(2);

    [Theory]
    [MemberData(nameof(Fused))]
    public void Mixed_second_derivatives_are_right_where_operands_depend_on_each_other(string op)
    {
        var x = Tensor.Randn([3, 3], DType.Float64, generator: new Generator(11));
        var result = GradCheck.Run(t => [s_fused[op](t[0])], [x], new GradCheckOptions { Function = op, InputNames = ["x"], Order = 2 });
        Assert.True(result.Passed, result.Report);
    }

    [Fact]
    public void Mixed_second_derivatives_do_not_depend_on_the_order_of_differentiation()
    {
        Tensor x = Tensor.FromArray([0.3, -0.8]).RequiresGrad(), y = Tensor.FromArray([1.2, 0.4]).RequiresGrad();
        var f = ((x * y).Sin() * x.Exp() + (y * x * x).Tanh()).Sum();
        var byX = Gradients.Of([f], [x], createGraph: true)[0]!.Sum();
        var byY = Gradients.Of([f], [y], createGraph: true)[0]!.Sum();
        var xy = Gradients.Of([byX], [y], retainGraph: true)[0]!.ToArray<double>();
        var yx = Gradients.Of([byY], [x], retainGraph: true)[0]!.ToArray<double>();
        for (var i = 0; i < xy.Length; i++) Assert.Equal(xy[i], yx[i], 1e-14);
    }

    [Fact]
    public void A_long_chain_of_fused_ops_costs_each_op_once_for_a_graph_of_the_gradient()
    {
        // If every composed form walked the history before it, this would take hours.
        var x = Tensor.Randn([2, 4], DType.Float64, generator: new Generator(3)).RequiresGrad();
        var y = x;
        for (var i = 0; i < 3000; i++) y = (y + x).LayerNorm();
        var g = Gradients.Of([y.Square().Sum()], [x], createGraph: true)[0]!;
        Assert.True(g.NeedsGradient);
        Assert.All(g.ToArray<double>(), v => Assert.True(double.IsFinite(v)));
    }
}
