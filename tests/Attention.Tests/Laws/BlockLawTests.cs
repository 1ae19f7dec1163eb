using Edifice.Attention.Checking;
using Edifice.Engine;
using Edifice.Engine.Checking;

namespace Edifice.Attention.Tests.Laws;

/// <summary>Laws of every block.</summary>
public class BlockLawTests
{
    public static TheoryData<string, string> All => SmallBlocks.All;

    public static TheoryData<string, string> Causal => SmallBlocks.Causal;

    [Theory]
    [MemberData(nameof(All))]
    public void Gradients_of_first_and_second_order_are_those_of_central_differences(string block, string name)
    {
        var result = BlockGradCheck.Run(Blocks.Find(block), SmallBlocks.Case(block, name), new GradCheckOptions { Order = 2 });
        Assert.True(result.Passed, result.Report);
    }

    [Theory]
    [MemberData(nameof(Causal))]
    public void The_future_does_not_change_a_bit_of_the_past(string block, string name)
    {
        var model = SmallBlocks.Build(block, name);
        Pieces.Check(12, cut =>
        {
            using var off = Tensor.NoGrad();
            var random = new Generator((ulong)cut.Seed);
            var (x, inputs) = SmallBlocks.Input(model, 2, cut.Total + 1, random);
            var (y, _) = SmallBlocks.Input(model, 2, cut.Total + 1, random);
            var past = cut.Lengths[0];
            var other = Tensor.Cat([x.Narrow(1, 0, past), y.Narrow(1, past, cut.Total + 1 - past) * 3], 1);
            Near.Same(model.ForwardSequence(x, inputs).Narrow(1, 0, past), model.ForwardSequence(other, inputs).Narrow(1, 0, past));
        });
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_batch_row_sees_the_others_only_where_the_block_says_so(string block, string name)
    {
        var model = SmallBlocks.Build(block, name);
        (Tensor X, SequenceInputs Inputs, Tensor Alone, Tensor Among) Run(int seed, int length)
        {
            var random = new Generator((ulong)seed);
            var (x, inputs) = SmallBlocks.Input(model, 3, length, random);
            var (y, _) = SmallBlocks.Input(model, 3, length, random);
            var mixed = Tensor.Cat([y.Narrow(0, 0, 1) * 3, x.Narrow(0, 1, 1), y.Narrow(0, 2, 1)]);
            return (x, inputs, model.ForwardSequence(x, inputs).Narrow(0, 1, 1), model.ForwardSequence(mixed, inputs).Narrow(0, 1, 1));
        }

        if (model.MixesBatch)
        {
            // What the rows share is a maximum, which this row may hold itself.
            using var off = Tensor.NoGrad();
            Assert.Contains(Enumerable.Range(0, 20).Select(seed => Run(seed, 12)), r => !r.Alone.ToArray<double>().SequenceEqual(r.Among.ToArray<double>()));
            return;
        }

        Pieces.Check(6, cut =>
        {
            using var off = Tensor.NoGrad();
            var (x, inputs, states, among) = Run(cut.Seed, cut.Total);
            Near.Same(states, among);
            var alone = new SequenceInputs { KeyMask = inputs.KeyMask?.Narrow(0, 1, 1), Reset = inputs.Reset?.Narrow(0, 1, 1) };
            Near.Equal(states, model.ForwardSequence(x.Narrow(0, 1, 1), alone));
        });
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_output_depends_on_the_first_position_as_no_dense_layer_does(string block, string name)
    {
        var model = SmallBlocks.Build(block, name);
        var x = Tensor.Randn([1, 3, model.EmbedDim], DType.Float64, generator: new Generator(5)).RequiresGrad();
        model.Forward(x).Backward(Tensor.Randn([1, model.HiddenSize], DType.Float64, generator: new Generator(6)));
        Assert.All(x.Grad!.Select(1, 0).ToArray<double>(), g => Assert.NotEqual(0, g));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Checkpointed_layers_give_the_same_gradient_bits(string block, string name)
    {
        if (SmallBlocks.Build(block, name) is not LayeredBlock model) return;
        var (x, inputs) = SmallBlocks.Input(model, 2, 6, new Generator(3));
        model.Train();
        Tensor[] Run(bool checkpoint)
        {
            model.Checkpointing = checkpoint;
            model.ZeroGrad();
            model.ForwardSequence(x, inputs).Square().Sum().Backward();
            return [.. model.Parameters().Select(p => p.Grad?.Clone() ?? p.Value.ZerosLike())];
        }

        foreach (var (plain, again) in Run(false).Zip(Run(true))) Near.Same(plain, again);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Input_of_another_width_or_without_positions_is_refused(string block, string name)
    {
        var model = SmallBlocks.Build(block, name);
        var e = Assert.Throws<TensorException>(() => model.ForwardSequence(Tensor.Zeros([1, 3, model.EmbedDim + 1], DType.Float64)));
        Assert.Contains($"[B, L, {model.EmbedDim}]", e.Message);
        Assert.Throws<TensorException>(() => model.ForwardSequence(Tensor.Zeros([3, model.EmbedDim], DType.Float64)));
        Assert.Contains("at least 1", Assert.Throws<TensorException>(() => model.Forward(Tensor.Zeros([1, 0, model.EmbedDim], DType.Float64))).Message);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Side_inputs_that_a_block_does_not_take_are_refused(string block, string name)
    {
        var model = SmallBlocks.Build(block, name);
        var x = Tensor.Zeros([1, 3, model.EmbedDim], DType.Float64);
        var mask = Tensor.Full([1, 3], 1, DType.Bool);
        foreach (var (input, given) in new[] { ("key_mask", new SequenceInputs { KeyMask = mask }), ("reset", new SequenceInputs { Reset = mask }) })
        {
            if (model.Takes.Contains(input)) continue;
            Assert.Contains($"takes no {input}", Assert.Throws<TensorException>(() => model.ForwardSequence(x, given)).Message);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Options_and_state_survive_a_file(string block, string name)
    {
        using var folder = new TemporaryFolder();
        using var off = Tensor.NoGrad();
        var model = SmallBlocks.Build(block, name);
        Blocks.Save(model, folder.At("block.safetensors"));
        var loaded = Blocks.Load(folder.At("block.safetensors"), new Nn.ParameterOptions { DType = DType.Float64 });
        loaded.Eval();
        Assert.Equal(model.Options, loaded.Options);
        var (x, inputs) = SmallBlocks.Input(model, 2, 5, new Generator(1));
        Near.Same(model.ForwardSequence(x, inputs), loaded.ForwardSequence(x, inputs));
    }
}
