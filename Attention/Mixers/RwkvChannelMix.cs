using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>The channel mixing of RWKV: relu(x^k K)² V, with the receptance gate of RWKV-4 to 6 in front where wanted; it looks one
/// token back. State: <c>shift</c> [B, H].</summary>
internal sealed class RwkvChannelMix : Sublayer
{
    private const string Shift = "shift";

    private readonly RwkvOptions _options;
    private readonly Parameter _mixKey;
    private readonly Parameter? _mixReceptance;
    private readonly Linear _key, _value;
    private readonly Linear? _receptance;

    public RwkvChannelMix(RwkvOptions o, int index, ParameterOptions? parameters)
    {
        _options = o;
        var start = new RwkvStart(o, index, parameters);
        int h = o.HiddenSize, f = checked(o.FfnMult * h);
        var power = Math.Pow(start.Depth, o.ChannelMix == ChannelMix.Gated ? 3 : 4);
        Tensor Mix() => start.Vector(n => 1 - Math.Pow((double)n / h, power));
        Linear Project(int from, int to, Initializer weight) => new(from, to, bias: false, init: LinearInit.WithZeroBias(weight), options: parameters);
        _mixKey = Register("x_k", Mix());
        _key = Register("key", Project(h, f, Initializer.Orthogonal()));
        _value = Register("value", Project(f, h, Initializer.Zeros));
        if (o.ChannelMix != ChannelMix.Gated) return;
        _mixReceptance = Register("x_r", Mix());
        _receptance = Register("receptance", Project(h, h, Initializer.Zeros));
    }

    public override IReadOnlyList<StateSlot> StateSlots => [StateSlot.Fixed(Shift, _options.HiddenSize)];

    public override Tensor Forward(Tensor x, Pass pass, SublayerState? state)
    {
        Tensor[] mixes = _mixReceptance is null ? [_mixKey.Value] : [_mixKey.Value, _mixReceptance.Value];
        var (mixed, last) = x.TokenShift(Tensor.Stack(mixes), state?[Shift]);
        if (state is not null) state[Shift] = last;
        var y = _value.Forward(_key.Forward(mixed.Select(0, 0)).Relu().Square());
        return _receptance is null ? y : _receptance.Forward(mixed.Select(0, 1)).Sigmoid() * y;
    }
}
