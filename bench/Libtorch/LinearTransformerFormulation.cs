using Edifice.Attention;
using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Causal linear attention.</summary>
internal sealed class LinearTransformerFormulation(LinearTransformer block) : LayeredFormulation(block)
{
    private const int Chunk = 128;

    private readonly LinearTransformerOptions _options = (LinearTransformerOptions)block.Options;

    /// <inheritdoc/>
    public override string Description => $"products inside chunks of {Chunk}, running sums between them";

    /// <inheritdoc/>
    protected override Twin Mix(Weights w, Twin x, int layer)
    {
        Twin Heads(string name) => w.Linear(name, x).SplitHeads(_options.NumHeads);
        Twin Features(string name) => nn.functional.elu(Heads(name), 1) + 1;
        return w.Linear("out_proj", ChunkedKernelAttention.Causal(Features("q_proj"), Features("k_proj"), Heads("v_proj"), Chunk, _options.Eps).JoinHeads());
    }
}
