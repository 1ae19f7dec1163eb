using Edifice.Attention;
using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Causal linear attention.</summary>
internal sealed class LinearTransformerFormulation(LinearTransformer block) : RecurrentFormulation(block)
{
    private const int Chunk = 128;

    private readonly LinearTransformerOptions _options = (LinearTransformerOptions)block.Options;

    /// <inheritdoc/>
    public override string Description => $"products inside chunks of {Chunk}, running sums between them";

    private long Width => _options.HiddenSize / _options.NumHeads;

    /// <inheritdoc/>
    protected override IEnumerable<long[]> StateShapes(int layer) => [[_options.NumHeads, Width, Width], [_options.NumHeads, 1, Width]];

    /// <inheritdoc/>
    protected override Twin Mix(Weights w, Twin x, int layer)
    {
        Twin Heads(string name) => w.Linear(name, x).SplitHeads(_options.NumHeads);
        Twin Features(string name) => nn.functional.elu(Heads(name), 1) + 1;
        Twin q = Features("q_proj"), k = Features("k_proj"), v = Heads("v_proj");
        return w.Linear("out_proj", (Streams ? KernelStep(State(layer), q, k, v, _options.Eps) : ChunkedKernelAttention.Causal(q, k, v, Chunk, _options.Eps)).JoinHeads());
    }
}
