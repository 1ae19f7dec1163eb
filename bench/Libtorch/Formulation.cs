using Edifice.Attention;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>A block of ours written in libtorch's eager operations, the fastest way known, with the block's own values.</summary>
/// <param name="block">Whose parameters and buffers are copied.</param>
internal abstract class Formulation(SequenceBlock block)
{
    /// <summary>Parameters and buffers by our names.</summary>
    public Weights Weights { get; } = Weights.Of(block);

    /// <summary>How libtorch computes the mixer, in a line.</summary>
    public abstract string Description { get; }

    /// <summary>The hidden states of a whole sequence.</summary>
    /// <param name="x">[B, L, E].</param>
    /// <returns>[B, L, H], or what else the block gives.</returns>
    public abstract Twin ForwardSequence(Twin x);
}

/// <summary>The model that most blocks share: input projection where widths differ, layers x += mixer(norm1(x)), x += ffn(norm2(x)),
/// final norm.</summary>
/// <param name="block">Whose parameters are copied.</param>
internal abstract class LayeredFormulation(SequenceBlock block) : Formulation(block)
{
    /// <summary>How many layers.</summary>
    protected int LayerCount { get; } = block.Options.NumLayers;

    /// <inheritdoc/>
    public sealed override Twin ForwardSequence(Twin x)
    {
        x = Begin(Weights.Has("input_proj") ? Weights.Linear("input_proj", x) : x);
        for (var i = 0; i < LayerCount; i++)
        {
            var layer = Weights.Below($"layers.{i}");
            x = x + Mix(layer.Below("mixer"), Norm(layer, "norm1", x), i);
            x = x + FeedForward(layer, Norm(layer, "norm2", x), i);
        }

        return Weights.Has("final_norm") ? Norm(Weights, "final_norm", x) : x;
    }

    /// <summary>What the first layer reads.</summary>
    /// <param name="x">[B, L, H], projected.</param>
    protected virtual Twin Begin(Twin x) => x;

    /// <summary>A layer's mixer.</summary>
    /// <param name="w">Its weights.</param>
    /// <param name="x">[B, L, H], normed.</param>
    /// <param name="layer">Which layer.</param>
    protected abstract Twin Mix(Weights w, Twin x, int layer);

    /// <summary>A layer's feed-forward.</summary>
    /// <param name="w">The layer's weights; the feed-forward lies at <c>ffn</c>.</param>
    /// <param name="x">[B, L, H], normed.</param>
    /// <param name="layer">Which layer.</param>
    protected virtual Twin FeedForward(Weights w, Twin x, int layer) => w.FeedForward("ffn", x);

    /// <summary>A norm of the model.</summary>
    protected virtual Twin Norm(Weights w, string name, Twin x) => w.Norm(name, x);
}
