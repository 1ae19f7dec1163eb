using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Tests.Nn;

public class ModuleTests
{
    [Fact]
    public void Full_names_join_the_path_with_dots_in_the_order_of_registration()
    {
        var model = new SmallModel(1);
        Assert.Equal(
            [
                "embed.weight",
                "layers.0.norm.weight", "layers.0.norm.bias", "layers.0.conv.weight", "layers.0.conv.bias",
                "layers.0.ffn.up.weight", "layers.0.ffn.up.bias", "layers.0.ffn.down.weight", "layers.0.ffn.down.bias",
                "layers.1.norm.weight", "layers.1.norm.bias", "layers.1.conv.weight", "layers.1.conv.bias",
                "layers.1.ffn.gate.weight", "layers.1.ffn.up.weight", "layers.1.ffn.down.weight",
                "final_norm.weight", "head.weight", "head.bias",
            ],
            model.NamedParameters().Select(p => p.Name));
        Assert.Equal(["scale", "calls"], model.NamedBuffers().Select(b => b.Name));
        Assert.Equal(["scale"], model.StateDict().Keys.Except(model.NamedParameters().Select(p => p.Name)));
        Assert.Contains("layers.1.ffn.gate", model.NamedModules().Select(m => m.Name));
    }

    [Fact]
    public void The_parameter_count_is_the_sum_of_all_elements()
    {
        // 5·8 table; per layer 2·8 norm, 8·3+8 conv; mlp 2·(16·8)+16+8; gated 3·16·8; 8 final norm; 5·8+5 head.
        Assert.Equal(40 + 2 * (16 + 32) + (256 + 24) + 384 + 8 + 45, new SmallModel(1).ParameterCount);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("a.b")]
    [InlineData("taken")]
    public void Names_that_are_empty_dotted_or_taken_are_refused(string name) =>
        Assert.ThrowsAny<ArgumentException>(() => new Open().Put(name));

    [Fact]
    public void A_module_cannot_contain_itself()
    {
        var outer = new ModuleList<Module>();
        var middle = new ModuleList<Module>([outer]);
        Assert.Throws<ArgumentException>(() => outer.Add(middle));
    }

    [Fact]
    public void A_tied_parameter_counts_once_and_loads_at_both_places()
    {
        var tied = new Tied();
        Assert.Equal(["first"], tied.NamedParameters().Select(p => p.Name));
        Assert.Equal(["first", "second"], tied.StateDict().Keys);
        tied.LoadStateDict(new Dictionary<string, Tensor> { ["first"] = Tensor.Full([2], 3), ["second"] = Tensor.Full([2], 3) });
        Assert.Equal([3f, 3f], tied.Second.Value.ToArray<float>());
    }

    [Fact]
    public void Training_and_evaluation_reach_every_module_below()
    {
        var model = new SmallModel(1);
        model.Eval();
        Assert.All(model.NamedModules(), m => Assert.False(m.Module.IsTraining));
        Agreement.Bits(model.Forward(Index), model.Forward(Index), "two passes in evaluation");
        model.Train();
        Assert.All(model.NamedModules(), m => Assert.True(m.Module.IsTraining));
    }

    [Fact]
    public void Conversion_keeps_parameter_objects_values_and_frozen_state()
    {
        var model = new SmallModel(1);
        var before = model.Parameters();
        var weight = before[0];
        weight.RequiresGrad = false;
        var values = weight.Value.ToArray<float>();
        model.To(DType.Float64);
        Assert.Equal(before, model.Parameters());
        Assert.All(model.Parameters(), p => Assert.Equal(DType.Float64, p.DType));
        Assert.Equal(DType.Float64, model.Scale.DType);
        Assert.Equal(DType.Int64, model.Calls.DType);
        Assert.False(weight.Value.NeedsGradient);
        Assert.True(before[1].Value.NeedsGradient);
        Assert.Equal(values.Select(v => (double)v), weight.Value.ToArray<double>());
        Assert.Throws<TensorException>(() => model.To(DType.Int32));
    }

    [Fact]
    public void A_frozen_parameter_gets_no_gradient()
    {
        var model = new SmallModel(1);
        var frozen = model.NamedParameters().Single(p => p.Name == "head.weight").Parameter;
        frozen.RequiresGrad = false;
        model.Loss(0).Backward();
        Assert.Null(frozen.Grad);
        Assert.All(model.Parameters().Where(p => p != frozen), p => Assert.NotNull(p.Grad));
    }

