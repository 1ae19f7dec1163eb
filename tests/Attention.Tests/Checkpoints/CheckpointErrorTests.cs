using Edifice.Attention.Checkpoints;
using Edifice.Engine;

namespace Edifice.Attention.Tests.Checkpoints;

public class CheckpointErrorTests
{
    [Fact]
    public void One_error_names_every_missing_unknown_and_misshaped_tensor()
    {
        var error = Opening("fla-gla", tensors =>
        {
            tensors["model.layers.1.attn.o_projection.weight"] = tensors["model.layers.1.attn.o_proj.weight"];
            tensors.Remove("model.layers.1.attn.o_proj.weight");
            tensors.Remove("model.layers.0.mlp.up_proj.weight");
            tensors["extra"] = Tensor.Zeros([2, 3]);
            tensors["model.layers.1.attn.k_proj.weight"] = Tensor.Zeros([12, 6]);
            tensors["model.norm.weight"] = Tensor.Zeros([12], DType.Int64);
        });
        Assert.Equal(
            [
                "missing: model.layers.0.mlp.up_proj.weight [13, 12]",
                "missing: model.layers.1.attn.o_proj.weight [12, 12]",
                "model.layers.1.attn.k_proj.weight is [12, 6] and must be [6, 12] ([K, H])",
                "model.norm.weight holds I64: weights are F64, F32, F16 or BF16",
                "unknown: 'extra' [2, 3]",
                "unknown: 'model.layers.1.attn.o_projection.weight' [12, 12] (did you mean 'model.layers.1.attn.o_proj.weight'?)",
            ],
            error.Problems.Order(StringComparer.Ordinal));
        Assert.All(error.Problems, p => Assert.Contains(p, error.Message));
    }

    [Theory]
    [InlineData(3, "missing: model.layers.2.attn.q_proj.weight [6, 12]")]
    [InlineData(1, "unknown: 'model.layers.1.attn.q_proj.weight' [6, 12]")]
    [InlineData(0, "config: num_hidden_layers says 0 layers")]
    [InlineData(int.MaxValue, "config: num_hidden_layers says 2147483647 layers, of ")]
    public void Another_number_of_layers_than_the_config_says_is_an_error(int layers, string problem) =>
        Assert.Contains(Opening("fla-gla", config: $$"""{"num_hidden_layers": {{layers}}}""").Problems, p => p.StartsWith(problem, StringComparison.Ordinal));

    [Fact]
    public void A_layer_number_of_any_size_in_a_name_is_refused_before_anything_is_sized_by_it() =>
        Assert.Contains(
            "the names that begin with blocks. say 2147483647 layers",
            Opening("rwkv7", tensors => tensors["blocks.2147483647.ln1.weight"] = Tensor.Zeros([8])).Message);

    [Fact]
    public void A_gap_in_the_layers_is_missing_tensors()
    {
        var error = Opening("rwkv7", tensors => tensors["blocks.3.ln1.weight"] = Tensor.Zeros([8]));
        Assert.Contains("missing: blocks.2.ln1.weight [8]", error.Problems);
        Assert.DoesNotContain(error.Problems, p => p.Contains("blocks.3.ln1.weight"));
        Assert.Contains("… and", error.Message);
    }

    [Theory]
    [InlineData("rwkv7", "emb.weight", "there is no emb.weight, whose shape is needed")]
    [InlineData("griffin", "embedder.input_embedding", "there is no embedder.input_embedding, whose shape is needed")]
    public void Without_the_tensors_that_tell_the_sizes_nothing_else_can_be_judged(string layout, string name, string problem) =>
        Assert.Contains(problem, Opening(layout, tensors => tensors.Remove(name)).Problems);

    [Theory]
    [InlineData("rwkv7", """{"n_layer": 5}""", "missing: blocks.4.ln2.bias [8]")]
    [InlineData("rwkv7", """{"n_embd": 9, "head_size": 8}""", "config: n_embd is 9, the tensors say 8")]
    [InlineData("fla-rwkv7", """{"norm_eps": 1e-6}""", "config: norm_eps is 1E-06; the block has 1E-05 and no option for it")]
    [InlineData("fla-rwkv7", """{"norm_bias": false}""", "config: norm_bias is false: the block's layer norms have biases")]
    [InlineData("fla-rwkv7", """{"attn": {"layers": [1], "num_heads": 2}}""", "config: attn is set: the block has no layers of softmax attention among its own")]
    [InlineData("recurrentgemma", """{"attention_bias": true, "attention_window_size": 6}""", "config: attention_bias is true")]
    [InlineData("recurrentgemma", "{}", "config: attention_window_size is missing, and shapes do not tell it")]
    [InlineData("recurrentgemma", """{"attention_window_size": 6, "intermediate_size": 24}""", "config: intermediate_size is 24, the tensors say 48")]
    [InlineData("recurrentgemma", """{"attention_window_size": 6, "rope_parameters": {"rope_theta": 500000.0}}""", "config: rope_theta must be 10000")]
    [InlineData("recurrentgemma", """{"attention_window_size": 6, "partial_rotary_factor": 1.0}""", "config: partial_rotary_factor must be 0.5")]
    [InlineData("recurrentgemma", """{"attention_window_size": 6, "hidden_activation": "silu"}""", "config: hidden_activation is 'silu'; the block has gelu_pytorch_tanh")]
    [InlineData("griffin", """{"attention_window_size": 6}""", "config: embeddings_scale_by_sqrt_dim is missing, and shapes do not tell it")]
    [InlineData("torchscale-retnet", "{}", "config: decoder_retention_heads is missing, and shapes do not tell it")]
    [InlineData("torchscale-retnet", """{"decoder_retention_heads": 3, "deepnorm": true}""", "config: deepnorm is true")]
    [InlineData("torchscale-retnet", """{"decoder_retention_heads": 3, "moe_freq": 2}""", "config: moe_freq is set")]
    [InlineData("torchscale-retnet", """{"decoder_retention_heads": 5}""", "hidden_size 12 is not divisible by num_heads 5")]
    [InlineData("fla-retnet", """{"num_heads": 4}""", "config: num_heads is 4, the tensors say 2")]
    [InlineData("fla-retnet", """{"num_kv_heads": 1}""", "config: num_kv_heads differs from num_heads")]
    [InlineData("fla-gla", """{"model_type": "mamba"}""", "config: model_type is 'mamba'; the block has gla")]
    [InlineData("fla-gla", """{"use_short_conv": true}""", "config: use_short_conv is true: the block has no short convolutions")]
    [InlineData("fla-gla", """{"feature_map": "relu"}""", "config: feature_map is set")]
    [InlineData("fla-gla", """{"clamp_min": -3}""", "config: clamp_min is set")]
    [InlineData("fla-gla", """{"hidden_act": "gelu"}""", "config: hidden_act is 'gelu'; the block has swish or silu")]
    [InlineData("fla-gla", """{"tie_word_embeddings": true}""", "lm_head.weight must be the same as model.embeddings.weight")]
    [InlineData("fla-hgrn2", "{}", "config: expand_ratio is missing, and shapes do not tell it")]
    [InlineData("fla-hgrn2", """{"expand_ratio": 3}""", "hidden_size 8 is not divisible by state_expansion 3")]
    [InlineData("fla-hgrn2", """{"expand_ratio": 4}""", "missing: lm_head.weight [11, 8]")]
    public void A_model_that_the_block_cannot_be_is_refused(string layout, string config, string problem) =>
        Assert.Contains(Opening(layout, config: config).Problems, p => p.StartsWith(problem, StringComparison.Ordinal));

