using Edifice.Attention.Tests.Laws;
using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention.Tests.EachBlock;

public class MultiHeadTests
{
    private static readonly ParameterOptions s_double = new() { DType = DType.Float64 };

    [Fact]
    public void Parameters_have_the_names_and_shapes_of_the_page()
    {
        var block = new MultiHead(new MultiHeadOptions
        {
            EmbedDim = 3, HiddenSize = 8, NumLayers = 1, NumHeads = 2, HeadDim = 6, QkLayerNorm = true, FfnMult = 1.5,
        });
        Assert.Equal(
            """
            input_proj.weight [8, 3]
            input_proj.bias [8]
            layers.0.norm1.weight [8]
            layers.0.norm1.bias [8]
            layers.0.mixer.q_proj.weight [12, 8]
            layers.0.mixer.q_proj.bias [12]
            layers.0.mixer.k_proj.weight [12, 8]
            layers.0.mixer.k_proj.bias [12]
            layers.0.mixer.v_proj.weight [12, 8]
            layers.0.mixer.v_proj.bias [12]
            layers.0.mixer.out_proj.weight [8, 12]
            layers.0.mixer.out_proj.bias [8]
            layers.0.mixer.q_norm.weight [6]
            layers.0.mixer.q_norm.bias [6]
            layers.0.mixer.k_norm.weight [6]
            layers.0.mixer.k_norm.bias [6]
            layers.0.norm2.weight [8]
            layers.0.norm2.bias [8]
            layers.0.ffn.up.weight [12, 8]
            layers.0.ffn.up.bias [12]
            layers.0.ffn.down.weight [8, 12]
            layers.0.ffn.down.bias [8]
            final_norm.weight [8]
            final_norm.bias [8]
            """,
            string.Join("\n", block.NamedParameters().Select(p => $"{p.Name} {p.Parameter.Shape}")));
    }

    [Fact]
    public void Weights_begin_Xavier_uniform_and_biases_at_zero()
    {
        var block = new MultiHead(new MultiHeadOptions { EmbedDim = 24, HiddenSize = 64, NumLayers = 1 });
        foreach (var (name, p) in block.NamedParameters())
        {
            var values = p.Value.Detach().ToArray<float>();
            if (name.EndsWith("bias", StringComparison.Ordinal)) Assert.All(values, v => Assert.Equal(0, v));
            else if (p.Shape.Rank == 1) Assert.All(values, v => Assert.Equal(1, v));
            else
            {
                var bound = Math.Sqrt(6.0 / (p.Shape[0] + p.Shape[1]));
                Assert.InRange(values.Max(Math.Abs), 0.98 * bound, bound);
            }
        }
    }

    [Theory]
    [InlineData(PositionSignal.None)]
    [InlineData(PositionSignal.Rope)]
    [InlineData(PositionSignal.Alibi)]
    public void A_window_as_long_as_the_sequence_is_no_window(PositionSignal position)
    {
        using var off = Tensor.NoGrad();
        var full = Small(o => o with { Position = position });
        var x = Tensor.Randn([2, 9, 4], DType.Float64, generator: new Generator(2));
        foreach (var window in new[] { 9, 10, 1000 }) Near.Same(full.ForwardSequence(x), Small(o => o with { Position = position, WindowSize = window }).ForwardSequence(x));
        Assert.NotEqual(
            full.ForwardSequence(x).ToArray<double>(), Small(o => o with { Position = position, WindowSize = 8 }).ForwardSequence(x).ToArray<double>());
    }

    [Fact]
    public void With_a_window_of_one_no_position_sees_another()
    {
        var block = Small(o => o with { WindowSize = 1, Position = PositionSignal.Rope });
        var x = Tensor.Randn([1, 6, 4], DType.Float64, generator: new Generator(2)).RequiresGrad();
        block.Forward(x).Sum().Backward();
        Assert.All(x.Grad!.Narrow(1, 0, 5).ToArray<double>(), g => Assert.Equal(0, g));
        using var off = Tensor.NoGrad();
        using var state = block.InitialState(1);
        Near.Equal(block.ForwardSequence(x), Tensor.Stack([.. Enumerable.Range(0, 6).Select(t => block.Step(x.Select(1, t), state))], 1));
        Assert.All(state.Tensors().Where(t => t.Key.StartsWith("layers", StringComparison.Ordinal)), t => Assert.Equal(0, t.Value.Size(1)));
    }

