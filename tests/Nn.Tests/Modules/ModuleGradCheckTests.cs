using Edifice.Engine;
using Edifice.Engine.Backends;
using Edifice.Engine.Checking;
using Edifice.Nn;

namespace Edifice.Tests.Nn;

public class ModuleGradCheckTests
{
    private static readonly ParameterOptions s_options = new() { DType = DType.Float64, Generator = new Generator(3) };

    public static TheoryData<string> Layers => [.. Cases().Select(c => c.Name)];

    private static (string Name, Func<(Module Module, Func<Tensor, Tensor> Forward, Tensor Input)> Make)[] Cases()
    {
        static Tensor Normal(params ReadOnlySpan<int> shape) => Tensor.Randn(shape, DType.Float64, generator: new Generator(9));
        static (Module, Func<Tensor, Tensor>, Tensor) Of<T>(T module, Func<T, Tensor, Tensor> forward, Tensor input) where T : Module =>
            (module, x => forward(module, x), input);
        return
        [
            ("linear", () => Of(new Linear(4, 3, options: s_options), (m, x) => m.Forward(x), Normal(2, 3, 4))),
            ("linear with activation", () => Of(new Linear(4, 3, activation: Activation.Gelu, options: s_options), (m, x) => m.Forward(x), Normal(5, 4))),
            ("layer norm", () => Of(new LayerNorm(5, options: s_options), (m, x) => m.Forward(x), Normal(3, 5))),
            ("rms norm", () => Of(new RmsNorm(5, options: s_options), (m, x) => m.Forward(x), Normal(3, 5))),
            ("group norm", () => Of(new GroupNorm(2, 4, options: s_options), (m, x) => m.Forward(x), Normal(2, 4, 3))),
            ("mlp", () => Of(new MlpFeedForward(3, 5, options: s_options), (m, x) => m.Forward(x), Normal(2, 3))),
            ("gated", () => Of(new GatedFeedForward(3, 5, bias: true, options: s_options), (m, x) => m.Forward(x), Normal(2, 3))),
            ("causal convolution", () => Of(new CausalConv1d(3, 4, options: s_options), (m, x) => m.Forward(x), Normal(2, 6, 3))),
            ("rotary", () => Of(new RotaryEmbedding(6, rotaryWidth: 4), (m, x) => m.Forward(x, 3), Normal(1, 4, 2, 6))),
            ("dropout", () => Of(new Dropout(0.4), (m, x) => m.Forward(x), Normal(4, 5))),
        ];
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void Gradients_of_a_layer_agree_with_differences_to_second_order(string name)
    {
        var (module, forward, input) = Cases().Single(c => c.Name == name).Make();
        var options = new GradCheckOptions { Function = name, Order = 2 };
        ModuleGradCheck.Run(module, x => [forward(x[0])], [input], options).ThrowIfFailed();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gradients_of_a_model_agree_with_differences_by_every_parameter(bool checkpoint)
    {
        var model = new SmallModel(4, DType.Float64, dropout: 0.3, width: 3);
        var options = new GradCheckOptions { Function = nameof(SmallModel), Checkpoint = checkpoint };
        var result = ModuleGradCheck.Run(model, _ => [model.Loss(2)], [], options);
        result.ThrowIfFailed();
    }

    [Fact]
    public void A_wrong_gradient_is_reported_by_the_name_of_its_parameter()
    {
        var layer = new Linear(3, 2, options: s_options);
        // Detaching the bias hides it from the tape, but not from the differences.
        var result = ModuleGradCheck.Run(
            layer, x => [x[0].Linear(layer.Weight) + layer.Bias!.Value.Detach()], [Tensor.Ones([1, 3], DType.Float64)]);
        Assert.Contains("bias", Assert.ThrowsAny<Exception>(result.ThrowIfFailed).Message, StringComparison.Ordinal);
    }
}