    [Fact]
    public void A_pattern_of_layers_that_the_block_does_not_have_is_refused()
    {
        var error = Opening("griffin", tensors =>
        {
            foreach (var name in tensors.Keys.Where(n => n.StartsWith("blocks.1.recurrent_block", StringComparison.Ordinal)).ToArray()) tensors.Remove(name);
            tensors["blocks.1.attention_block.proj_k.weight"] = Tensor.Zeros([4, 8]);
        });
        Assert.Contains("layers 1, 2 attend: in the block it is every third, 2, 5, 8, …", error.Problems);
    }

    [Fact]
    public void A_width_that_the_block_does_not_have_is_refused() =>
        Assert.Contains(
            "the feed-forward is 20 wide: the block has whole multiples of the width 8 only",
            Opening("griffin", tensors =>
            {
                for (var i = 0; i < 3; i++) tensors[$"blocks.{i}.mlp_block.ffw_up.w"] = Tensor.Zeros([2, 8, 20]);
            }).Problems);

    [Fact]
    public void Fixed_arrays_must_be_what_the_block_computes()
    {
        static Action<IDictionary<string, Tensor>> Decays(params double[] gamma) => t => t["retnet_rel_pos.decay"] = Tensor.FromArray([.. gamma.Select(g => Math.Log(g))]);
        var right = Decays(31 / 32.0, 63 / 64.0, 127 / 128.0);
        using (var folder = new TemporaryFolder())
        using (var checkpoint = Open(folder, "torchscale-retnet", right, "{}"))
        {
            // They also tell how many heads there are.
            Assert.Equal(3, ((RetNetOptions)checkpoint.Model.Options).NumHeads);
        }

        Assert.Contains("retnet_rel_pos.decay: element 1 is", Opening("torchscale-retnet", Decays(31 / 32.0, 0.9, 127 / 128.0)).Message);
        Assert.Contains("element 0 is NaN", Opening("torchscale-retnet", Decays(-1, 0.9, 127 / 128.0)).Message);
    }

    [Fact]
    public void An_unknown_layout_has_the_nearest_name_in_its_error() =>
        Assert.Contains("did you mean 'fla-gla'?", Assert.Throws<TensorException>(() => PublishedLayouts.Find("fla-gls")).Message);

    [Fact]
    public void A_folder_without_weights_and_a_config_that_is_no_object_are_errors()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.At("empty"));
        Assert.Contains("has no .safetensors file", Assert.Throws<TensorException>(() => PublishedCheckpoint.Open(folder.At("empty"), "fla-gla")).Message);
        Assert.Throws<FileNotFoundException>(() => PublishedCheckpoint.Open(folder.At("none.safetensors"), "fla-gla"));
        MadeUpCheckpoint.Write(folder.At("x"), MadeUpCheckpoint.Of("fla-gla").Tensors(), "[1]");
        Assert.Contains("needs a JSON object", Assert.Throws<TensorException>(() => PublishedCheckpoint.Open(folder.At("x"), "fla-gla")).Message);
    }

    private static CheckpointException Opening(string layout, Action<IDictionary<string, Tensor>>? change = null, string? config = null)
    {
        using var folder = new TemporaryFolder();
        return Assert.Throws<CheckpointException>(() => Open(folder, layout, change, config));
    }

    private static PublishedCheckpoint Open(TemporaryFolder folder, string layout, Action<IDictionary<string, Tensor>>? change, string? config)
    {
        var published = MadeUpCheckpoint.Of(layout);
        var tensors = published.Tensors();
        change?.Invoke(tensors);
        MadeUpCheckpoint.Write(folder.At("x"), tensors, config ?? published.Config);
        return PublishedCheckpoint.Open(folder.At("x"), layout);
    }
}
