using Edifice.Attention;
using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Perceiver with one cross-attention layer, without a mask.</summary>
internal sealed class PerceiverFormulation(Perceiver block) : Formulation(block)
{
    private readonly PerceiverOptions _options = (PerceiverOptions)block.Options;

    /// <inheritdoc/>
    public override string Description => "fused scaled_dot_product_attention";

    /// <inheritdoc/>
    public override Twin ForwardSequence(Twin x)
    {
        var cross = Weights.Below("cross.0");
        var z = Weights["latents"].expand(x.shape[0], -1, -1);
        z = z + Attend(cross.Below("mixer"), cross.Norm("q_norm", z), cross.Norm("kv_norm", x), _options.NumCrossHeads ?? _options.NumHeads);
        z = z + cross.FeedForward("ffn", cross.Norm("norm2", z));
        for (var i = 0; i < _options.NumLayers; i++)
        {
            var layer = Weights.Below($"layers.{i}");
            var u = layer.Norm("norm1", z);
            z = z + Attend(layer.Below("mixer"), u, u, _options.NumHeads);
            z = z + layer.FeedForward("ffn", layer.Norm("norm2", z));
        }

        return Weights.Norm("final_norm", z);
    }

    private static Twin Attend(Weights w, Twin x, Twin context, int heads) => w.Linear("out_proj", nn.functional.scaled_dot_product_attention(
        w.Linear("q_proj", x).SplitHeads(heads), w.Linear("k_proj", context).SplitHeads(heads), w.Linear("v_proj", context).SplitHeads(heads)).JoinHeads());
}
