using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>The elementwise linear recurrence h_t = a_t h_{t-1} + b_t.</summary>
    internal static class LinearScanOp
    {
        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("linear_scan", c =>
                {
                    var h = Tensor.LinearScan(c["a"], c["b"], c.Optional("initial_state"));
                    return [("h", h), ("final_state", h.Select(1, -1))];
                },
                () => OpCase.Of(("a", Sample.Uniform(-1, 1, 2, 5, 3)), ("b", Sample.Normal(2, 5, 3)), ("initial_state", Sample.Normal(2, 3))),
                () => OpCase.Of(("a", Sample.Uniform(0, 1, 1, 9, 2)), ("b", Sample.Normal(1, 9, 2))),
                () => OpCase.Of(("a", Sample.Normal(2, 1, 3)), ("b", Sample.Normal(2, 1, 3)), ("initial_state", Sample.Normal(2, 3))));
        }

        /// <summary>The backward pass in recorded ops: λ_t = dh_t + a_{t+1} λ_{t+1} is the same scan run backwards.</summary>
        public static Tensor?[] Adjoint(Tensor dh, Tensor a, Tensor h, Tensor? initial)
        {
            var steps = a.Layout.Dims[1];
            var first = a.Narrow(1, 0, 1);
            var one = first.Detach().OnesLike();
            var next = steps == 1 ? one : Tensor.Cat([a.Narrow(1, 1, steps - 1), one], 1);
            var lambda = Tensor.LinearScan(next.Flip(1), dh.Flip(1)).Flip(1);
            var before = initial is null ? one.ZerosLike() : initial.Unsqueeze(1);
            if (steps > 1) before = Tensor.Cat([before, h.Narrow(1, 0, steps - 1)], 1);
            return [lambda * before, lambda, initial is null ? null : first.Squeeze(1) * lambda.Select(1, 0)];
        }
    }
}

namespace Edifice.Engine
{
    public sealed partial class Tensor
    {
        /// <summary>h_t = a_t h_{t-1} + b_t along axis 1, elementwise; any a (0, negative, above 1), no division.</summary>
        /// <param name="a">[B, L, D].</param>
        /// <param name="b">[B, L, D], L ≥ 1.</param>
        /// <param name="initial">h_{-1} [B, D]; null: 0.</param>
        /// <returns>h [B, L, D].</returns>
        public static Tensor LinearScan(Tensor a, Tensor b, Tensor? initial = null)
        {
            ArgumentNullException.ThrowIfNull(a);
            ArgumentNullException.ThrowIfNull(b);
            Binary.Check("linear_scan", a, b);
            if (a.Rank != 3 || a.Shape != b.Shape) throw TensorException.For("linear_scan", "needs a and b of one shape [B, L, D]", a, b);
            if (!a.DType.IsComputeFloat()) throw TensorException.For("linear_scan", "is computed in Float32 and Float64: convert with .To(…)", a);
            if (a.Layout.Dims[1] == 0) throw TensorException.For("linear_scan", "needs at least one step", a);
            if (initial is not null && (!initial.Layout.Dims.AsSpan().SequenceEqual([a.Layout.Dims[0], a.Layout.Dims[2]]) || initial.DType != a.DType || initial.Device != a.Device))
                throw TensorException.For("linear_scan", "the initial state must be [B, D] of the same dtype and device", a, initial);
            a = a.Contiguous();
            b = b.Contiguous();
            initial = initial?.Contiguous();
            var h = b.AllocateLike();
            a.Backend.LinearScan(a, b, initial, reverse: false, h);
            Tensor[] saved = initial is null ? [a, h] : [a, h, initial];
            return Tape.Record("linear_scan", h, [a, b, initial], saved, (n, g) =>
            {
                var start = n.SavedCount == 3 ? n.Saved(2) : null;
                if (GradMode.IsOn) return LinearScanOp.Adjoint(g[0]!, n.Saved(0), n.Saved(1), start);
                Tensor da = n.Saved(0).AllocateLike(), db = da.AllocateLike();
                var dinitial = start?.AllocateLike();
                da.Backend.LinearScanVjp(g[0]!.Contiguous(), null, n.Saved(0), n.Saved(1), start, da, db, dinitial);
                return [da, db, dinitial];
            });
        }
    }
}
