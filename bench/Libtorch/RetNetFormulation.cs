using Edifice.Attention;
using Edifice.Bench.Libtorch.Recurrences;
using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>RetNet.</summary>
internal sealed class RetNetFormulation(RetNet block) : RecurrentFormulation(block)
{
    private const int Chunk = 64;

    private readonly RetNetOptions _options = (RetNetOptions)block.Options;
    private readonly double[] _gamma = [.. Enumerable.Range(0, ((RetNetOptions)block.Options).NumHeads).Select(m => 1 - Math.Pow(2, -5 - m))];
    private readonly Dictionary<long, Retention> _forms = [];
    private Twin? _factors, _turns;

    /// <inheritdoc/>
    public override string Description => $"retention by chunks of {Chunk}, all matrix products";

    private int KeyWidth => _options.HiddenSize / _options.NumHeads;

    private int ValueWidth => (int)(_options.HiddenSize * _options.ExpandV) / _options.NumHeads;

    /// <inheritdoc/>
    protected override IEnumerable<long[]> StateShapes(int layer) => [[_options.NumHeads, KeyWidth, ValueWidth]];

    /// <inheritdoc/>
    protected override Twin Mix(Weights w, Twin x, int layer)
    {
        using var scope = NewDisposeScope();
        Twin Heads(string name) => w.Linear(name, x).SplitLast(_options.NumHeads, -1);
        Twin q = Turned(Heads("q_proj")), k = Turned(Heads("k_proj") * Math.Pow(KeyWidth, -0.5)), v = Heads("v_proj");
        Twin y;
        if (Streams)
        {
            _factors ??= tensor(_gamma, ScalarType.Float32).view(-1, 1, 1).DetachFromDisposeScope();
            y = StateStep(State(layer)[0], _factors, q, k, v);
        }
        else
        {
            if (!_forms.TryGetValue(x.shape[1], out var form)) _forms.Add(x.shape[1], form = new Retention(_gamma, 1, (int)x.shape[1], Chunk));
            y = form.Run(q, k, v);
        }

        y = w.RmsNorm("group_norm", y, _options.GroupNormEps).flatten(2, 3);
        return w.Linear("out_proj", nn.functional.silu(w.Linear("g_proj", x)) * y).MoveToOuterDisposeScope();
    }

    /// <summary>Neighbouring channels rotated as complex numbers: one product.</summary>
    private Twin Turned(Twin x)
    {
        var end = Position + x.shape[1];
        if (_turns is null || _turns.shape[0] < end) _turns = Turns((int)(2 * end)).DetachFromDisposeScope();
        return x.SplitLast(-1, 2).view_as_complex().mul(_turns.narrow(0, Position, x.shape[1])).view_as_real().flatten(3);
    }

    /// <summary>e^(i t θ) [length, 1, n], angles in double.</summary>
    private Twin Turns(int length)
    {
        var n = KeyWidth / 2;
        var frequencies = pow(10000, arange(n, dtype: ScalarType.Float64) / -Math.Max(1, n - 1));
        var angles = outer(arange(length, dtype: ScalarType.Float64), frequencies);
        return complex(angles.cos().to(ScalarType.Float32), angles.sin().to(ScalarType.Float32)).unsqueeze(1);
    }
}
