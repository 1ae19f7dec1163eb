using Edifice.Attention.Checkpoints;
using Edifice.Attention.Tests.Laws;
using Edifice.Engine;
using FsCheck.Xunit;

namespace Edifice.Attention.Tests.Checkpoints;

/// <summary>From our models to published layouts.</summary>
public class ExportTests
{
    public static TheoryData<string, string, bool, double, double> Models => new()
    {
        { "rwkv7", """{"embed_dim": 8, "hidden_size": 8, "head_size": 4, "num_layers": 2, "channel_mix": "squared_relu", "group_norm_eps": 6.4e-4, "decay_lora_dim": 3}""", false, 1, 0 },
        { "rwkv7", """{"embed_dim": 64, "hidden_size": 64, "num_layers": 1, "channel_mix": "squared_relu", "dropout": 0.3, "mode": "chunkwise"}""", false, 1, 0 },
        { "fla-rwkv7", """{"embed_dim": 8, "hidden_size": 8, "head_size": 2, "num_layers": 3, "channel_mix": "squared_relu", "ffn_mult": 2, "ln0": false}""", true, 1, 0 },
        { "recurrentgemma", """{"embed_dim": 12, "hidden_size": 12, "num_layers": 6, "num_heads": 3, "num_kv_heads": 3, "lru_width": 9, "conv_width": 3, "local_attn_window": 5}""", true, 3.46875, 20 },
        { "recurrentgemma", """{"embed_dim": 8, "hidden_size": 8, "num_layers": 2, "num_heads": 2, "lru_width": 8, "lambda_init": "code"}""", true, 2.828125, 30 },
        { "griffin", """{"embed_dim": 8, "hidden_size": 8, "num_layers": 4, "num_heads": 2, "expand_factor": 1}""", true, 1, 0 },
        { "griffin", """{"embed_dim": 8, "hidden_size": 8, "num_layers": 4, "num_heads": 2, "use_local_attention": false}""", true, 2.828125, 7.5 },
        { "torchscale-retnet", """{"embed_dim": 8, "hidden_size": 8, "num_layers": 2, "num_heads": 2, "norm": "rms", "ffn": "gated", "ffn_mult": 1.7}""", true, 1, 0 },
        { "torchscale-retnet", """{"embed_dim": 16, "hidden_size": 16, "num_layers": 1, "num_heads": 4, "norm": "rms", "ffn": "gated", "ffn_act": "silu", "expand_v": 1.25}""", false, 4, 0 },
        { "fla-retnet", """{"embed_dim": 8, "hidden_size": 8, "num_layers": 2, "num_heads": 2, "norm": "rms", "ffn": "gated", "ffn_act": "silu", "rotary": "rope", "group_norm_affine": true}""", false, 1, 0 },
        { "fla-retnet", """{"embed_dim": 8, "hidden_size": 8, "num_layers": 2, "num_heads": 4, "norm": "rms", "ffn": "gated", "ffn_act": "silu", "rotary": "rope"}""", true, 1, 0 },
        { "fla-gla", """{"embed_dim": 12, "hidden_size": 12, "num_layers": 2, "num_heads": 3, "ffn_mult": 2, "ffn_multiple_of": 5}""", false, 1, 0 },
        { "fla-gla", """{"embed_dim": 10, "hidden_size": 10, "num_layers": 1, "num_heads": 3, "head_dim": 7, "expand_k": 1, "use_output_gate": false, "group_norm_affine": false, "ffn_inner_size": 3}""", true, 1, 0 },
        { "fla-hgrn2", """{"embed_dim": 12, "hidden_size": 12, "num_layers": 3, "state_expansion": 4, "scale_queries": true, "out_norm_eps": 1e-5, "ffn_inner_size": 9}""", false, 1, 0 },
        { "fla-hgrn2", """{"embed_dim": 12, "hidden_size": 12, "num_layers": 2, "scale_queries": true, "out_norm_eps": 1e-5, "use_lower_bound": false, "out_norm_affine": false, "ffn_inner_size": 9}""", true, 1, 0 },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void A_model_comes_back_bit_by_bit_and_computes_the_same(string layout, string options, bool tied, double scale, double cap)
    {
        using var off = Tensor.NoGrad();
        using var folder = new TemporaryFolder();
        var model = Model(PublishedLayouts.Find(layout).Block, options, tied, scale, cap);
        PublishedCheckpoint.Save(model, folder.At("x"), layout);
        using var checkpoint = PublishedCheckpoint.Open(folder.At("x"), layout);
        var loaded = checkpoint.Load();
        var state = loaded.StateDict();
        Assert.Equal(model.StateDict().Keys, state.Keys);
        foreach (var (name, tensor) in model.StateDict()) Near.Same(tensor, state[name]);
        var tokens = Tensor.FromArray([1L, 4, 0, 8, 8, 2, 3, 1, 5], [1, 9]);
        // How it is computed is not part of a checkpoint: other modes differ by rounding.
        Near.Equal(model.Logits(tokens), loaded.Logits(tokens), 1e-5);
        Assert.Equal(scale, loaded.Embedding.Scale);
        Assert.Equal(cap == 0 ? null : cap, loaded.LogitCap);
    }

    [Theory]
    [InlineData("gla", "fla-gla", """{"embed_dim": 8, "hidden_size": 8, "num_layers": 1, "ffn_inner_size": 8, "num_heads": 2, "gate_logit_normalizer": 8, "norm": "layer", "group_norm": "layer"}""", "gate_logit_normalizer is 8", "norm is \"layer\"", "group_norm is \"layer\"")]
    [InlineData("gla", "fla-gla", """{"embed_dim": 4, "hidden_size": 8, "num_layers": 1, "ffn_inner_size": 8, "num_heads": 2}""", "embed_dim is 4, the layout can only say 8")]
    [InlineData("gla", "fla-retnet", """{"embed_dim": 8, "hidden_size": 8, "num_layers": 1, "ffn_inner_size": 8, "num_heads": 2}""", "its block is gla, the layout's retnet")]
    [InlineData("rwkv", "rwkv7", """{"embed_dim": 8, "hidden_size": 8, "head_size": 4, "num_layers": 1, "ln0": false}""", "channel_mix is \"gated\"", "ln0 is false", "group_norm_eps is 4E-05")]
    [InlineData("hgrn", "fla-hgrn2", """{"embed_dim": 8, "hidden_size": 8, "num_layers": 1, "ffn_inner_size": 8, "state_expansion": 2}""", "scale_queries is false", "out_norm_eps is 1E-06")]
    [InlineData("retnet", "torchscale-retnet", """{"embed_dim": 8, "hidden_size": 8, "num_layers": 1, "num_heads": 2}""", "norm is \"layer\"", "ffn is \"mlp\"")]
    [InlineData("griffin", "recurrentgemma", """{"embed_dim": 8, "hidden_size": 8, "num_layers": 1, "num_heads": 2}""", "the head has a weight of its own", "multiplied by 1, in the layout by 2.828125", "the cap on scores is none, in the layout 30")]
    public void What_a_layout_cannot_say_is_an_error_that_names_all_of_it(string block, string layout, string options, params string[] problems)
    {
        using var folder = new TemporaryFolder();
        var error = Assert.Throws<CheckpointException>(() => PublishedCheckpoint.Save(Model(block, options, false, 1, 0), folder.At("x"), layout));
        Assert.All(problems, p => Assert.Contains(p, error.Message));
        Assert.Empty(folder.Names());
    }

    [Fact]
    public void Positions_that_the_embedding_adds_have_no_place_in_a_layout()
    {
        var block = Blocks.Build("gla", """{"embed_dim": 8, "hidden_size": 8, "num_layers": 1, "ffn_inner_size": 8, "num_heads": 2}""");
        var model = new LanguageModel(5, block, positions: TokenPositions.Sinusoidal, embeddingScale: 1);
        Assert.Contains("Sinusoidal positions", Assert.Throws<CheckpointException>(() => PublishedCheckpoint.Export(model, "fla-gla")).Message);
    }

    [Fact]
    public void The_fixed_arrays_of_a_published_state_dict_are_written()
    {
        var model = Model("retnet", """{"embed_dim": 18, "hidden_size": 18, "num_layers": 1, "num_heads": 3, "norm": "rms", "ffn": "gated"}""", true, 1, 0);
        var state = PublishedCheckpoint.Export(model, "torchscale-retnet");
        Near.Equal(Tensor.FromArray([1, 1, 0.01, 0.01, 0.0001, 0.0001]), state["retnet_rel_pos.angle"], 1e-9);
        Near.Equal(Tensor.FromArray([Math.Log(31 / 32.0), Math.Log(63 / 64.0), Math.Log(127 / 128.0)]), state["retnet_rel_pos.decay"], 1e-8);
        Near.Same(state["embed_tokens.weight"], state["output_projection.weight"]);
    }

    /// <summary>floor(whole · m) must be the width again, for the published code too, though part / whole · whole may fall short.</summary>
    [Property]
    public void A_width_is_its_multiple_rounded_down(FsCheck.PositiveInt part, FsCheck.PositiveInt whole)
    {
        var inner = part.Get;
        var model = new RetNetOptions { EmbedDim = whole.Get, HiddenSize = whole.Get, NumHeads = 1, ExpandV = 1, FfnMult = 1 };
        var canonical = (RetNetOptions)PublishedLayouts.Find("fla-retnet").Canonical(model with { FfnMult = inner / (double)whole.Get });
        Assert.Equal((model with { FfnMult = inner / (double)whole.Get }).InnerWidth, canonical.InnerWidth);
    }

    private static LanguageModel Model(string block, string options, bool tied, double scale, double cap)
    {
        Generator.Seeded(11);
        var model = new LanguageModel(9, Blocks.Build(block, options), tied, embeddingScale: scale, logitCap: cap == 0 ? null : cap);
        // Far from the start values, many of which are 0; norm weights between 1/2 and 2, where one less than them is exact.
        using var off = Tensor.NoGrad();
        foreach (var (name, p) in model.NamedParameters()) p.Set(name.Contains("norm") ? Tensor.Rand(p.Shape, low: 0.5, high: 2) : Tensor.Randn(p.Shape) * 0.3);
        model.Eval();
        return model;
    }
}
