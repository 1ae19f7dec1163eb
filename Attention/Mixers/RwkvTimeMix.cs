using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>The time mixing of RWKV-7 (Peng et al. 2025, section 4). State: <c>shift</c> [B, H], <c>s</c> [B, h, d, d].</summary>
internal sealed class RwkvTimeMix : Sublayer
{
    private const string Shift = "shift", State = "s";

    private readonly RwkvOptions _options;
    private readonly Parameter[] _mixes;
    private readonly Parameter _w0, _w1, _w2, _a0, _a1, _a2, _g1, _g2, _removal, _keyGain, _bonus;
    private readonly Parameter? _v0, _v1, _v2;
    private readonly Linear _receptance, _key, _value, _output;
    private readonly Affine _norm;
    private readonly double _eps;

    public RwkvTimeMix(RwkvOptions o, int index, ParameterOptions? parameters)
    {
        _options = o;
        _eps = o.GroupNormEps ?? o.HeadSize * 1e-5;
        var start = new RwkvStart(o, index, parameters);
        int h = o.HiddenSize, d = o.HeadSize;
        Parameter Vector(string name, Func<int, double> value) => Register(name, start.Vector(value));
        Parameter Mix(string name, double power) => Vector(name, n => 1 - Math.Pow((double)n / h, power * start.Depth));
        Parameter Zero(string name, int rows, int columns) => Register(name, Initializer.Zeros.Create([rows, columns], parameters));
        Parameter Low(string name, int rows, int columns) => Register(name, start.LowRank(rows, columns));
        _mixes = [Mix("x_r", 0.2), Mix("x_w", 0.9), Mix("x_k", 0.7), Mix("x_v", 0.7), Mix("x_a", 0.9), Mix("x_g", 0.2)];
        _w0 = Vector("w0", n => -6 + 6 * Math.Pow(start.Along(n), 1 + Math.Pow(start.Ratio, 0.3)) + 0.5 + 2.5 * start.Zigzag(n));
        _w1 = Zero("w1", h, o.DecayRank);
        _w2 = Low("w2", o.DecayRank, h);
        _a0 = Vector("a0", n => -0.19 + 0.3 * start.Zigzag(n) + 0.4 * start.Linear(n));
        _a1 = Zero("a1", h, o.ARank);
        _a2 = Low("a2", o.ARank, h);
        if (index > 0)
        {
            _v0 = Vector("v0", n => 0.73 - 0.4 * start.Linear(n));
            _v1 = Zero("v1", h, o.VRank);
            _v2 = Low("v2", o.VRank, h);
        }

        _g1 = Zero("g1", h, o.GateRank);
        _g2 = Low("g2", o.GateRank, h);
        _removal = Vector("k_k", n => 0.71 - 0.1 * start.Linear(n));
        _keyGain = Vector("k_a", _ => 1.02);
        _bonus = Register("r_k", Initializer.Constant(-0.04).Create([o.Heads, d], parameters));
        Linear Project(Initializer weight) => new(h, h, bias: false, init: LinearInit.WithZeroBias(weight), options: parameters);
        _receptance = Register("receptance", Project(Initializer.Orthogonal()));
        _key = Register("key", Project(Initializer.Orthogonal(0.1)));
        _value = Register("value", Project(Initializer.Orthogonal()));
        _output = Register("output", Project(Initializer.Zeros));
        _norm = Register("ln_x", new Affine(h, Math.Pow((1.0 + index) / o.NumLayers, 0.7), parameters));
    }

    public override IReadOnlyList<StateSlot> StateSlots =>
        [StateSlot.Fixed(Shift, _options.HiddenSize), StateSlot.Fixed(State, _options.Heads, _options.HeadSize, _options.HeadSize)];

    public override Tensor Forward(Tensor x, Pass pass, SublayerState? state)
    {
        Tensor Heads(Tensor y) => y.Unflatten(-1, _options.Heads, _options.HeadSize);
        var (mixed, last) = x.TokenShift(Tensor.Stack([.. _mixes.Select(m => m.Value)]), state?[Shift]);
        var (xr, xw, xk, xv, xa, xg) = (mixed.Select(0, 0), mixed.Select(0, 1), mixed.Select(0, 2), mixed.Select(0, 3), mixed.Select(0, 4), mixed.Select(0, 5));
        Tensor r = _receptance.Forward(xr), k = _key.Forward(xk), v = _value.Forward(xv);
        // log w = -e^(-1/2) σ(…): the decay stays above 0.545.
        var logW = (_w0.Value + xw.MatMul(_w1.Value).Tanh().MatMul(_w2.Value)).Sigmoid() * -Math.Exp(-0.5);
        if (_v0 is null) pass.Shared[Rwkv.FirstValue] = v;
        else v += (pass.Shared[Rwkv.FirstValue] - v) * (_v0.Value + xv.MatMul(_v1!.Value).MatMul(_v2!.Value)).Sigmoid();
        var rate = (_a0.Value + xa.MatMul(_a1.Value).MatMul(_a2.Value)).Sigmoid();
        var gate = xg.MatMul(_g1.Value).Sigmoid().MatMul(_g2.Value);

        var removal = Unit(Heads(k * _removal.Value));
        var written = k * ((rate - 1) * _keyGain.Value + 1);
        var (rh, kh, vh) = (Heads(r), Heads(written), Heads(v));
        var mode = state is not null && x.Size(1) == 1 ? RecurrenceMode.Recurrent : _options.Mode;
        var (o, s) = Tensor.Wkv7(rh, Heads(logW), kh, vh, -removal, removal * Heads(rate), state?[State], mode, _options.ChunkSize);
        if (state is not null) (state[Shift], state[State]) = (last, s);
        var y = _norm.Forward(o.LayerNorm(eps: _eps).Flatten(2, 3));
        y += ((rh * kh * _bonus.Value).Sum(-1, keepdim: true) * vh).Flatten(2, 3);
        return _output.Forward(y * gate);
    }

    /// <summary>z / max(|z|, 1e-12) over the last axis; at |z| = 0 the gradient is that of z / 1e-12, never 0/0.</summary>
    private static Tensor Unit(Tensor z) => z / z.Norm(2, [-1], keepdim: true).Clamp(min: 1e-12);

    /// <summary>Weight and bias after a norm that acts on each head: <c>weight</c>, <c>bias</c> [H].</summary>
    private sealed class Affine : Module
    {
        private readonly Parameter _weight, _bias;

        public Affine(int width, double weight, ParameterOptions? parameters)
        {
            _weight = Register("weight", Initializer.Constant(weight).Create([width], parameters));
            _bias = Register("bias", Initializer.Zeros.Create([width], parameters));
        }

        public Tensor Forward(Tensor x) => x * _weight.Value + _bias.Value;
    }
}
