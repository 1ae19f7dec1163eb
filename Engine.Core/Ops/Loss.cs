using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Engine
{
    /// <summary>How the terms of a loss become its value.</summary>
    public enum Reduction
    {
        /// <summary>Their mean (cross-entropy and nll: over the targets that are not ignored).</summary>
        Mean,

        /// <summary>Their sum.</summary>
        Sum,

        /// <summary>The terms themselves.</summary>
        None,

        /// <summary>Their sum divided by the first extent (kl_div).</summary>
        BatchMean,
    }
}

namespace Edifice.Engine.Ops
{
    /// <summary>Losses. The term formulas are compositions, except cross-entropy, whose probabilities are never kept.</summary>
    internal static class Loss
    {
        public static Tensor Reduce(Tensor terms, Reduction reduction) => reduction switch
        {
            Reduction.Mean => terms.Mean(),
            Reduction.Sum => terms.Sum(),
            Reduction.BatchMean => terms.Sum() / terms.Layout.Dims[0],
            _ => terms,
        };

        /// <summary>The reduction of class losses: the mean runs over the targets that count, NaN if none does.</summary>
        public static Tensor ReduceCounted(Tensor terms, Tensor target, long ignoreIndex, Reduction reduction)
        {
            if (reduction != Reduction.Mean) return Reduce(terms, reduction);
            var n = target.NotEqualTo(ignoreIndex).To(DType.Int64).Sum().Item();
            return terms.Sum() / n;
        }

        public static Tensor CheckTarget(string op, Tensor x, Tensor target, long ignoreIndex)
        {
            if (x.Rank == 0 || !target.Layout.Dims.AsSpan().SequenceEqual(x.Layout.Dims.AsSpan(..^1)))
                throw TensorException.For(op, "needs class scores […, V] and targets […]", x, target);
            if (target.DType is not (DType.Int64 or DType.Int32)) throw TensorException.For(op, "the targets must be Int64 or Int32", target);
            if (target.Device != x.Device) throw TensorException.For(op, "the devices differ: move one with .To(…)", x, target);
            var whole = target.To(DType.Int64).Contiguous();
            var classes = x.Layout.Dims[^1];
            if (whole.Device.Kind == DeviceKind.Cpu)
            {
                foreach (var t in whole.AsSpan<long>())
                    if (t != ignoreIndex && (ulong)t >= (ulong)classes) throw Outside(t);
                return whole;
            }

            if (whole.Count == 0) return whole;
            // Only the range is read; targets that are ignored count as class 0.
            var counted = Tensor.Where(whole.EqualTo(ignoreIndex), Tensor.Zeros(Shape.Scalar, DType.Int64, whole.Device), whole);
            double low = counted.Min().Item(), high = counted.Max().Item();
            if (low < 0 || high >= classes) throw Outside(low < 0 ? low : high);
            return whole;

            TensorException Outside(double t) =>
                TensorException.For(op, $"target {t} is outside [0, {classes}) and is not ignore_index {ignoreIndex}", x, target);
        }