    [Fact]
    public void Gradients_accumulate_until_they_are_zeroed_and_their_memory_returns_at_once()
    {
        var model = new SmallModel(1, dropout: 0);
        model.Loss(0).Backward();
        var once = model.Parameters()[0].Grad!.ToArray<float>();
        model.Loss(0).Backward();
        Assert.Equal(once.Select(g => 2 * g), model.Parameters()[0].Grad!.ToArray<float>());
        var gradient = model.Parameters()[0].Grad!;
        model.ZeroGrad();
        Assert.All(model.Parameters(), p => Assert.Null(p.Grad));
        Assert.True(gradient.IsDisposed);
    }

    [Fact]
    public void A_gradient_on_the_tape_survives_zeroing()
    {
        var parameter = new Parameter(Tensor.FromArray(new[] { 2.0, -3 }));
        (parameter.Value * parameter.Value * parameter.Value).Sum().Backward(createGraph: true);
        var gradient = parameter.Grad!;
        parameter.ZeroGrad();
        gradient.Sum().Backward();
        Assert.Equal([12.0, -18], parameter.Grad!.ToArray<double>());
    }

    [Fact]
    public void A_model_made_inside_a_scope_outlives_it()
    {
        SmallModel model;
        using (Tensor.Scope()) model = new SmallModel(1);
        using (Tensor.Scope()) model.Loss(0).Backward();
        Assert.All(model.Parameters(), p => Assert.True(p.Grad!.Count == p.Count));
    }

    [Fact]
    public void A_parameter_shares_its_memory_with_nobody()
    {
        var source = Tensor.Full([2, 3], 1);
        var parameter = new Parameter(source.Transpose());
        source.FillInPlace(7);
        Assert.True(parameter.Value.IsContiguous);
        Assert.All(parameter.Value.ToArray<float>(), v => Assert.Equal(1, v));
        Assert.Throws<TensorException>(() => new Parameter(Tensor.Arange(3)));
    }

    [Fact]
    public void Setting_a_parameter_between_forward_and_backward_is_noticed()
    {
        var parameter = new Parameter(Tensor.Full([2], 1));
        var loss = (parameter.Value * parameter.Value).Sum();
        parameter.Set(Tensor.Full([2], 5));
        Assert.Throws<AutogradException>(() => loss.Backward());
    }

    [Fact]
    public void A_substituted_parameter_takes_the_gradient_and_the_own_one_returns()
    {
        var layer = new Linear(2, 1, bias: false, options: new ParameterOptions { DType = DType.Float64 });
        var own = layer.Weight.Value;
        var other = Tensor.FromArray(new double[,] { { 2, 3 } }).RequiresGrad();
        var x = Tensor.FromArray(new[] { 5.0, 7 });
        using (layer.Substitute(new Dictionary<string, Tensor> { ["weight"] = other }))
        {
            var y = layer.Forward(x);
            Assert.Equal(31, y.Item());
            y.Backward();
            Assert.Throws<InvalidOperationException>(() => layer.Substitute(new Dictionary<string, Tensor> { ["weight"] = other }));
        }

        Assert.Equal([5.0, 7], other.Grad!.ToArray<double>());
        Assert.Null(own.Grad);
        Assert.Same(own, layer.Weight.Value);
        Assert.Throws<TensorException>(() => layer.Substitute(new Dictionary<string, Tensor> { ["weigth"] = other }));
        Assert.Throws<TensorException>(() => layer.Substitute(new Dictionary<string, Tensor> { ["weight"] = x }));
    }

    internal static Tensor Index => Tensor.FromArray(new long[,] { { 0, 1, 2 }, { 4, 3, 2 } });

    private sealed class Open : Module
    {
        public Open() => Register("taken", Tensor.Zeros([1]));

        public void Put(string name) => RegisterBuffer(name, Tensor.Zeros([1]));
    }

    private sealed class Tied : Module
    {
        public Tied()
        {
            var first = Register("first", Tensor.Zeros([2]));
            Second = Register("second", first);
        }

        public Parameter Second { get; }
    }
}
