using Edifice.Attention;
using Edifice.Bench.Libtorch.Recurrences;
using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Gated linear attention.</summary>
internal sealed class GlaFormulation(Gla block) : RecurrentFormulation(block)
{
    private readonly GlaOptions _options = (GlaOptions)block.Options;

    /// <inheritdoc/>
    public override string Description => GatedState.Description;

    private int KeyWidth => (int)(_options.HiddenSize * _options.ExpandK) / _options.NumHeads;

    private int ValueWidth => (int)(_options.HiddenSize * _options.ExpandV) / _options.NumHeads;

    /// <inheritdoc/>
    protected override IEnumerable<long[]> StateShapes(int layer) => [[_options.NumHeads, KeyWidth, ValueWidth]];

    /// <inheritdoc/>
    protected override Twin Mix(Weights w, Twin x, int layer)
    {
        using var scope = NewDisposeScope();
        Twin Heads(Twin y) => y.SplitLast(_options.NumHeads, -1);
        var scale = Math.Pow(KeyWidth, -0.5);
        var g = Heads(nn.functional.logsigmoid(w.Linear("gk_proj.up", w.Linear("gk_proj.down", x))) / _options.GateLogitNormalizer);
        Twin q = Heads(w.Linear("q_proj", x)), k = Heads(w.Linear("k_proj", x)), v = Heads(w.Linear("v_proj", x));
        var y = Streams
            ? StateStep(State(layer)[0], g.exp().squeeze(1).unsqueeze(-1), q * scale, k, v)
            : GatedState.Run(q, k, v, g, scale);
        y = w.RmsNorm("group_norm", y, _options.GroupNormEps).flatten(2, 3);
        return w.Linear("out_proj", nn.functional.silu(w.Linear("g_proj", x)) * y).MoveToOuterDisposeScope();
    }
}
