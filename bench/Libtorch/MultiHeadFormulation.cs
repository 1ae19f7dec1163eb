using Edifice.Attention;
using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Multi-head attention without position signal.</summary>
internal sealed class MultiHeadFormulation(MultiHead block) : LayeredFormulation(block)
{
    private readonly MultiHeadOptions _options = (MultiHeadOptions)block.Options;

    /// <inheritdoc/>
    public override string Description => "fused scaled_dot_product_attention";

    /// <inheritdoc/>
    protected override Twin Mix(Weights w, Twin x, int layer)
    {
        Twin Heads(string name) => w.Linear(name, x).SplitHeads(_options.NumHeads);
        var y = nn.functional.scaled_dot_product_attention(Heads("q_proj"), Heads("k_proj"), Heads("v_proj"), is_casual: _options.Causal);
        return w.Linear("out_proj", y.JoinHeads());
    }
}
