using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>Depthwise convolutions over time, channels last.</summary>
    internal static class Conv
    {
        public static void Check(string op, Tensor x, Tensor weight, Tensor? bias)
        {
            Binary.Check(op, x, weight);
            if (!x.DType.IsComputeFloat()) throw TensorException.For(op, "is computed in Float32 and Float64: convert with .To(…)", x);
            if (x.Rank != 3 || weight.Rank != 2 || weight.Layout.Dims[0] != x.Layout.Dims[2] || weight.Layout.Dims[1] < 1)
                throw TensorException.For(op, "needs x [B, L, C] and a weight [C, K] with K ≥ 1", x, weight);
            if (bias is not null && (bias.Rank != 1 || bias.Layout.Dims[0] != x.Layout.Dims[2] || bias.DType != x.DType))
                throw TensorException.For(op, "the bias must be [C] of the same dtype", x, bias);
        }

        /// <summary>out[t] = bias + Σ_j weight[:, j] x[t + j - left] on <paramref name="length"/> positions, recorded.</summary>
        public static Tensor Run(Tensor x, Tensor weight, Tensor? bias, Tensor? segments, int left, int length)
        {
            x = x.Contiguous();
            weight = weight.Contiguous();
            bias = bias?.Contiguous();
            var y = Tensor.Allocate([x.Layout.Dims[0], length, x.Layout.Dims[2]], x.DType, x.Device);
            if (y.Count > 0) x.Backend.DepthwiseConv(x, weight, bias, segments, left, y);
            return Tape.Record("depthwise_conv1d", y, [x, weight, bias], [x, weight], (n, g) =>
            {
                Tensor a = n.Saved(0), w = n.Saved(1);
                // The bias only adds: its value is not needed, and the tape sums its gradient.
                if (GradMode.IsOn) return [.. Tape.Composed([a, w], n.Needs, g, v => [Composed(v[0]!, v[1]!, segments, left, length)]), g[0]];
                Tensor? da = n.Needs(0) ? a.AllocateLike() : null, dw = n.Needs(1) ? w.AllocateLike() : null, db = n.Needs(2) ? bias!.AllocateLike() : null;
                a.Backend.DepthwiseConvVjp(g[0]!.Contiguous(), a, w, segments, left, da, dw, db);
                return [da, dw, db];
            });
        }

        /// <summary>The same maths in recorded ops, one product per tap, without the bias.</summary>
        private static Tensor Composed(Tensor x, Tensor weight, Tensor? segments, int left, int length)
        {
            var taps = weight.Layout.Dims[1];
            int width = x.Layout.Dims[1], after = Math.Max(0, length + taps - 1 - left - width);
            var full = x.Pad([(0, 0), (left, after)]);
            var own = segments?.Narrow(1, taps - 1 - left, length);
            Tensor? y = null;
            for (var j = 0; j < taps; j++)
            {
                var term = full.Narrow(1, j, length) * weight.Select(1, j);
                if (segments is not null)
                    term = Tensor.Where(segments.Narrow(1, j - left, length).EqualTo(own!).Unsqueeze(-1), term, term.Detach().ZerosLike());
                y = y is null ? term : y + term;
            }

            return y!;
        }

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("causal_conv1d", c =>
                {
                    var (y, state) = c["x"].CausalConv1d(c["weight"], c.Optional("bias"), c.Optional("initial_state"), c.OptionalTruth("reset"));
                    return [("out", y), ("final_state", state)];
                },
                () => OpCase.Of(("x", Sample.Normal(2, 5, 3)), ("weight", Sample.Normal(3, 4)), ("bias", Sample.Normal(3)), ("initial_state", Sample.Normal(2, 3, 3))),
                () => OpCase.Of(("x", Sample.Normal(1, 6, 2)), ("weight", Sample.Normal(2, 3))),
                () => OpCase.Of(("x", Sample.Normal(2, 7, 2)), ("weight", Sample.Normal(2, 3)), ("initial_state", Sample.Normal(2, 2, 2)), ("reset", Sample.Truth(2, 7))));
            yield return new OpEntry("depthwise_conv1d", c => c["x"].DepthwiseConv1d(c["weight"], c.Optional("bias")),
                () => OpCase.Of(("x", Sample.Normal(2, 6, 3)), ("weight", Sample.Normal(3, 5)), ("bias", Sample.Normal(3))),
                () => OpCase.Of(("x", Sample.Normal(1, 2, 2)), ("weight", Sample.Normal(2, 7))));
        }
    }
}

