using System.Text.Json;

namespace Edifice.Attention.Checkpoints.Layouts;

/// <summary>What the causal language models of flash-linear-attention have in common around their mixers.</summary>
/// <param name="name">The layout's name.</param>
/// <param name="block">Our block.</param>
/// <param name="description">One line.</param>
/// <param name="modelTypes">What their config calls the model: now, and in other releases.</param>
internal abstract class FlaLayout(string name, string block, string description, params string[] modelTypes) : PublishedLayout(name, block, description)
{
    protected const string Attn = "model.layers.{i}.attn.", Mixer = "block.layers.{i}.mixer.", Embedding = "model.embeddings.weight";

    /// <summary>eps of their norms and of ours.</summary>
    protected const double NormEps = 1e-6;

    protected const double HiddenRatio = 4;

    protected sealed record Around(int Vocabulary, int Hidden, int Layers, bool Tied);

    /// <summary>Vocabulary, width and depth, and the refusal of what all of their models may have and our blocks do not.</summary>
    protected Around ReadAround(LayoutReader source)
    {
        var around = new Around(
            source.Extent(Embedding, 0), source.Extent(Embedding, 1), source.Layers("model.layers.", "num_hidden_layers"), source.Config.Bool("tie_word_embeddings", false));
        source.Agree("vocab_size", around.Vocabulary);
        source.Agree("hidden_size", around.Hidden);
        source.OneOf("model_type", modelTypes);
        source.Absent("attn", "the block has no layers of softmax attention among its own");
        return around;
    }

    /// <summary>What the models with a gated feed-forward and RMS norms have besides.</summary>
    protected static int ReadGated(LayoutReader source)
    {
        source.Fixed("norm_eps", NormEps);
        source.OneOf("hidden_act", "swish", "silu");
        source.Fixed("use_short_conv", false, "the block has no short convolutions");
        var inner = source.Extent("model.layers.{i}.mlp.gate_proj.weight", 0);
        source.Agree("intermediate_size", inner);
        return inner;
    }

    /// <summary>Embedding and head.</summary>
    protected static IEnumerable<LayoutRule> Ends(PublishedModel model) =>
    [
        Map(Embedding, "V, H", "embedding.weight"),
        model.Tied ? new CopyRule("lm_head.weight", "V, H", Embedding, IsWritten: false) : Map("lm_head.weight", "V, H", "head.weight"),
    ];

    /// <summary>RMS norms and gated feed-forward.</summary>
    protected static IEnumerable<LayoutRule> Gated() =>
    [
        Map("model.layers.{i}.attn_norm.weight", "H", "block.layers.{i}.norm1.weight"),
        Map("model.layers.{i}.mlp_norm.weight", "H", "block.layers.{i}.norm2.weight"),
        Map("model.layers.{i}.mlp.gate_proj.weight", "F, H", "block.layers.{i}.ffn.gate.weight"),
        Map("model.layers.{i}.mlp.up_proj.weight", "F, H", "block.layers.{i}.ffn.up.weight"),
        Map("model.layers.{i}.mlp.down_proj.weight", "H, F", "block.layers.{i}.ffn.down.weight"),
        Map("model.norm.weight", "H", "block.final_norm.weight"),
    ];

    /// <summary>The name of the norm of each head's output: that of the kernel fused with the gate where there is a gate and none
    /// was chosen otherwise.</summary>
    protected static string HeadNorm(bool gate, Func<string, bool> has) =>
        gate && !has(Attn + "g_norm.weight") ? Attn + "g_norm_swish_gate.weight" : Attn + "g_norm.weight";

    /// <summary>The number of heads, and whether each head's norm has a weight; keys and values stand apart for every head, and nothing
    /// maps queries and keys.</summary>
    protected static (int Heads, bool Affine) ReadHeads(LayoutReader source, string headNorm, int values)
    {
        var affine = source.Has(headNorm);
        var heads = source.Known("num_heads", affine ? values / source.Extent(headNorm, 0) : null);
        source.Refuse(source.Config.IntOrNull("num_kv_heads") is { } n && n != heads, "config: num_kv_heads differs from num_heads: the block's heads share no keys");
        source.Absent("feature_map", "the block maps queries and keys by nothing");
        return (heads, affine);
    }

    protected void WriteAround(PublishedModel model, Utf8JsonWriter json, string architecture)
    {
        WriteKind(json, modelTypes[0], architecture);
        json.WriteNumber("vocab_size", model.Vocabulary);
        json.WriteNumber("hidden_size", model.Options.HiddenSize);
        json.WriteNumber("num_hidden_layers", model.Options.NumLayers);
        json.WriteBoolean("tie_word_embeddings", model.Tied);
    }

    protected static void WriteGated(Utf8JsonWriter json, int inner)
    {
        json.WriteNumber("hidden_ratio", HiddenRatio);
        json.WriteNumber("intermediate_size", inner);
        json.WriteString("hidden_act", "swish");
        json.WriteNumber("norm_eps", NormEps);
    }
}
