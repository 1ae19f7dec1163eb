using Edifice.Attention;
using Edifice.Bench.Libtorch.Recurrences;
using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>RWKV-7 with gated channel mixing.</summary>
internal sealed class RwkvFormulation(Rwkv block) : RecurrentFormulation(block)
{
    private const int Chunk = 32;

    private readonly RwkvOptions _options = (RwkvOptions)block.Options;
    private Twin? _firstValue;

    /// <inheritdoc/>
    public override string Description => $"WKV-7 by chunks of {Chunk}, a triangular matrix inverted in each";

    private int HeadCount => _options.HiddenSize / _options.HeadSize;

    /// <inheritdoc/>
    protected override IEnumerable<long[]> StateShapes(int layer) =>
        [[_options.HiddenSize], [HeadCount, _options.HeadSize, _options.HeadSize], [_options.HiddenSize]];

    /// <inheritdoc/>
    protected override Twin Begin(Twin x) => Weights.LayerNorm("ln0", x);

    /// <inheritdoc/>
    protected override Twin Mix(Weights w, Twin x, int layer)
    {
        using var scope = NewDisposeScope();
        Twin Heads(Twin y) => y.SplitLast(HeadCount, -1);
        var towards = Shifted(x, Streams ? State(layer)[0] : null) - x;
        Twin Mixed(string name) => x.addcmul(towards, w[name], 1);
        // The bias of a low-rank map rides on its second product.
        Twin Up(Twin y, string matrix, string? bias) => nn.functional.linear(y, w[matrix].t(), bias is null ? null : w[bias]);
        Twin xv = Mixed("x_v"), r = w.Linear("receptance", Mixed("x_r")), k = w.Linear("key", Mixed("x_k")), v = w.Linear("value", xv);
        var logW = Up(Mixed("x_w").matmul(w["w1"]).tanh(), "w2", "w0").sigmoid() * -Math.Exp(-0.5);
        if (layer == 0) _firstValue = v.MoveToOuterDisposeScope();
        else v = v.lerp(_firstValue!, Up(xv.matmul(w["v1"]), "v2", "v0").sigmoid());
        var rate = Up(Mixed("x_a").matmul(w["a1"]), "a2", "a0").sigmoid();
        var gate = Up(Mixed("x_g").matmul(w["g1"]).sigmoid(), "g2", null);

        Twin removal = nn.functional.normalize(Heads(k * w["k_k"]), dim: -1), rh = Heads(r), vh = Heads(v);
        var kh = Heads(k.addcmul(k, (rate - 1) * w["k_a"], 1));
        Twin b = removal * Heads(rate), decay = Heads(logW);
        var o = Streams ? DeltaStep(State(layer)[1], rh, decay, kh, vh, -removal, b) : DeltaRule.Run(rh, decay, kh, vh, -removal, b, Chunk);
        var y = nn.functional.group_norm(o.reshape(-1, _options.HiddenSize), HeadCount, w["ln_x.weight"], w["ln_x.bias"], _options.GroupNormEps ?? _options.HeadSize * 1e-5).view(x.shape);
        y = y + ((rh * kh * w["r_k"]).sum(-1, keepdim: true) * vh).flatten(2, 3);
        return w.Linear("output", y * gate).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Twin FeedForward(Weights layerWeights, Twin x, int layer)
    {
        using var scope = NewDisposeScope();
        var w = layerWeights.Below("ffn");
        var towards = Shifted(x, Streams ? State(layer)[2] : null) - x;
        var y = w.Linear("value", w.Linear("key", x.addcmul(towards, w["x_k"], 1)).relu().square());
        return (w.Linear("receptance", x.addcmul(towards, w["x_r"], 1)).sigmoid() * y).MoveToOuterDisposeScope();
    }

    /// <summary>u = a S; S = diag(w) S + bᵀ u + kᵀ v in place; r S.</summary>
    private static Twin DeltaStep(Twin state, Twin r, Twin logW, Twin k, Twin v, Twin a, Twin b)
    {
        var u = a.squeeze(1).unsqueeze(-2).matmul(state);
        state.mul_(logW.exp().squeeze(1).unsqueeze(-1)).addcmul_(b.squeeze(1).unsqueeze(-1), u, 1);
        return StateStep(state, null, r, k, v);
    }
}
