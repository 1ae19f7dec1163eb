using Edifice.Attention.Tests.Laws;
using Edifice.Engine;

namespace Edifice.Attention.Tests.Streaming;

public class StreamStateTests
{
    [Fact]
    public void A_step_that_fails_leaves_a_state_that_says_so()
    {
        using var off = Tensor.NoGrad();
        var block = Block();
        using var state = block.InitialState(1);
        Step(block, state);
        using var copy = state.Clone();
        // A parameter of another dtype makes the last norm fail after all layers have moved their states on.
        block.NamedParameters().Single(p => p.Name == "final_norm.weight").Parameter.Convert(DType.Float32, Device.Cpu);
        Assert.Throws<TensorException>(() => Step(block, state));
        block.NamedParameters().Single(p => p.Name == "final_norm.weight").Parameter.Convert(DType.Float64, Device.Cpu);
        Assert.Contains("half way", Assert.Throws<TensorException>(() => Step(block, state)).Message);
        Assert.Throws<TensorException>(state.Clone);
        state.Reset();
        Step(block, state);
        Near.Same(Step(block, state), Step(block, copy));
    }

    [Fact]
    public void Entries_that_no_row_can_see_are_dropped()
    {
        using var off = Tensor.NoGrad();
        var block = Block();
        using var state = block.InitialState(2);
        for (var t = 0; t < 30; t++) Step(block, state);
        Assert.Equal(30, state.Tensors()["layers.0.mixer.keys"].Size(1));
        state.Reset(0);
        Step(block, state);
        Assert.Equal(31, state.Tensors()["layers.0.mixer.keys"].Size(1));
        state.Reset(1);
        Step(block, state);
        Assert.Equal(2, state.Tensors()["layers.0.mixer.keys"].Size(1));
        Assert.Equal([2, 1], state.Positions);
        Assert.Equal(32, state.Time);
    }

    [Fact]
    public void There_is_no_row_beyond_the_batch()
    {
        using var state = Block().InitialState(2);
        Assert.Throws<TensorException>(() => state.Reset(2));
        Assert.Throws<TensorException>(() => state.Reset(-1));
    }

    [Fact]
    public void A_disposed_state_gives_its_memory_back()
    {
        using var off = Tensor.NoGrad();
        var block = Block();
        var state = block.InitialState(2);
        Step(block, state);
        var keys = state.Tensors()["layers.0.mixer.keys"];
        Assert.False(keys.Storage.IsUnique);
        state.Dispose();
        Assert.True(keys.Storage.IsUnique);
    }

    private static Tensor Step(SequenceBlock block, StreamState state) =>
        block.Step(Tensor.Randn([state.Batch, 4], DType.Float64, generator: new Generator((ulong)state.Time)), state);

    private static MultiHead Block()
    {
        Generator.Seeded(2);
        var block = new MultiHead(
            new MultiHeadOptions { EmbedDim = 4, HiddenSize = 8, NumHeads = 2, FfnMult = 1, Position = PositionSignal.Alibi },
            new Nn.ParameterOptions { DType = DType.Float64 });
        block.Eval();
        return block;
    }
}
