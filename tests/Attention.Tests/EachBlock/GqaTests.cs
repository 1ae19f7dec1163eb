using Edifice.Attention.Tests.Laws;
using Edifice.Engine;
using Edifice.Nn;
using FsCheck.Xunit;

namespace Edifice.Attention.Tests.EachBlock;

public class GqaTests
{
    private static readonly ParameterOptions s_double = new() { DType = DType.Float64 };

    [Property(MaxTest = 12)]
    public void Every_number_of_key_value_heads_is_multihead_with_their_weights_repeated(byte seed, bool rope, bool bias, bool window)
    {
        using var off = Tensor.NoGrad();
        foreach (var g in new[] { 1, 2, 3, 6 })
        {
            Generator.Seeded(seed);
            var gqa = new Gqa(
                new GqaOptions
                {
                    EmbedDim = 5, HiddenSize = 12, NumLayers = 2, NumHeads = 6, NumKvHeads = g, HeadDim = 4, Rope = rope, Bias = bias,
                    WindowSize = window ? 3 : null, FfnMult = 1,
                },
                s_double);
            var multiHead = new MultiHead(
                new MultiHeadOptions
                {
                    EmbedDim = 5, HiddenSize = 12, NumLayers = 2, NumHeads = 6, HeadDim = 4, Bias = bias,
                    Position = rope ? PositionSignal.Rope : PositionSignal.None, WindowSize = window ? 3 : null, FfnMult = 1,
                },
                s_double);
            foreach (var p in gqa.Parameters()) p.Set(p.Value.Detach() + Tensor.Randn(p.Shape, DType.Float64, std: 0.3));
            multiHead.LoadStateDict(gqa.StateDict().ToDictionary(p => p.Key, p => Repeated(p.Key, p.Value, g, 6 / g)));
            gqa.Eval();
            multiHead.Eval();
            var x = Tensor.Randn([2, 7, 5], DType.Float64);
            Near.Equal(multiHead.ForwardSequence(x), gqa.ForwardSequence(x), 1e-12);
        }
    }

    [Fact]
    public void The_cache_holds_the_key_value_heads_only()
    {
        using var off = Tensor.NoGrad();
        var block = new Gqa(new GqaOptions { EmbedDim = 4, HiddenSize = 16, NumLayers = 2, NumHeads = 8, NumKvHeads = 2 });
        using var state = block.InitialState(3);
        block.Eval();
        block.Prefill(Tensor.Zeros([3, 5, 4]), state);
        Assert.Equal([3, 5, 2, 2], state.Tensors()["layers.1.mixer.values"].Shape);
    }

    [Fact]
    public void Queries_share_key_value_heads_in_runs_of_neighbours()
    {
        // Only the first of two key-value heads has values, so only the first two of four query heads can pass any on.
        using var off = Tensor.NoGrad();
        var block = new Gqa(new GqaOptions { EmbedDim = 4, HiddenSize = 4, NumLayers = 1, NumHeads = 4, NumKvHeads = 2, HeadDim = 1, Bias = false }, s_double);
        block.Eval();
        var state = block.StateDict();
        state["layers.0.mixer.v_proj.weight"].Select(0, 1).FillInPlace(0);
        state["layers.0.mixer.out_proj.weight"].CopyFrom(Tensor.Eye(4, dtype: DType.Float64));
        state["layers.0.ffn.down.weight"].FillInPlace(0);
        var x = Tensor.Randn([1, 3, 4], DType.Float64);
        var mixed = block.ForwardSequence(x);
        var plain = x.LayerNorm();
        state["layers.0.mixer.out_proj.weight"].Narrow(1, 0, 2).FillInPlace(0);
        Near.Equal(plain, block.ForwardSequence(x), 1e-12);
        Assert.NotEqual(plain.ToArray<double>(), mixed.ToArray<double>());
    }

    [Fact]
    public void It_learns_to_look_up_a_value_by_its_key()
    {
        Generator.Seeded(1);
        var block = new Gqa(new GqaOptions { EmbedDim = Recall.Width, HiddenSize = 16, NumHeads = 4, NumKvHeads = 2, NumLayers = 2, FfnMult = 2, Dropout = 0 });
        Assert.InRange(Recall.Train(block, 60), 0, 0.2);
    }

    [Theory]
    [InlineData("""{"embed_dim": 4, "num_kv_heads": 3}""", "num_heads 8 is not divisible by num_kv_heads 3")]
    [InlineData("""{"embed_dim": 4, "num_kv_heads": 0}""", "num_kv_heads must be at least 1, got 0")]
    [InlineData("""{"embed_dim": 4, "num_heads": 6}""", "hidden_size 256 is not divisible by num_heads 6")]
    [InlineData("""{"embed_dim": 4, "num_heads": 4, "hidden_size": 12, "rope": true}""", "the head width 3 is odd")]
    [InlineData("""{"embed_dim": 4, "rope_base": 0.5}""", "rope_base must be a finite number above 1, got 0.5")]
    [InlineData("""{"embed_dim": 4, "window_size": -1}""", "window_size must be at least 1, got -1")]
    [InlineData("""{"embed_dim": 4, "window_size": 3, "causal": false}""", "window_size needs causal = true")]
    [InlineData("""{"embed_dim": 4, "position": "rope"}""", "there is no option 'position'")]
    [InlineData("""{"embed_dim": 4, "ffn": "glu"}""", "ffn must be mlp or gated, got 'glu'")]
    [InlineData("""{"embed_dim": 4, "dropout": 2}""", "dropout must lie in [0, 1), got 2")]
    public void Options_outside_the_page_are_refused_with_the_reason(string json, string reason) =>
        Assert.Contains(reason, Assert.Throws<OptionException>(() => Blocks.Build("gqa", json)).Message);

    /// <summary>Rows of the key and value projections, each head's repeated.</summary>
    private static Tensor Repeated(string name, Tensor value, int heads, int times)
    {
        if (!name.Contains("k_proj") && !name.Contains("v_proj")) return value;
        var perHead = value.Unflatten(0, heads, 1, value.Size(0) / heads);
        int[] shape = [.. perHead.Shape];
        shape[1] = times;
        return perHead.Expand(shape).Flatten(0, 2);
    }
}