        private static Reduction Read(OptionBag options) => options.Text("reduction", "mean") switch
        {
            "mean" => Reduction.Mean,
            "sum" => Reduction.Sum,
            "none" => Reduction.None,
            "batchmean" => Reduction.BatchMean,
            var other => throw new TensorException($"unknown reduction '{other}': mean, sum, none or batchmean"),
        };

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("mse_loss", c => c["input"].MseLoss(c["target"], Read(c.Options)),
                () => OpCase.Of(("input", Sample.Normal(3, 4)), ("target", Sample.Normal(3, 4))));
            yield return new OpEntry("l1_loss", c => c["input"].L1Loss(c["target"], Read(c.Options)),
                () => OpCase.Of("""{"reduction": "sum"}""", ("input", Sample.Distinct(3, 4)), ("target", Sample.Distinct(3, 4) + 0.04)));
            yield return new OpEntry("huber_loss", c => c["input"].HuberLoss(c["target"], c.Options.Double("delta", 1), Read(c.Options)),
                () => OpCase.Of("""{"delta": 0.55}""", ("input", Sample.Distinct(3, 4)), ("target", Sample.Distinct(3, 4) + 0.02)));
            yield return new OpEntry("bce_with_logits", c => c["logits"].BceWithLogits(c["target"].Detach(), Read(c.Options)),
                () => OpCase.Of(("logits", Sample.Normal(3, 4)), ("target", Sample.Uniform(0, 1, 3, 4)))) { Fixed = ["target"] };
            yield return new OpEntry("kl_div", c => c["input"].KlDiv(c["target"].Detach(), c.Options.Bool("log_target", false), Read(c.Options)),
                () => OpCase.Of(("input", Sample.Normal(3, 4)), ("target", Sample.Uniform(0.1, 1, 3, 4))),
                () => OpCase.Of("""{"log_target": true, "reduction": "batchmean"}""", ("input", Sample.Normal(3, 4)), ("target", Sample.Normal(3, 4)))) { Fixed = ["target"] };
            yield return new OpEntry("nll_loss", c => c["log_probs"].NllLoss(c.Whole("target"), c.Options.Int("ignore_index", -100), Read(c.Options)),
                () => OpCase.Of("""{"ignore_index": 1}""", ("log_probs", Sample.Normal(5, 4)), ("target", Sample.Whole(4, 5))));
            yield return new OpEntry(
                "cross_entropy",
                c => c["logits"].CrossEntropy(c.Whole("target"), c.Options.Int("ignore_index", -100), c.Options.Double("label_smoothing", 0), Read(c.Options)),
                () => OpCase.Of(("logits", Sample.Normal(2, 3, 5)), ("target", Sample.Whole(5, 2, 3))),
                () => OpCase.Of("""{"label_smoothing": 0.2, "ignore_index": 0, "reduction": "sum"}""", ("logits", Sample.Normal(6, 4)), ("target", Sample.Whole(4, 6))));
        }
    }
}

namespace Edifice.Engine
{
    /// <summary>Losses.</summary>
    public sealed partial class Tensor
    {
        /// <summary>(x - target)².</summary>
        public Tensor MseLoss(Tensor target, Reduction reduction = Reduction.Mean) => Loss.Reduce((this - SameShape("mse_loss", target)).Square(), reduction);

        /// <summary>|x - target|.</summary>
        public Tensor L1Loss(Tensor target, Reduction reduction = Reduction.Mean) => Loss.Reduce((this - SameShape("l1_loss", target)).Abs(), reduction);

        /// <summary>d²/2 for |d| ≤ delta, else delta (|d| - delta/2), d = x - target.</summary>
        public Tensor HuberLoss(Tensor target, double delta = 1, Reduction reduction = Reduction.Mean)
        {
            if (!(delta > 0)) throw TensorException.For("huber_loss", $"delta must be positive, got {delta}", this);
            // With m = min(|d|, delta): m (|d| - m/2) is both branches at once, with the right derivative on either side.
            var d = (this - SameShape("huber_loss", target)).Abs();
            var m = d.Clamp(max: delta);
            return Loss.Reduce(m * (d - m * 0.5), reduction);
        }

        /// <summary>max(x, 0) - x t + log1p(e^-|x|): the log loss of a logit against a probability.</summary>
        public Tensor BceWithLogits(Tensor target, Reduction reduction = Reduction.Mean) =>
            Loss.Reduce(Softplus() - this * SameShape("bce_with_logits", target), reduction);

        /// <summary>t (ln t - x), 0 at t = 0; with <paramref name="logTarget"/> e^t (t - x). x holds log-probabilities.</summary>
        public Tensor KlDiv(Tensor target, bool logTarget = false, Reduction reduction = Reduction.Mean)
        {
            SameShape("kl_div", target);
            if (logTarget) return Loss.Reduce(target.Exp() * (target - this), reduction);
            var positive = target > 0;
            var safe = Where(positive, target, target.OnesLike());
            return Loss.Reduce(Where(positive, safe * (safe.Log() - this), target.ZerosLike()), reduction);
        }

