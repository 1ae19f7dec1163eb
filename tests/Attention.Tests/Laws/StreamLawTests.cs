using Edifice.Engine;
using Edifice.Engine.Serialization;

namespace Edifice.Attention.Tests.Laws;

/// <summary>Laws of every block that streams.</summary>
public class StreamLawTests
{
    public static TheoryData<string, string> Streaming => SmallBlocks.Streaming;

    [Theory]
    [MemberData(nameof(Streaming))]
    public void A_stream_in_pieces_gives_the_states_of_the_whole_pass(string block, string name)
    {
        var model = SmallBlocks.Build(block, name);
        Pieces.Check(12, cut =>
        {
            using var off = Tensor.NoGrad();
            var (x, inputs) = SmallBlocks.Input(model, 2, cut.Total, new Generator((ulong)cut.Seed));
            using var state = model.InitialState(2);
            Near.Equal(model.ForwardSequence(x, inputs), Run(model, x, inputs, state, cut.Lengths));
            Assert.Equal(cut.Total, state.Time);
        });
    }

    [Theory]
    [MemberData(nameof(Streaming))]
    public void Gradients_flow_through_the_state_as_through_the_whole_pass(string block, string name)
    {
        var model = SmallBlocks.Build(block, name);
        var (x, inputs) = SmallBlocks.Input(model, 2, 7, new Generator(2));
        Tensor[] Gradients(Func<Tensor, Tensor> run)
        {
            model.ZeroGrad();
            var leaf = x.Detach().RequiresGrad();
            run(leaf).Square().Sum().Backward();
            return [leaf.Grad!.Clone(), .. model.Parameters().Select(p => p.Grad?.Clone() ?? p.Value.ZerosLike())];
        }

        var whole = Gradients(leaf => model.ForwardSequence(leaf, inputs));
        var streamed = Gradients(leaf => Run(model, leaf, inputs, model.InitialState(2), [3, 1, 2, 1]));
        foreach (var (a, b) in whole.Zip(streamed)) Near.Equal(a, b);
    }

    [Theory]
    [MemberData(nameof(Streaming))]
    public void A_copied_state_goes_on_alone(string block, string name)
    {
        var model = SmallBlocks.Build(block, name);
        Pieces.Check(6, cut =>
        {
            using var off = Tensor.NoGrad();
            var random = new Generator((ulong)cut.Seed);
            var (x, inputs) = SmallBlocks.Input(model, 2, cut.Total, random);
            var (y, others) = SmallBlocks.Input(model, 2, 3, random);
            using var state = model.InitialState(2);
            Run(model, x, inputs, state, cut.Lengths);
            using var copy = state.Clone();
            var expected = Run(model, y, others, state, [1, 2]);
            Run(model, x, inputs, state, cut.Lengths);
            Near.Same(expected, Run(model, y, others, copy, [1, 2]));
        });
    }

    [Theory]
    [MemberData(nameof(Streaming))]
    public void A_saved_state_goes_on_with_the_same_bits(string block, string name)
    {
        using var folder = new TemporaryFolder();
        var path = folder.At("state.safetensors");
        var model = SmallBlocks.Build(block, name);
        Pieces.Check(6, cut =>
        {
            using var off = Tensor.NoGrad();
            var random = new Generator((ulong)cut.Seed);
            var (x, inputs) = SmallBlocks.Input(model, 2, cut.Total, random);
            var (y, others) = SmallBlocks.Input(model, 2, 4, random);
            using var state = model.InitialState(2);
            Run(model, x, inputs, state, cut.Lengths);
            state.Save(path);
            using var file = SafetensorsFile.Open(path);
            using var loaded = model.StateFrom(file.Tensors.Keys.ToDictionary(n => n, n => file.Read(n)));
            Assert.Equal(state.Time, loaded.Time);
            Assert.Equal(state.Positions, loaded.Positions);
            Near.Same(Run(model, y, others, state, [1, 3]), Run(model, y, others, loaded, [1, 3]));
        });
    }

    [Theory]
    [MemberData(nameof(Streaming))]
    public void A_row_begun_anew_does_as_a_fresh_stream_and_leaves_the_others_alone(string block, string name)
    {
        var model = SmallBlocks.Build(block, name);
        Pieces.Check(8, cut =>
        {
            using var off = Tensor.NoGrad();
            var random = new Generator((ulong)cut.Seed);
            var (x, inputs) = SmallBlocks.Input(model, 3, cut.Total, random);
            var (y, others) = SmallBlocks.Input(model, 3, 9, random);
            using var state = model.InitialState(3);
            using var untouched = model.InitialState(3);
            Run(model, x, inputs, state, cut.Lengths);
            Run(model, x, inputs, untouched, cut.Lengths);
            state.Reset(1);
            Assert.Equal(0, state.Positions[1]);
            int[] lengths = [1, 4, 1, 3];
            var after = Run(model, y, others, state, lengths);
            Near.Equal(Run(model, y, others, model.InitialState(3), lengths).Narrow(0, 1, 1), after.Narrow(0, 1, 1));
            var going = Run(model, y, others, untouched, lengths);
            foreach (var row in new[] { 0, 2 }) Near.Equal(going.Narrow(0, row, 1), after.Narrow(0, row, 1));
        });
    }

