using Edifice.Attention;
using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Nyström attention over segments of one length, with the convolution of the values.</summary>
internal sealed class NystromformerFormulation : LayeredFormulation
{
    private const int Stretch = 64;

    private readonly NystromformerOptions _options;
    private readonly Twin _taps;

    public NystromformerFormulation(Nystromformer block) : base(block)
    {
        _options = (NystromformerOptions)block.Options;
        // Output i of a stretch reads input j with tap j - i; the tap after the last is zero.
        var distance = arange(Stretch + _options.ConvKernel - 1).unsqueeze(0) - arange(Stretch).unsqueeze(1);
        _taps = where(distance.ge(0).logical_and(distance.lt(_options.ConvKernel)), distance, tensor((long)_options.ConvKernel)).flatten();
    }

    /// <inheritdoc/>
    public override string Description => $"fused scaled_dot_product_attention from and to the landmarks; the convolution as banded matrices over stretches of {Stretch}";

    /// <inheritdoc/>
    protected override Twin Mix(Weights w, Twin x, int layer)
    {
        Twin Heads(string name) => w.Linear(name, x).SplitHeads(_options.NumHeads);
        Twin q = Heads("q_proj"), k = Heads("k_proj"), v = Heads("v_proj");
        Twin landmarkQueries = Means(q), landmarkKeys = Means(k);
        var scores = (landmarkQueries / Math.Sqrt(q.shape[^1])).matmul(landmarkKeys.transpose(-1, -2));
        var inverse = PseudoInverse(scores.softmax(-1), _options.PinvIterations);
        var read = nn.functional.scaled_dot_product_attention(landmarkQueries, k, v);
        var y = nn.functional.scaled_dot_product_attention(q, landmarkKeys, inverse.matmul(read)) + Convolved(v, w["conv.weight"]);
        return w.Linear("out_proj", y.JoinHeads());
    }

    private Twin Means(Twin x) => x.unflatten(2, [_options.NumLandmarks, -1]).mean([3L]);

    /// <summary>Z ← ¼ Z (13 I - X (15 I - X (7 I - X))), X = A Z, from Aᵀ over the largest row sum times the largest column sum of each
    /// matrix.</summary>
    private static Twin PseudoInverse(Twin a, int iterations)
    {
        var z = a.transpose(-1, -2) / (a.sum(-1, keepdim: true).amax([-2L], keepdim: true) * a.sum(-2, keepdim: true).amax([-1L], keepdim: true));
        var one = eye(a.shape[^1]);
        for (var i = 0; i < iterations; i++)
        {
            var x = a.matmul(z);
            z = 0.25 * z.matmul(13 * one - x.matmul(15 * one - x.matmul(7 * one - x)));
        }

        return z;
    }

    /// <summary>One kernel per head along L. The depthwise conv2d (one kernel per head) takes 10 % more of the step, and its gradient of the
    /// kernel is off by 1.4 % at L = 4096; conv1d over all channels takes twice the step.</summary>
    private Twin Convolved(Twin v, Twin kernel)
    {
        var taps = kernel.shape[1];
        var band = nn.functional.pad(kernel, [0, 1]).index_select(1, _taps).view(_options.NumHeads, 1, Stretch, -1);
        var stretches = nn.functional.pad(v, [0, 0, taps / 2, taps / 2]).unfold(2, Stretch + taps - 1, Stretch);
        return band.matmul(stretches.transpose(-1, -2)).flatten(2, 3);
    }
}