namespace Edifice.Engine
{
    public sealed partial class Tensor
    {
        /// <summary>Causal depthwise convolution with a carried state: tap K - 1 meets the present input, no flip, no activation.</summary>
        /// <param name="weight">[C, K] for x [B, L, C].</param>
        /// <param name="bias">[C], or null.</param>
        /// <param name="initialState">[B, K-1, C], the inputs before x, oldest first; null: zeros.</param>
        /// <param name="reset">bool [B, L]: true where a new segment begins; taps do not reach across.</param>
        /// <returns>out [B, L, C] and the state for the next piece; entries of an older segment are zero in it.</returns>
        public (Tensor Output, Tensor FinalState) CausalConv1d(Tensor weight, Tensor? bias = null, Tensor? initialState = null, Tensor? reset = null)
        {
            ArgumentNullException.ThrowIfNull(weight);
            Conv.Check("causal_conv1d", this, weight, bias);
            int batch = Layout.Dims[0], length = Layout.Dims[1], channels = Layout.Dims[2], past = weight.Layout.Dims[1] - 1;
            if (initialState is not null && (!initialState.Layout.Dims.AsSpan().SequenceEqual([batch, past, channels]) || initialState.DType != DType))
                throw TensorException.For("causal_conv1d", $"the state must be [{batch}, {past}, {channels}] of the same dtype", this, initialState);
            if (reset is not null && (reset.DType != DType.Bool || !reset.Layout.Dims.AsSpan().SequenceEqual([batch, length])))
                throw TensorException.For("causal_conv1d", $"reset must be bool [{batch}, {length}]", this, reset);
            var before = initialState ?? Zeros([batch, past, channels], DType, Device);
            Tensor output, tail;
            if (reset is null)
            {
                output = initialState is null ? Conv.Run(this, weight, bias, null, past, length) : Conv.Run(Cat([before, this], 1), weight, bias, null, 0, length);
                tail = length >= past ? Narrow(1, length - past, past) : Cat([before.Narrow(1, length, past - length), this], 1);
                return (output, tail);
            }

            var full = Cat([before, this], 1);
            var segments = Cat([Zeros([batch, past], DType.Int32, Device), AttentionOps.Segments(reset, batch, length, Device)], 1).Contiguous();
            output = Conv.Run(full, weight, bias, segments, 0, length);
            tail = full.Narrow(1, length, past);
            var current = segments.Narrow(1, length, past).EqualTo(segments.Narrow(1, past + length - 1, 1)).Unsqueeze(-1);
            return (output, Where(current, tail, Zeros(Shape.Scalar, DType, Device)));
        }

        /// <summary>Depthwise convolution with same padding: out[t] = bias + Σ_j weight[:, j] x[t + j - (K-1)/2], zero outside.</summary>
        /// <param name="weight">[C, K] for x [B, L, C]; K odd, and may exceed L.</param>
        /// <param name="bias">[C], or null.</param>
        public Tensor DepthwiseConv1d(Tensor weight, Tensor? bias = null)
        {
            ArgumentNullException.ThrowIfNull(weight);
            Conv.Check("depthwise_conv1d", this, weight, bias);
            var taps = weight.Layout.Dims[1];
            if (taps % 2 == 0) throw TensorException.For("depthwise_conv1d", $"an even kernel ({taps}) has no symmetric padding", this, weight);
            return Conv.Run(this, weight, bias, null, (taps - 1) / 2, Layout.Dims[1]);
        }
    }
}
