using Edifice.Attention;
using Edifice.Bench.Libtorch.Recurrences;
using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Griffin and Hawk.</summary>
internal sealed class GriffinFormulation(Griffin block) : RecurrentFormulation(block)
{
    private const double RopeBase = 10000;

    private readonly GriffinOptions _options = (GriffinOptions)block.Options;
    private readonly Dictionary<long, Twin> _masks = [];
    private Twin? _cos, _sin;

    /// <inheritdoc/>
    public override string Description => "scan by chunks, convolution as taps added up" + (_options.UseLocalAttention ? ", scaled_dot_product_attention over blocks of the window" : "");

    private int HeadWidth => _options.HiddenSize / _options.NumHeads;

    private int Window => _options.LocalAttnWindow;

    /// <inheritdoc/>
    protected override IEnumerable<long[]> StateShapes(int layer) => Attends(layer)
        ? [[Window + 1, HeadWidth], [Window + 1, HeadWidth]]
        : [[_options.ConvWidth - 1, Width], [Width]];

    private int Width => _options.LruWidth ?? _options.HiddenSize;

    private bool Attends(int layer) => _options.UseLocalAttention && layer % 3 == 2;

    /// <inheritdoc/>
    protected override Twin Mix(Weights w, Twin x, int layer) => Attends(layer) ? Attention(w, x, layer) : Recurrence(w, x, layer);

    /// <inheritdoc/>
    protected override Twin Norm(Weights w, string name, Twin x) => w.RmsNorm(name, x);

    /// <inheritdoc/>
    protected override Twin FeedForward(Weights w, Twin x, int layer) => w.FeedForward("ffn", x, Gelu);

    private static Twin Gelu(Twin x) => nn.functional.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh);

    private Twin Recurrence(Weights w, Twin x, int layer)
    {
        using var scope = NewDisposeScope();
        var y = Gelu(w.Linear("linear_y", x));
        Twin u = w.Linear("linear_x", x), taps = w["conv.weight"], bias = w["conv.bias"];
        if (Streams)
        {
            var window = cat([State(layer)[0], u], 1);
            State(layer)[0].copy_(window.narrow(1, 1, _options.ConvWidth - 1));
            u = (window * taps.t()).sum(1, keepdim: true) + bias;
        }
        else
        {
            u = CausalConvolution.Taps(u, taps, bias);
        }

        // Both gates in one batched product over the diagonal blocks.
        Weights input = w.Below("rg_lru.input_gate"), decay = w.Below("rg_lru.a_gate");
        long rows = u.shape[0] * u.shape[1], blocks = _options.NumHeads;
        var gates = u.view(rows, blocks, -1).transpose(0, 1).matmul(cat([input["weight"], decay["weight"]], -1)) + cat([input["bias"], decay["bias"]], -1).unsqueeze(1);
        var both = gates.transpose(0, 1).split(Width / blocks, -1);
        Twin gateX = both[0].reshape(u.shape), gateA = both[1].reshape(u.shape), a = w["rg_lru.a_param"];
        var h = Streams
            ? RealGatedUnit.Step(u, gateX, gateA, a, State(layer)[1], first: Position == 0)
            : RealGatedUnit.Run(u, gateX, gateA, a, (logA, b) => LinearScan.Chunked(logA, b, b.shape[1] < 2048 ? 16 : 64));
        return w.Linear("linear_out", h * y).MoveToOuterDisposeScope();
    }

    private Twin Attention(Weights w, Twin x, int layer)
    {
        using var scope = NewDisposeScope();
        long batch = x.shape[0], length = x.shape[1];
        Twin q = Turned(w.Linear("q_proj", x).SplitLast(_options.NumHeads, -1)), k = Turned(w.Linear("k_proj", x).unsqueeze(2)).squeeze(2), v = w.Linear("v_proj", x);
        if (Streams)
        {
            long slot = Position % (Window + 1), valid = Math.Min(Position + 1, Window + 1);
            Twin keys = State(layer)[0], values = State(layer)[1];
            keys.narrow(1, slot, 1).copy_(k);
            values.narrow(1, slot, 1).copy_(v);
            // One key head: the query heads are the rows of one attention.
            var o = nn.functional.scaled_dot_product_attention(q, keys.narrow(1, 0, valid).unsqueeze(1), values.narrow(1, 0, valid).unsqueeze(1));
            return w.Linear("out_proj", o.flatten(2, 3)).MoveToOuterDisposeScope();
        }

        // Blocks of a window's length see themselves and the block before: the work grows with L W.
        var n = length / Window;
        Twin Pairs(Twin keys)
        {
            keys = keys.view(batch, n, Window, HeadWidth);
            return cat([nn.functional.pad(keys, [0, 0, 0, 0, 1, -1]), keys], 2);
        }

        var rows = q.view(batch, n, Window, _options.NumHeads, HeadWidth).transpose(2, 3).reshape(batch, n, -1, HeadWidth);
        var y = nn.functional.scaled_dot_product_attention(rows, Pairs(k), Pairs(v), Mask(n));
        var merged = y.view(batch, n, _options.NumHeads, Window, HeadWidth).transpose(2, 3).reshape(batch, length, -1);
        return w.Linear("out_proj", merged).MoveToOuterDisposeScope();
    }

    /// <summary>[1, n, h W, 2 W]: row i of a block sees columns i … i + W, in the first block from W on.</summary>
    private Twin Mask(long blocks)
    {
        if (_masks.TryGetValue(blocks, out var mask)) return mask;
        var seen = new bool[blocks, _options.NumHeads, Window, 2 * Window];
        for (var n = 0; n < blocks; n++)
            for (var h = 0; h < _options.NumHeads; h++)
                for (var i = 0; i < Window; i++)
                    for (var j = i; j <= i + Window; j++) seen[n, h, i, j] = n > 0 || j >= Window;
        mask = tensor(seen).view(1, blocks, -1, 2 * Window).DetachFromDisposeScope();
        _masks.Add(blocks, mask);
        return mask;
    }

    /// <summary>The first half of each head's channels rotated, paired by halves.</summary>
    private Twin Turned(Twin x)
    {
        long length = x.shape[1], end = Position + length, half = HeadWidth / 2;
        if (_cos is null || _cos.shape[0] < end)
        {
            var frequencies = pow(RopeBase, arange(half / 2, dtype: ScalarType.Float64) / -(half / 2));
            var angles = outer(arange(2 * end, dtype: ScalarType.Float64), frequencies);
            angles = cat([angles, angles], -1).unsqueeze(1);
            (_cos, _sin) = (angles.cos().to(ScalarType.Float32).DetachFromDisposeScope(), angles.sin().to(ScalarType.Float32).DetachFromDisposeScope());
        }

        var parts = x.split(half, -1);
        var quarters = parts[0].split(half / 2, -1);
        var turned = parts[0] * _cos.narrow(0, Position, length) + cat([-quarters[1], quarters[0]], -1) * _sin!.narrow(0, Position, length);
        return cat([turned, parts[1]], -1);
    }
}