    [Fact]
    public void Rotation_depends_on_distances_alone()
    {
        // The same tokens further along the stream, with nothing in sight before them, give the same states.
        using var off = Tensor.NoGrad();
        var block = Small(o => o with { Position = PositionSignal.Rope });
        var x = Tensor.Randn([1, 5, 4], DType.Float64, generator: new Generator(2));
        using var state = block.InitialState(1);
        block.Prefill(Tensor.Randn([1, 40, 4], DType.Float64), state);
        state.Reset(0);
        Near.Equal(block.ForwardSequence(x), block.Prefill(x, state));
        Assert.Equal(45, state.Time);
    }

    [Fact]
    public void Dropout_acts_in_training_alone_and_by_seed()
    {
        var block = Small(o => o with { Dropout = 0.4 });
        var x = Tensor.Randn([2, 6, 4], DType.Float64, generator: new Generator(2));
        double[] Run()
        {
            Generator.Seeded(5);
            return block.ForwardSequence(x).ToArray<double>();
        }

        Assert.Equal(Run(), Small(o => o).ForwardSequence(x).ToArray<double>());
        block.Train();
        var dropped = Run();
        Assert.Equal(dropped, Run());
        block.Eval();
        Assert.NotEqual(dropped, Run());
    }

    [Fact]
    public void It_learns_to_look_up_a_value_by_its_key()
    {
        Generator.Seeded(1);
        var block = new MultiHead(new MultiHeadOptions { EmbedDim = Recall.Width, HiddenSize = 16, NumHeads = 2, NumLayers = 2, FfnMult = 2, Dropout = 0 });
        Assert.InRange(Recall.Train(block, 60), 0, 0.2);
    }

    [Theory]
    [InlineData("""{"embed_dim": 0}""", "embed_dim must be at least 1, got 0")]
    [InlineData("""{"embed_dim": 4, "hidden_size": -1}""", "hidden_size must be at least 1, got -1")]
    [InlineData("""{"embed_dim": 4, "num_layers": 0}""", "num_layers must be at least 1, got 0")]
    [InlineData("""{"embed_dim": 4, "num_heads": 0}""", "num_heads must be at least 1, got 0")]
    [InlineData("""{"embed_dim": 4, "num_heads": 3}""", "hidden_size 256 is not divisible by num_heads 3")]
    [InlineData("""{"embed_dim": 4, "head_dim": 0}""", "head_dim must be at least 1, got 0")]
    [InlineData("""{"embed_dim": 4, "head_dim": 5, "position": "rope"}""", "the head width 5 is odd")]
    [InlineData("""{"embed_dim": 4, "rope_base": 1}""", "rope_base must be a finite number above 1, got 1")]
    [InlineData("""{"embed_dim": 4, "window_size": 0}""", "window_size must be at least 1, got 0")]
    [InlineData("""{"embed_dim": 4, "window_size": 3, "causal": false}""", "window_size needs causal = true")]
    [InlineData("""{"embed_dim": 4, "position": "ropes"}""", "position must be none, rope or alibi, got 'ropes' (did you mean 'rope'?)")]
    [InlineData("""{"embed_dim": 4, "norm": "batch"}""", "norm must be layer or rms, got 'batch'")]
    [InlineData("""{"embed_dim": 4, "ffn": "mpl"}""", "ffn must be mlp or gated, got 'mpl' (did you mean 'mlp'?)")]
    [InlineData("""{"embed_dim": 4, "ffn_mult": 0.001}""", "ffn_mult 0.001 times hidden_size 256 gives no inner width of at least 1")]
    [InlineData("""{"embed_dim": 4, "ffn_mult": -2}""", "gives no inner width of at least 1")]
    [InlineData("""{"embed_dim": 4, "dropout": 1}""", "dropout must lie in [0, 1), got 1")]
    [InlineData("""{"embed_dim": 4, "dropout": -0.1}""", "dropout must lie in [0, 1), got -0.1")]
    public void Options_outside_the_page_are_refused_with_the_reason(string json, string reason) =>
        Assert.Contains(reason, Assert.Throws<OptionException>(() => Blocks.Build("multihead", json)).Message);

    [Fact]
    public void Both_ways_there_is_no_stream()
    {
        var block = Small(o => o with { Causal = false });
        Assert.False(block.CanStream);
        Assert.Contains("causal = false", Assert.Throws<TensorException>(() => block.InitialState(1)).Message);
        var causal = Small(o => o);
        var e = Assert.Throws<TensorException>(() => block.Step(Tensor.Zeros([1, 4], DType.Float64), causal.InitialState(1)));
        Assert.Contains("does not stream", e.Message);
    }

    private static MultiHead Small(Func<MultiHeadOptions, MultiHeadOptions> change)
    {
        Generator.Seeded(9);
        var block = new MultiHead(change(new MultiHeadOptions { EmbedDim = 4, HiddenSize = 8, NumHeads = 2, NumLayers = 2, FfnMult = 2 }), s_double);
        block.Eval();
        return block;
    }
}
