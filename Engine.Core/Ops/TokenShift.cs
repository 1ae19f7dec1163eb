using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>Token shift: one kernel for all interpolations of a layer, and its composed form of one join and one interpolation.</summary>
    internal static class TokenShiftOps
    {
        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("token_shift", c =>
                {
                    var (y, state) = c["x"].TokenShift(c.Optional("mix"), c.Optional("initial_state"));
                    return [("out", y), ("final_state", state)];
                },
                () => OpCase.Of(("x", Sample.Normal(2, 4, 3)), ("mix", Sample.Normal(2, 3)), ("initial_state", Sample.Normal(2, 3))),
                () => OpCase.Of(("x", Sample.Normal(1, 1, 3)), ("initial_state", Sample.Normal(1, 3))),
                () => OpCase.Of(("x", Sample.Normal(2, 3, 2))),
                () => OpCase.Of(("x", Sample.Normal(2, 3, 5)), ("mix", Sample.Normal(1, 5))));
        }

        /// <summary>x_{t-1} at t, the state at 0.</summary>
        public static Tensor Previous(Tensor x, Tensor? initial)
        {
            var first = (initial ?? Tensor.Zeros([x.Layout.Dims[0], x.Layout.Dims[2]], x.DType, x.Device)).Unsqueeze(1);
            return x.Layout.Dims[1] == 1 ? first : Tensor.Cat([first, x.Narrow(1, 0, x.Layout.Dims[1] - 1)], 1);
        }

        public static Tensor Composed(Tensor x, Tensor mix, Tensor? initial) =>
            (Previous(x, initial) - x) * mix.Reshape(mix.Layout.Dims[0], 1, 1, mix.Layout.Dims[1]) + x;
    }
}

namespace Edifice.Engine
{
    public sealed partial class Tensor
    {
        /// <summary>The sequence one step late, or interpolations towards it: prev_t = x_{t-1}; out = prev, or with M mixes
        /// out[m] = x + (prev - x) mix[m] (Peng et al. 2023).</summary>
        /// <param name="mix">[M, D] for x [B, L, D]; null: the shifted sequence itself.</param>
        /// <param name="initialState">The token before x [B, D]; null: 0.</param>
        /// <returns>[B, L, D] or [M, B, L, D], and x_{L-1}.</returns>
        public (Tensor Output, Tensor FinalState) TokenShift(Tensor? mix = null, Tensor? initialState = null)
        {
            if (Rank != 3 || Layout.Dims[1] == 0) throw TensorException.For("token_shift", "needs x [B, L, D] with L ≥ 1", this);
            int batch = Layout.Dims[0], length = Layout.Dims[1], width = Layout.Dims[2];
            if (initialState is not null)
            {
                Binary.Check("token_shift", this, initialState);
                if (!initialState.Layout.Dims.AsSpan().SequenceEqual([batch, width]))
                    throw TensorException.For("token_shift", $"the state must be [{batch}, {width}]", this, initialState);
            }

            var last = Select(1, -1);
            if (mix is null) return (TokenShiftOps.Previous(this, initialState), last);
            Binary.Check("token_shift", this, mix);
            if (mix.Rank != 2 || mix.Layout.Dims[1] != width) throw TensorException.For("token_shift", $"mix must be [M, {width}]", this, mix);
            if (!DType.IsComputeFloat()) return (TokenShiftOps.Composed(this, mix, initialState), last);
            Tensor x = Contiguous(), w = mix.Contiguous();
            var before = initialState?.Contiguous();
            var y = Allocate([w.Layout.Dims[0], batch, length, width], DType, Device);
            Backend.TokenShift(x, w, before, y);
            Tensor[] saved = before is null ? [x, w] : [x, w, before];
            return (Tape.Record("token_shift", y, [x, w, before], saved, (n, g) =>
            {
                Tensor x = n.Saved(0), w = n.Saved(1);
                var before = n.SavedCount == 3 ? n.Saved(2) : null;
                if (GradMode.IsOn) return Tape.Composed([x, w, before], n.Needs, g, t => [TokenShiftOps.Composed(t[0]!, t[1]!, t[2])]);
                Tensor dx = x.AllocateLike(), dw = w.AllocateLike();
                var dbefore = before?.AllocateLike();
                x.Backend.TokenShiftVjp(g[0]!.Contiguous(), x, w, before, dx, dw, dbefore);
                return [dx, dw, dbefore];
            }), last);
        }
    }
}
