using Edifice.Attention;
using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Grouped-query attention without position signal.</summary>
internal sealed class GqaFormulation(Gqa block) : LayeredFormulation(block)
{
    private readonly GqaOptions _options = (GqaOptions)block.Options;

    /// <inheritdoc/>
    public override string Description => "fused scaled_dot_product_attention over repeated keys and values";

    /// <inheritdoc/>
    protected override Twin Mix(Weights w, Twin x, int layer)
    {
        // The grouped form of the fused kernel repeats inside as well, and TorchSharp does not offer it.
        Twin Repeated(string name) => w.Linear(name, x).SplitHeads(_options.NumKvHeads).repeat_interleave(_options.NumHeads / _options.NumKvHeads, 1);
        var y = nn.functional.scaled_dot_product_attention(
            w.Linear("q_proj", x).SplitHeads(_options.NumHeads), Repeated("k_proj"), Repeated("v_proj"), is_casual: _options.Causal);
        return w.Linear("out_proj", y.JoinHeads());
    }
}
