using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>The real-gated linear recurrent unit of Griffin: a linear scan behind its own gates.</summary>
    internal static class RgLruOps
    {
        /// <summary>m = √(1 - a²) from log a, as √(-expm1(2 log a)); its derivative is held at 1000, which is part of the
        /// definition (page on the ops of Griffin, equation 25), so it is not the derivative of the value where a is within
        /// 1.25e-7 of 1.</summary>
        public static Tensor Multiplier(Tensor logA)
        {
            Tensor y;
            using (GradMode.Off()) y = (-(logA * 2).Expm1()).Sqrt();
            return Tape.Record("rg_lru_multiplier", y, [logA], [logA, y], static (n, g) =>
                [g[0]! * (n.Saved(0) * 2).Exp() * -2 / (n.Saved(1) * 2).Clamp(min: 1e-3)]);
        }

        /// <summary>Checks the operands of the gated form.</summary>
        public static void Check(Tensor x, Tensor gateX, Tensor gateA, Tensor aParam, Tensor? reset, Tensor? initial)
        {
            const string Op = "rg_lru";
            foreach (var other in (ReadOnlySpan<Tensor?>)[gateX, gateA, aParam, initial])
                if (other is not null) Binary.Check(Op, x, other);
            if (!x.DType.IsComputeFloat()) throw TensorException.For(Op, "is computed in Float32 and Float64: convert with .To(…)", x);
            if (x.Rank != 3 || x.Shape != gateX.Shape || x.Shape != gateA.Shape) throw TensorException.For(Op, "needs x and both gates of one shape [B, L, D]", x, gateX, gateA);
            int batch = x.Layout.Dims[0], width = x.Layout.Dims[2];
            if (x.Layout.Dims[1] == 0) throw TensorException.For(Op, "needs at least one step", x);
            if (aParam.Rank != 1 || aParam.Layout.Dims[0] != width) throw TensorException.For(Op, $"a_param must be [{width}]", x, aParam);
            if (reset is not null) CheckReset(Op, x, reset);
            if (initial is not null && !initial.Layout.Dims.AsSpan().SequenceEqual([batch, width]))
                throw TensorException.For(Op, $"the initial state must be [{batch}, {width}]", x, initial);
        }

        /// <summary>Checks that there is a truth value for each position of x [B, L, D].</summary>
        public static void CheckReset(string op, Tensor x, Tensor reset)
        {
            int batch = x.Layout.Dims[0], length = x.Layout.Dims[1];
            if (reset.DType != DType.Bool || !reset.Layout.Dims.AsSpan().SequenceEqual([batch, length]))
                throw TensorException.For(op, $"reset must be bool [{batch}, {length}]", x, reset);
        }

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("rg_lru_scan", c => Named(Tensor.RgLruScan(c["x"], c["log_a"], c.OptionalTruth("reset"), c.Optional("initial_state"))),
                () => OpCase.Of(("x", Sample.Normal(2, 5, 3)), ("log_a", -Sample.Uniform(0.05, 2, 2, 5, 3)), ("initial_state", Sample.Normal(2, 3))),
                () => OpCase.Of(("x", Sample.Normal(2, 6, 2)), ("log_a", -Sample.Uniform(0.05, 2, 2, 6, 2)), ("reset", Sample.Truth(2, 6))));
            yield return new OpEntry("rg_lru", c => Named(Tensor.RgLru(
                    c["x"], c["gate_x"], c["gate_a"], c["a_param"], c.Options.Double("c", 8), c.OptionalTruth("reset"), c.Optional("initial_state"))),
                () => OpCase.Of(("x", Sample.Normal(2, 5, 3)), ("gate_x", Sample.Normal(2, 5, 3)), ("gate_a", Sample.Normal(2, 5, 3)), ("a_param", Sample.Normal(3)),
                    ("initial_state", Sample.Normal(2, 3)), ("reset", Sample.Truth(2, 5))),
                () => OpCase.Of(("x", Sample.Normal(1, 1, 2)), ("gate_x", Sample.Normal(1, 1, 2)), ("gate_a", Sample.Normal(1, 1, 2)), ("a_param", Sample.Normal(2))));
        }

        private static OpResults Named((Tensor Output, Tensor FinalState) r) => [("h", r.Output), ("final_state", r.FinalState)];
    }
}

