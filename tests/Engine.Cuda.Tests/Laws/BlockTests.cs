using Edifice.Attention;
using Edifice.Attention.Tests.Laws;
using Edifice.Engine.Tests.Ops;
using Edifice.Nn;

namespace Edifice.Engine.Cuda.Tests.Laws;

/// <summary>Every block, in each of the configurations it names for its gradient check, on the card beside the CPU.</summary>
public class BlockTests
{
    private const int Batch = 2, Length = 9;

    public static TheoryData<string, string> All => SmallBlocks.All;

    public static TheoryData<string, string> Streaming => SmallBlocks.Streaming;

    [Theory]
    [MemberData(nameof(All))]
    public void States_and_gradients_agree_with_the_cpu(string block, string name)
    {
        List<(string, double[])> Run(Device device)
        {
            var (model, x, inputs) = Place(block, name, device);
            x.RequiresGrad();
            var hidden = model.ForwardSequence(x, inputs);
            hidden.Square().Sum().Backward();
            return [("hidden", OpSamples.Numbers(hidden)), ("gradient of x", OpSamples.Numbers(x.Grad!)), .. Gradients(model)];
        }

        OpSamples.AssertClose(Run(Device.Cpu), Run(TestCard.Device), 1e-11, $"{block} {name}");
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Float32_on_the_card_agrees_with_float64_on_the_cpu(string block, string name)
    {
        List<(string, double[])> Run(Device device, DType dtype)
        {
            var (model, x, inputs) = Place(block, name, device, dtype);
            x.RequiresGrad();
            var hidden = model.ForwardSequence(x, inputs);
            hidden.Square().Sum().Backward();
            return [("hidden", OpSamples.Numbers(hidden)), ("gradient of x", OpSamples.Numbers(x.Grad!)), .. Gradients(model)];
        }

        OpSamples.AssertClose(Run(Device.Cpu, DType.Float64), Run(TestCard.Device, DType.Float32), 2e-4, $"{block} {name} in float32");
    }

    [Theory]
    [MemberData(nameof(Streaming))]
    public void A_stream_on_the_card_gives_the_states_of_the_cpu(string block, string name)
    {
        using var off = Tensor.NoGrad();
        double[] Run(Device device)
        {
            var (model, x, inputs) = Place(block, name, device);
            using var state = model.InitialState(Batch);
            var hidden = new List<Tensor>();
            var t = 0;
            foreach (var n in new[] { 3, 1, 4, 1 })
            {
                var (rows, part) = (x.Narrow(1, t, n), inputs.Narrow(t, n));
                hidden.Add(n == 1 ? model.Step(rows.Squeeze(1), state, part).Unsqueeze(1) : model.Prefill(rows, state, part));
                t += n;
            }

            Assert.All(hidden, h => Assert.Equal(device, h.Device));
            return OpSamples.Numbers(Tensor.Cat([.. hidden], 1));
        }

        OpSamples.AssertClose([("hidden", Run(Device.Cpu))], [("hidden", Run(TestCard.Device))], 1e-11, $"{block} {name} as a stream");
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Steps_of_an_optimizer_move_the_parameters_as_on_the_cpu(string block, string name)
    {
        List<(string, double[])> Run(Device device)
        {
            var (model, x, inputs) = Place(block, name, device);
            // Sgd: a rule that divides by the gradient's size makes a whole step of rounding.
            var optimizer = new Optimizer(model, new Sgd { LearningRate = 0.01, Momentum = 0.9, WeightDecay = 0.01 });
            for (var step = 0; step < 2; step++)
            {
                optimizer.ZeroGrad();
                model.Forward(x, inputs).Square().Mean().Backward();
                optimizer.StepClipped(1);
            }

            return [.. model.NamedParameters().Select(p => (p.Name, OpSamples.Numbers(p.Parameter.Value)))];
        }

        OpSamples.AssertClose(Run(Device.Cpu), Run(TestCard.Device), 1e-11, $"{block} {name} after two steps");
    }

    [Fact]
    public void A_model_made_on_the_card_begins_with_the_numbers_of_one_made_on_the_cpu()
    {
        List<(string, double[])> Run(Device device)
        {
            Generator.Seeded(3);
            var model = Blocks.Build("multihead", """{"embed_dim": 8, "hidden_size": 8, "num_heads": 2, "num_layers": 1}""",
                new ParameterOptions { Device = device, DType = DType.Float64 });
            return [.. model.NamedParameters().Select(p => (p.Name, OpSamples.Numbers(p.Parameter.Value)))];
        }

        OpSamples.AssertClose(Run(Device.Cpu), Run(TestCard.Device), 1e-14, "initial values");
    }

    private static (SequenceBlock Model, Tensor X, SequenceInputs Inputs) Place(string block, string name, Device device, DType dtype = DType.Float64)
    {
        var model = SmallBlocks.Build(block, name);
        var (x, inputs) = SmallBlocks.Input(model, Batch, Length, new Generator(2));
        model.To(dtype);
        model.To(device);
        return (model, x.To(dtype).To(device),
            new SequenceInputs { KeyMask = inputs.KeyMask?.To(device), Reset = inputs.Reset?.To(device) });
    }

    private static IEnumerable<(string, double[])> Gradients(SequenceBlock model) => model.NamedParameters()
        .Select(p => ($"gradient of {p.Name}", p.Parameter.Grad is { } g ? OpSamples.Numbers(g) : []));
}
