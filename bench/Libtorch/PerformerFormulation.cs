using Edifice.Attention;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Causal FAVOR+ with softmax features and no key stabiliser.</summary>
internal sealed class PerformerFormulation(Performer block) : RecurrentFormulation(block)
{
    private const int Chunk = 128;
    private const double Eps = 1e-6;

    private readonly PerformerOptions _options = (PerformerOptions)block.Options;

    /// <inheritdoc/>
    public override string Description => $"products inside chunks of {Chunk}, running sums between them";

    /// <inheritdoc/>
    protected override IEnumerable<long[]> StateShapes(int layer) =>
        [[_options.NumHeads, _options.NumFeatures, _options.HiddenSize / _options.NumHeads], [_options.NumHeads, 1, _options.NumFeatures]];

    /// <inheritdoc/>
    protected override Twin Mix(Weights w, Twin x, int layer)
    {
        Twin Heads(string name) => w.Linear(name, x).SplitHeads(_options.NumHeads);
        var rootOfScale = Math.Pow((double)_options.HiddenSize / _options.NumHeads, -0.25);
        var projection = w["projection"].t() * rootOfScale;

        // The factor 1/√m of both features cancels in the quotient.
        Twin Features(Twin y, bool isQuery)
        {
            var u = y.matmul(projection);
            var shift = y.square().sum(-1, keepdim: true) * (rootOfScale * rootOfScale / 2);
            if (isQuery) shift = shift + u.amax([-1L], keepdim: true);
            return (u - shift).exp() + Eps;
        }

        Twin q = Features(Heads("q_proj"), isQuery: true), k = Features(Heads("k_proj"), isQuery: false), v = Heads("v_proj");
        return w.Linear("out_proj", (Streams ? KernelStep(State(layer), q, k, v, eps: 0) : ChunkedKernelAttention.Causal(q, k, v, Chunk, eps: 0)).JoinHeads());
    }
}