namespace Edifice.Engine
{
    public sealed partial class Tensor
    {
        /// <summary>h_t = a_t h_{t-1} + √(1 - a_t²) x_t with a = e^{log a}; at a reset h_t = x_t (De et al. 2024). No cumulative
        /// products, no division: a may underflow.</summary>
        /// <param name="x">[B, L, D].</param>
        /// <param name="logA">≤ 0, [B, L, D].</param>
        /// <param name="reset">bool [B, L]: a new segment begins; null: none.</param>
        /// <param name="initialState">h_{-1} [B, D]; null: 0.</param>
        public static (Tensor Output, Tensor FinalState) RgLruScan(Tensor x, Tensor logA, Tensor? reset = null, Tensor? initialState = null)
        {
            ArgumentNullException.ThrowIfNull(x);
            ArgumentNullException.ThrowIfNull(logA);
            Binary.Check("rg_lru_scan", x, logA);
            if (x.Rank != 3 || x.Shape != logA.Shape) throw TensorException.For("rg_lru_scan", "needs x and log a of one shape [B, L, D]", x, logA);
            Tensor a = logA.Exp(), b = RgLruOps.Multiplier(logA) * x;
            if (reset is not null)
            {
                RgLruOps.CheckReset("rg_lru_scan", x, reset);
                var starts = reset.Unsqueeze(-1);
                a = Where(starts, Zeros(Shape.Scalar, x.DType, x.Device), a);
                b = Where(starts, x, b);
            }

            var h = LinearScan(a, b, initialState);
            return (h, h.Select(1, -1));
        }

        /// <summary>The gated form, one kernel: log a = -c softplus(a_param) σ(gate_a), input σ(gate_x) x.</summary>
        /// <param name="x">[B, L, D].</param>
        /// <param name="gateX">Before its sigmoid, [B, L, D].</param>
        /// <param name="gateA">Before its sigmoid, [B, L, D].</param>
        /// <param name="aParam">[D].</param>
        /// <param name="c">8 as published.</param>
        /// <param name="reset">bool [B, L]; null: none.</param>
        /// <param name="initialState">[B, D]; null: 0.</param>
        public static (Tensor Output, Tensor FinalState) RgLru(
            Tensor x, Tensor gateX, Tensor gateA, Tensor aParam, double c = 8, Tensor? reset = null, Tensor? initialState = null)
        {
            ArgumentNullException.ThrowIfNull(x);
            ArgumentNullException.ThrowIfNull(gateX);
            ArgumentNullException.ThrowIfNull(gateA);
            ArgumentNullException.ThrowIfNull(aParam);
            RgLruOps.Check(x, gateX, gateA, aParam, reset, initialState);
            var rate = (aParam.Softplus() * c).Contiguous();
            (x, gateX, gateA, reset, initialState) = (x.Contiguous(), gateX.Contiguous(), gateA.Contiguous(), reset?.Contiguous(), initialState?.Contiguous());
            var h = x.AllocateLike();
            x.Backend.RgLru(x, gateX, gateA, rate, reset, initialState, h);
            var saved = new List<Tensor> { x, gateX, gateA, rate, h };
            if (reset is not null) saved.Add(reset);
            if (initialState is not null) saved.Add(initialState);
            var (resets, starts) = (reset is not null, initialState is not null);
            h = Tape.Record("rg_lru", h, [x, gateX, gateA, rate, initialState], [.. saved], (n, g) =>
            {
                Tensor x = n.Saved(0), gx = n.Saved(1), ga = n.Saved(2), rate = n.Saved(3);
                Tensor? reset = resets ? n.Saved(5) : null, start = starts ? n.Saved(resets ? 6 : 5) : null;
                if (GradMode.IsOn)
                    return Tape.Composed([x, gx, ga, rate, start], n.Needs, g, v => [RgLruScan(v[1]!.Sigmoid() * v[0]!, -(v[2]!.Sigmoid() * v[3]!), reset, v[4]).Output]);
                Tensor dx = x.AllocateLike(), dgx = x.AllocateLike(), dga = x.AllocateLike(), drate = rate.AllocateLike();
                var dstart = start?.AllocateLike();
                x.Backend.RgLruVjp(g[0]!.Contiguous(), x, gx, ga, rate, reset, start, n.Saved(4), dx, dgx, dga, drate, dstart);
                return [dx, dgx, dga, drate, dstart];
            });
            return (h, h.Select(1, -1));
        }
    }
}
