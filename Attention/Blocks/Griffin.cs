using Edifice.Engine;
using Edifice.Engine.Backends;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>Griffin (De et al. 2024): residual layers whose mixer is a recurrent block (gated branch, short convolution, real-gated
/// linear recurrent unit) or, every third layer, sliding-window attention with shared key-value heads. Hawk is the same without
/// attention. Takes <c>reset</c>: true where a new segment begins; the first position of a sequence always does.</summary>
public sealed class Griffin : LayeredBlock
{
    /// <summary>Builds the block.</summary>
    /// <exception cref="OptionException">The options are wrong.</exception>
    public Griffin(GriffinOptions options, ParameterOptions? parameters = null) : base(
        options, parameters, LinearInit.WithZeroBias(FanInNormal(1)), i => Layer(options, i, parameters), () => new RmsNorm(options.HiddenSize, options: parameters)) { }

    internal static BlockInfo Info { get; } = BlockInfo.Of(
        "griffin", GriffinOptions.Rows, (o, p) => new Griffin(o, p),
        description: "real-gated linear recurrence with a local attention layer in every three",
        Causality.Always,
        streaming: "a width-D state and K - 1 inputs per recurrent layer, a window of keys and values per attention layer",
        gradientCases:
        [
            new("two recurrent layers and attention", """{"embed_dim": 3, "hidden_size": 8, "num_layers": 3, "expand_factor": 1, "num_heads": 2, "local_attn_window": 2, "conv_width": 2}"""),
            new("with resets", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 3, "expand_factor": 1, "num_heads": 1, "local_attn_window": 3, "lru_width": 2, "conv_width": 3}""")
            {
                Inputs = Resets,
            },
            new("in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 3, "expand_factor": 1, "num_heads": 1, "local_attn_window": 2, "conv_width": 3}""") { Pieces = [2, 1, 2] },
            new("with resets, in pieces", """{"embed_dim": 4, "hidden_size": 8, "num_layers": 3, "expand_factor": 1, "num_heads": 2, "num_kv_heads": 2, "local_attn_window": 3, "conv_width": 2, "lambda_init": "code"}""")
            {
                Pieces = [1, 3, 1],
                Inputs = Resets,
            },
            new("without attention", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 3, "expand_factor": 1, "num_heads": 2, "use_local_attention": false, "conv_width": 1}"""),
        ]);

    internal static BlockInfo HawkInfo { get; } = BlockInfo.Of(
        "hawk", GriffinOptions.HawkRows, (o, p) => new Griffin(o, p),
        description: "Griffin without attention: every layer is a real-gated linear recurrence",
        Causality.Always,
        streaming: "a width-D state and K - 1 inputs per layer",
        gradientCases:
        [
            new("recurrent", """{"embed_dim": 3, "hidden_size": 4, "num_layers": 2, "expand_factor": 1, "num_heads": 2}"""),
            new("with resets", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 1, "expand_factor": 1, "num_heads": 1, "conv_width": 3, "lambda_init": "code"}""") { Inputs = Resets },
            new("with resets, in pieces", """{"embed_dim": 4, "hidden_size": 4, "num_layers": 2, "expand_factor": 1, "num_heads": 1, "lru_width": 2, "conv_width": 3}""")
            {
                Pieces = [1, 3, 1],
                Inputs = Resets,
            },
        ]);

    /// <summary>For sequences of five positions: segments that begin in the middle, at the very start and at the very end.</summary>
    private static SequenceInputs Resets() =>
        new() { Reset = Tensor.FromArray([false, false, true, false, false, true, false, false, false, true], [2, 5]) };

    /// <inheritdoc/>
    public override IReadOnlyList<string> Takes => [SequenceInputs.ResetName];

    /// <summary>Where segments begin and how far each position is into its own, once for all layers.</summary>
    protected override Tensor Begin(Tensor x, Pass pass)
    {
        ArgumentNullException.ThrowIfNull(pass);
        var given = pass.Inputs.Reset is { } reset ? reset.To(Device.Cpu).ToArray<bool>() : null;
        var starts = new bool[pass.Batch * pass.Length];
        var positions = new long[starts.Length];
        for (var b = 0; b < pass.Batch; b++)
        {
            long next = pass.PositionOf(b);
            for (var t = 0; t < pass.Length; t++)
            {
                var at = b * pass.Length + t;
                if (given is not null && given[at]) next = 0;
                starts[at] = next == 0;
                positions[at] = next++;
            }
        }

        pass.Shared[RecurrentMixer.Starts] = Tensor.FromArray(starts, [pass.Batch, pass.Length], pass.Device);
        pass.Shared[LocalMixer.Positions] = Tensor.FromArray(positions, [pass.Batch, pass.Length], pass.Device);
        return x;
    }

    private static Initializer FanInNormal(double variance) => Initializer.KaimingNormal(Math.Sqrt(variance));

    private static ResidualLayer Layer(GriffinOptions o, int index, ParameterOptions? parameters)
    {
        int h = o.HiddenSize, inner = checked(o.ExpandFactor * o.HiddenSize);
        // The published spread of the maps that write into the residual stream: 2 / (N fan_in).
        var outward = LinearInit.WithZeroBias(FanInNormal(2.0 / o.NumLayers));
        var inward = LinearInit.WithZeroBias(FanInNormal(1));
        Sublayer mixer = o.Attends(index) ? new LocalMixer(o, inward, outward, parameters) : new RecurrentMixer(o, inward, outward, parameters);
        return new ResidualLayer(
            new RmsNorm(h, options: parameters), mixer, new RmsNorm(h, options: parameters),
            new GatedFeedForward(h, inner, Activation.GeluTanh, bias: true, init: inward, downInit: outward, options: parameters))
        {
            ResultDropout = index < o.NumLayers - 1 ? o.Dropout : 0,
        };
    }

    /// <summary>out = linear_out(rg_lru(conv(linear_x(x))) ⊙ gelu(linear_y(x))). State: <c>conv</c> [B, K-1, D], <c>h</c> [B, D].</summary>
    private sealed class RecurrentMixer : Sublayer
    {
        public const string Starts = "starts";
        private const string Past = "conv", State = "h";

        private readonly int _width, _taps;
        private readonly Linear _linearY, _linearX, _linearOut;
        private readonly CausalConv1d _conv;
        private readonly RecurrentUnit _unit;

        public RecurrentMixer(GriffinOptions o, LinearInit inward, LinearInit outward, ParameterOptions? parameters)
        {
            (_width, _taps) = (o.RecurrentWidth, o.ConvWidth);
            _linearY = Register("linear_y", new Linear(o.HiddenSize, _width, activation: Activation.GeluTanh, init: inward, options: parameters));
            _linearX = Register("linear_x", new Linear(o.HiddenSize, _width, init: inward, options: parameters));
            _conv = Register("conv", new CausalConv1d(_width, _taps, init: LinearInit.Normal(Math.Sqrt(0.01 / _taps)), options: parameters));
            _unit = Register("rg_lru", new RecurrentUnit(o, parameters));
            _linearOut = Register("linear_out", new Linear(_width, o.HiddenSize, init: outward, options: parameters));
        }

        public override IReadOnlyList<StateSlot> StateSlots => [StateSlot.Fixed(Past, _taps - 1, _width), StateSlot.Fixed(State, _width)];

        public override Tensor Forward(Tensor x, Pass pass, SublayerState? state)
        {
            var y = _linearY.Forward(x);
            var (u, past) = _linearX.Forward(x).CausalConv1d(_conv.Weight, _conv.Bias?.Value, state?[Past], pass.Inputs.Reset);
            var (h, last) = _unit.Forward(u, pass.Shared[Starts], state?[State]);
            if (state is not null) (state[Past], state[State]) = (past, last);
            return _linearOut.Forward(h * y);
        }
    }

    /// <summary>The recurrence with its two block-diagonal gates, which both read its input.</summary>
    private sealed class RecurrentUnit : Module
    {
        private const double Power = 8;

        private readonly BlockDiagonal _inputGate, _aGate;
        private readonly Parameter _aParam;

        public RecurrentUnit(GriffinOptions o, ParameterOptions? parameters)
        {
            _inputGate = Register("input_gate", new BlockDiagonal(o.NumHeads, o.RecurrentWidth / o.NumHeads, parameters));
            _aGate = Register("a_gate", new BlockDiagonal(o.NumHeads, o.RecurrentWidth / o.NumHeads, parameters));
            var generator = parameters?.Generator ?? Generator.Current;
            // e^(-softplus(a_param)) = a, so a_param = ln(1/a - 1), formed as expm1(-ln a) since a is close to 1.
            _aParam = Register("a_param", Initializer.FromValues(shape => [.. Enumerable.Range(0, shape[0]).Select(_ =>
            {
                var u = generator.NextDouble();
                var logA = o.LambdaInit == LambdaInit.Paper ? Math.Log(0.9 + u * (0.999 - 0.9)) / Power : 0.5 * Math.Log(0.81 + u * (0.998 - 0.81) + 1e-8);
                return Math.Log(ExpMinusOne(-logA));
            })]).Create([o.RecurrentWidth], parameters));
        }

        public (Tensor Output, Tensor State) Forward(Tensor u, Tensor starts, Tensor? state) =>
            Tensor.RgLru(u, _inputGate.Forward(u), _aGate.Forward(u), _aParam, Power, starts, state);

        /// <summary>eˣ - 1 for small x with all digits: 2 e^(x/2) sinh(x/2).</summary>
        private static double ExpMinusOne(double x) => 2 * Math.Exp(x / 2) * Math.Sinh(x / 2);
    }

    /// <summary>n blocks side by side: <c>weight</c> [n, i, i] (input before output), <c>bias</c> [n, i].</summary>
    private sealed class BlockDiagonal : Module
    {
        private readonly Parameter _weight, _bias;

        public BlockDiagonal(int blocks, int width, ParameterOptions? parameters)
        {
            _weight = Register("weight", FanInNormal(1).Create([blocks, width, width], parameters, new Fans(width, width)));
            _bias = Register("bias", Initializer.Zeros.Create([blocks, width], parameters));
        }

        public Tensor Forward(Tensor x) => x.BlockDiagonalLinear(_weight, _bias);
    }

    /// <summary>Attention to the W positions before and the position itself, half of the channels rotated. State: <c>keys</c>,
    /// <c>values</c> of the last W positions, keys after rotation.</summary>
    private sealed class LocalMixer : Sublayer
    {
        public const string Positions = "positions";
        private const string Keys = "keys", Values = "values";

        private readonly GriffinOptions _options;
        private readonly Linear _query, _key, _value, _output;

        public LocalMixer(GriffinOptions o, LinearInit inward, LinearInit outward, ParameterOptions? parameters)
        {
            _options = o;
            Linear Project(int to) => new(o.HiddenSize, to, bias: false, init: inward, options: parameters);
            _query = Register("q_proj", Project(o.HiddenSize));
            _key = Register("k_proj", Project(o.NumKvHeads * o.HeadWidth));
            _value = Register("v_proj", Project(o.NumKvHeads * o.HeadWidth));
            _output = Register("out_proj", new Linear(o.HiddenSize, o.HiddenSize, init: outward, options: parameters));
        }

        public override IReadOnlyList<StateSlot> StateSlots => [Slot(Keys), Slot(Values)];

        public override Tensor Forward(Tensor x, Pass pass, SublayerState? state)
        {
            Tensor Heads(Tensor y) => y.Unflatten(-1, -1, _options.HeadWidth);
            // Rotation depends on differences of positions alone, so those within the segment serve as well as absolute ones.
            Tensor Turn(Tensor y) => y.RopeAt(pass.Shared[Positions], rotaryDim: _options.HeadWidth / 2);
            Tensor q = Turn(Heads(_query.Forward(x))), k = Turn(Heads(_key.Forward(x))), v = Heads(_value.Forward(x));
            Tensor? oldKeys = null, oldValues = null, visible = null;
            if (state is not null)
            {
                (k, v) = (state.Append(Keys, k), state.Append(Values, v));
                var past = k.Size(1) - pass.Length;
                if (past > 0)
                {
                    (oldKeys, oldValues) = (k.Narrow(1, 0, past), v.Narrow(1, 0, past));
                    var rows = Enumerable.Range(0, pass.Batch).Select(b => (long)Math.Min(past, pass.PositionOf(b))).ToArray();
                    if (pass.Inputs.Reset is not null || rows.Any(n => n < past)) visible = Tensor.FromArray(rows, pass.Device);
                }

                (k, v) = (k.Narrow(1, past, pass.Length), v.Narrow(1, past, pass.Length));
            }

            var y = Tensor.LocalAttention(q, k, v, _options.LocalAttnWindow, pass.Inputs.Reset, oldKeys, oldValues, visible);
            return _output.Forward(y.Flatten(2, 3));
        }

        private StateSlot Slot(string name) => StateSlot.Cache(name, _options.LocalAttnWindow, _options.NumKvHeads, _options.HeadWidth);
    }
}
