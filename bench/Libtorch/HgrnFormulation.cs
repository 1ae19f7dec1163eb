using Edifice.Attention;
using Edifice.Bench.Libtorch.Recurrences;
using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>HGRN-2.</summary>
internal sealed class HgrnFormulation(Hgrn block) : RecurrentFormulation(block)
{
    private readonly HgrnOptions _options = (HgrnOptions)block.Options;
    private Twin? _bounds;

    /// <inheritdoc/>
    public override string Description => GatedState.Description;

    private int HeadWidth => _options.StateExpansion ?? Math.Min(128, _options.HiddenSize);

    /// <inheritdoc/>
    protected override IEnumerable<long[]> StateShapes(int layer) => [[_options.HiddenSize / HeadWidth, HeadWidth, HeadWidth]];

    /// <inheritdoc/>
    protected override Twin Begin(Twin x)
    {
        // In a stream once: the bounds depend on parameters alone.
        if (_bounds is null || !Streams) _bounds = Weights["lower_bounds"].softmax(0).narrow(0, 1, LayerCount - 1).cumsum(0);
        if (Streams) _bounds.DetachFromDisposeScope();
        return x;
    }

    /// <inheritdoc/>
    protected override Twin Mix(Weights w, Twin x, int layer)
    {
        using var scope = NewDisposeScope();
        Twin Heads(Twin y) => y.SplitLast(-1, HeadWidth);
        Twin f = w.Linear("f_proj", x), q = Heads(nn.functional.silu(w.Linear("q_proj", x))), v = Heads(w.Linear("i_proj", x));
        Twin k = (-f).sigmoid();
        var bound = layer == 0 ? null : _bounds!.select(0, layer - 1);
        var free = bound is null ? null : 1 - bound;
        if (free is not null) k = free * k;
        Twin Gate() => bound is null ? f.sigmoid() : bound.addcmul(free!, f.sigmoid(), 1);
        var y = Streams
            ? StateStep(State(layer)[0], Heads(Gate()).squeeze(1).unsqueeze(-1), q, Heads(k), v)
            : GatedState.Run(q, Heads(k), v, Heads(bound is null ? nn.functional.logsigmoid(f) : Gate().log()), 1);
        return w.Linear("out_proj", w.RmsNorm("out_norm", y.flatten(2, 3), _options.OutNormEps)).MoveToOuterDisposeScope();
    }
}
