namespace Edifice.Engine.Ops
{
    /// <summary>Token shift, a composition of one join and one interpolation.</summary>
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
                () => OpCase.Of(("x", Sample.Normal(2, 3, 2))));
        }
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
            if (initialState is not null && !initialState.Layout.Dims.AsSpan().SequenceEqual([batch, width]))
                throw TensorException.For("token_shift", $"the state must be [{batch}, {width}]", this, initialState);
            if (mix is not null && (mix.Rank != 2 || mix.Layout.Dims[1] != width)) throw TensorException.For("token_shift", $"mix must be [M, {width}]", this, mix);
            var first = (initialState ?? Zeros([batch, width], DType, Device)).Unsqueeze(1);
            var previous = length == 1 ? first : Cat([first, Narrow(1, 0, length - 1)], 1);
            var last = Select(1, -1);
            if (mix is null) return (previous, last);
            return ((previous - this) * mix.Reshape(mix.Layout.Dims[0], 1, 1, width) + this, last);
        }
    }
}