        /// <summary>-x[target] over the last axis of log-probabilities.</summary>
        public Tensor NllLoss(Tensor target, long ignoreIndex = -100, Reduction reduction = Reduction.Mean)
        {
            ArgumentNullException.ThrowIfNull(target);
            var t = Loss.CheckTarget("nll_loss", this, target, ignoreIndex);
            var ignored = t.EqualTo(ignoreIndex);
            var picked = Gather(-1, Where(ignored, t.ZerosLike(), t).Unsqueeze(-1)).Squeeze(-1);
            var terms = Where(ignored, picked.Detach().ZerosLike(), -picked);
            return Loss.ReduceCounted(terms, t, ignoreIndex, reduction);
        }

        /// <summary>Log loss of class scores: (1 - s)(-lp[target]) + s (-Σ lp)/V with lp = log_softmax over the last axis.</summary>
        /// <param name="target">Class numbers […] for scores […, V].</param>
        /// <param name="ignoreIndex">Targets with this value do not count (it may be a valid class).</param>
        /// <param name="labelSmoothing">s in [0, 1].</param>
        /// <param name="reduction">The mean runs over the targets that count; over none it is NaN with zero gradient.</param>
        /// <exception cref="TensorException">A target outside [0, V) that is not ignored.</exception>
        public Tensor CrossEntropy(Tensor target, long ignoreIndex = -100, double labelSmoothing = 0, Reduction reduction = Reduction.Mean)
        {
            ArgumentNullException.ThrowIfNull(target);
            if (!(labelSmoothing is >= 0 and <= 1)) throw TensorException.For("cross_entropy", $"label smoothing must lie in [0, 1], got {labelSmoothing}", this);
            if (!DType.IsComputeFloat()) throw TensorException.For("cross_entropy", "is computed in Float32 and Float64: convert with .To(…)", this);
            var t = Loss.CheckTarget("cross_entropy", this, target, ignoreIndex);
            var logits = Contiguous();
            var terms = Allocate(t.Shape, DType, Device);
            var lse = Allocate(t.Shape, DType, Device);
            if (logits.Count > 0) Backend.CrossEntropy(logits, t, ignoreIndex, labelSmoothing, terms, lse);
            terms = Tape.Record("cross_entropy", terms, [logits], [logits, t, lse], (n, g) =>
            {
                Tensor x = n.Saved(0), places = n.Saved(1);
                if (GradMode.IsOn) return Tape.Composed([x], n.Needs, g, v => [ComposedCrossEntropy(v[0]!, places, ignoreIndex, labelSmoothing)]);
                var dx = x.AllocateLike();
                if (x.Count > 0) x.Backend.CrossEntropyVjp(g[0]!.Contiguous(), x, places, n.Saved(2), ignoreIndex, labelSmoothing, dx);
                return [dx];
            });
            return Loss.ReduceCounted(terms, t, ignoreIndex, reduction);
        }

        private static Tensor ComposedCrossEntropy(Tensor logits, Tensor target, long ignoreIndex, double smoothing)
        {
            var lp = logits.LogSoftmax();
            var hard = lp.NllLoss(target, ignoreIndex, Reduction.None);
            if (smoothing == 0) return hard;
            var ignored = target.EqualTo(ignoreIndex);
            var soft = -lp.Mean(-1);
            return hard * (1 - smoothing) + Where(ignored, soft.Detach().ZerosLike(), soft) * smoothing;
        }

        private Tensor SameShape(string op, Tensor target)
        {
            ArgumentNullException.ThrowIfNull(target);
            return target.Shape == Shape ? target : throw TensorException.For(op, "input and target must have one shape", this, target);
        }
    }
}