    [Theory]
    [MemberData(nameof(Streaming))]
    public void A_state_begun_anew_gives_the_bits_of_a_fresh_one(string block, string name)
    {
        var model = SmallBlocks.Build(block, name);
        Pieces.Check(5, cut =>
        {
            using var off = Tensor.NoGrad();
            var (x, inputs) = SmallBlocks.Input(model, 2, cut.Total, new Generator((ulong)cut.Seed));
            using var state = model.InitialState(2);
            var first = Run(model, x, inputs, state, cut.Lengths);
            state.Reset();
            Near.Same(first, Run(model, x, inputs, state, cut.Lengths));
        });
    }

    [Theory]
    [MemberData(nameof(Streaming))]
    public void A_state_outlives_the_scopes_of_its_steps(string block, string name)
    {
        using var off = Tensor.NoGrad();
        var model = SmallBlocks.Build(block, name);
        var (x, inputs) = SmallBlocks.Input(model, 2, 20, new Generator(4));
        using var state = model.InitialState(2);
        var hidden = new List<Tensor>();
        for (var t = 0; t < x.Size(1); t++)
        {
            using var scope = Tensor.Scope();
            hidden.Add(scope.Keep(model.Step(x.Select(1, t), state, inputs.Narrow(t, 1))));
        }

        Near.Equal(model.ForwardSequence(x, inputs), Tensor.Stack([.. hidden], 1));
    }

    [Theory]
    [MemberData(nameof(Streaming))]
    public void A_state_of_another_batch_or_block_is_refused(string block, string name)
    {
        var model = SmallBlocks.Build(block, name);
        var x = Tensor.Zeros([3, model.EmbedDim], DType.Float64);
        var e = Assert.Throws<TensorException>(() => model.Step(x, model.InitialState(2)));
        Assert.Contains("2 streams", e.Message);
        var other = Blocks.Build("multihead", """{"embed_dim": 2, "hidden_size": 6, "num_heads": 3, "num_layers": 5}""");
        Assert.Contains("other options", Assert.Throws<TensorException>(() => model.Step(x, other.InitialState(3))).Message);
        Assert.Throws<TensorException>(() => model.InitialState(0));
    }

    [Theory]
    [MemberData(nameof(Streaming))]
    public void Saved_tensors_that_do_not_fit_are_refused_by_name(string block, string name)
    {
        using var off = Tensor.NoGrad();
        var model = SmallBlocks.Build(block, name);
        using var state = model.InitialState(2);
        model.Prefill(Tensor.Ones([2, 4, model.EmbedDim], DType.Float64), state);
        var tensors = state.Tensors();
        var slot = tensors.Keys.First(n => n.StartsWith("layers.", StringComparison.Ordinal));
        Assert.Contains(slot, Refused(tensors.Where(t => t.Key != slot)));
        Assert.Contains($"did you mean '{slot}'", Refused(tensors.Append(new(slot + "x", tensors[slot]))));
        Assert.Contains(slot, Refused(tensors.Select(t => t.Key == slot ? new(slot, t.Value.Narrow(0, 0, 1)) : t)));
        Assert.Contains("position", Refused(tensors.Select(t => t.Key == "position" ? new("position", Tensor.FromArray([1L, 5])) : t)));

        string Refused(IEnumerable<KeyValuePair<string, Tensor>> changed) =>
            Assert.Throws<TensorException>(() => model.StateFrom(changed.ToDictionary())).Message;
    }

    /// <summary>Runs a stream in pieces, those of length 1 as steps.</summary>
    private static Tensor Run(SequenceBlock model, Tensor x, SequenceInputs inputs, StreamState state, int[] lengths)
    {
        var hidden = new List<Tensor>();
        var t = 0;
        foreach (var n in lengths)
        {
            var (rows, part) = (x.Narrow(1, t, n), inputs.Narrow(t, n));
            hidden.Add(n == 1 ? model.Step(rows.Squeeze(1), state, part).Unsqueeze(1) : model.Prefill(rows, state, part));
            t += n;
        }

        return Tensor.Cat([.. hidden], 1);
    }
}
