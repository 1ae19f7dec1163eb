using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;

namespace Edifice.Engine.Ops
{
    /// <summary>Reductions over any axes. Rules first bring the cotangent back to the kept shape; it then broadcasts.</summary>
    internal static class Reduce
    {
        /// <summary>The axes of a call in ascending order; null: all.</summary>
        public static int[] Axes(string op, Tensor x, int[]? axes)
        {
            var all = new int[axes?.Length ?? x.Rank];
            for (var i = 0; i < all.Length; i++) all[i] = axes is null ? i : x.NormalizeAxis(op, axes[i]);
            Array.Sort(all);
            for (var i = 1; i < all.Length; i++)
                if (all[i] == all[i - 1]) throw TensorException.For(op, $"axis {all[i]} is named twice in [{string.Join(", ", axes!)}]", x);
            return all;
        }

        public static int[] KeptDims(Tensor x, int[] axes)
        {
            var dims = (int[])x.Layout.Dims.Clone();
            foreach (var a in axes) dims[a] = 1;
            return dims;
        }

        public static long ReducedCount(Tensor x, int[] axes)
        {
            long n = 1;
            foreach (var a in axes) n *= x.Layout.Dims[a];
            return n;
        }

        /// <summary>Runs the kernel and, with <paramref name="keepdim"/> false, drops the axes; the rule sees x, the kept result
        /// and the kept cotangent.</summary>
        public static Tensor Run(
            string op, ReduceKernel kernel, Tensor x, int[]? axes, bool keepdim, double p,
            Func<Tensor, Tensor, Tensor, int[], Tensor> rule, bool keepInput, bool keepOutput, bool emptyIsError = false)
        {
            var over = Axes(op, x, axes);
            if (!x.DType.IsComputeFloat() && !(kernel is ReduceKernel.Sum or ReduceKernel.Max or ReduceKernel.Min or ReduceKernel.Prod &&
                x.DType is DType.Int32 or DType.Int64) && kernel is not (ReduceKernel.Any or ReduceKernel.All))
                throw TensorException.For(op, "is not computed in this dtype: convert with .To(DType.Float32) first", x);
            if (emptyIsError && ReducedCount(x, over) == 0 && x.Rank > 0)
                throw TensorException.For(op, $"over no entries (axes [{string.Join(", ", over)}]) has no value", x);
            var kept = KeptDims(x, over);
            var y = Tensor.Allocate(kept, x.DType, x.Device);
            x.Backend.Reduce(kernel, x, over, y, p);
            if (Tape.Watches(x)) Record(op, x, y, over, rule, keepInput, keepOutput);
            else Anomaly.CheckForward(op, y);
            return keepdim ? y : Dropped(y, over);
        }

        private static void Record(
            string op, Tensor x, Tensor y, int[] over, Func<Tensor, Tensor, Tensor, int[], Tensor> rule, bool keepInput, bool keepOutput)
        {
            var shape = x.Layout.Dims;
            var saved = (keepInput, keepOutput) switch
            {
                (true, true) => new[] { x, y },
                (true, false) => [x],
                (false, true) => [y],
                _ => [],
            };
            Tape.Record(op, y, [x], saved, (n, g) =>
            {
                var input = keepInput ? n.Saved(0) : g[0]!;
                var output = keepOutput ? n.Saved(keepInput ? 1 : 0) : g[0]!;
                var dx = rule(g[0]!, input, output, over);
                return [dx.Layout.Dims.AsSpan().SequenceEqual(shape) ? dx : dx.Expand(shape)];
            });
        }

        /// <summary>A fresh result without the reduced axes. The result itself is nobody's then: left to its scope or the garbage collector, it
        /// would keep the memory from being used again.</summary>
        private static Tensor Dropped(Tensor y, ReadOnlySpan<int> axes)
        {
            if (axes.Length == 0) return y;
            var squeezed = y.Squeeze(axes);
            y.Dispose();
            return squeezed;
        }

        /// <summary>g shared over the entries of x equal to the extreme.</summary>
        public static Tensor ShareOverTies(Tensor g, Tensor x, Tensor y, int[] axes)
        {
            var hits = x.EqualTo(y).To(x.DType);
            return hits * (g / hits.Sum(axes, keepdim: true));
        }

        public static Tensor Arg(string op, bool max, Tensor x, int? axis, bool keepdim)
        {
            if (axis is null)
            {
                using Tensor detached = x.Detach(), row = detached.Flatten();
                var at = Arg(op, max, row, 0, keepdim: false);
                if (!keepdim || x.Rank == 0) return at;
                using var scalar = at;
                var ones = new int[x.Rank];
                Array.Fill(ones, 1);
                return scalar.Reshape(ones);
            }

            var a = x.NormalizeAxis(op, axis.Value);
            if (x.Layout.Dims[a] == 0) throw TensorException.For(op, $"axis {axis} has no entries", x);
            var y = Tensor.Allocate(KeptDims(x, [a]), DType.Int64, x.Device);
            x.Backend.ArgReduce(max, x, a, y);
            return keepdim ? y : Dropped(y, [a]);
        }

        private static OpEntry Row(string name, Func<OpCase, int[]?, bool, OpResults> run, Func<int[], Tensor> input) => new(
            name, c => run(c, c.Options.Ints("axes"), c.Options.Bool("keepdim", false)),
            () => OpCase.Of(("x", input([3, 4]))),
            () => OpCase.Of("""{"axes": [-1]}""", ("x", input([3, 4, 5]))),
            () => OpCase.Of("""{"axes": [0, 2], "keepdim": true}""", ("x", input([2, 3, 4]))),
            () => OpCase.Of("""{"axes": [0]}""", ("x", Sample.Transposed(input([4, 3])))));

        private static Tensor Normal(int[] shape) => Sample.Normal(shape);

        private static Tensor Distinct(int[] shape) => Sample.Distinct(shape);

        public static IEnumerable<OpEntry> Entries()
        {
            yield return Row("sum", (c, axes, keep) => c["x"].Sum(axes, keep), Normal);
            yield return Row("mean", (c, axes, keep) => c["x"].Mean(axes, keep), Normal);
            yield return Row("var", (c, axes, keep) => c["x"].Variance(axes, keep, c.Options.Int("correction", 1)), Normal);
            yield return Row("max", (c, axes, keep) => c["x"].Max(axes, keep), Distinct);
            yield return Row("min", (c, axes, keep) => c["x"].Min(axes, keep), Distinct);
            yield return Row("prod", (c, axes, keep) => c["x"].Prod(axes, keep), Normal);
            yield return Row("logsumexp", (c, axes, keep) => c["x"].LogSumExp(axes, keep), Normal);
            yield return Row("norm", (c, axes, keep) => c["x"].Norm(NormOrder(c.Options), axes, keep), Distinct);
            yield return new OpEntry("norm_1", c => c["x"].Norm(1, c.Options.Ints("axes")), () => OpCase.Of(("x", Sample.AwayFromZero(3, 4))));
            yield return new OpEntry("norm_inf", c => c["x"].Norm(double.PositiveInfinity, c.Options.Ints("axes")), () => OpCase.Of(("x", Sample.Distinct(3, 4))));
            yield return Fixed("argmax", c => c["x"].ArgMax(c.Options.IntOrNull("axis"), c.Options.Bool("keepdim", false)), Distinct);
            yield return Fixed("argmin", c => c["x"].ArgMin(c.Options.IntOrNull("axis"), c.Options.Bool("keepdim", false)), Distinct);
            yield return Fixed("any", c => c.Truth("x").Any(c.Options.Ints("axes"), c.Options.Bool("keepdim", false)), Normal);
            yield return Fixed("all", c => c.Truth("x").All(c.Options.Ints("axes"), c.Options.Bool("keepdim", false)), Normal);
        }

        private static OpEntry Fixed(string name, Func<OpCase, OpResults> run, Func<int[], Tensor> input) =>
            new(name, run, () => OpCase.Of(("x", input([3, 4])))) { IsDifferentiable = false };

        private static double NormOrder(OptionBag options) =>
            options.Raw("p") is { ValueKind: System.Text.Json.JsonValueKind.String } ? options.Text("p", "2") switch
            {
                "inf" => double.PositiveInfinity,
                var other => throw new TensorException($"norm: p must be 1, 2 or \"inf\", got '{other}'"),
            } : options.Double("p", 2);
    }
}

namespace Edifice.Engine
{
    /// <summary>Reductions; <c>axes</c> null means all, <c>keepdim</c> leaves extent 1 in their place.</summary>
    public sealed partial class Tensor
    {
        /// <summary>Σ x; 0 over no entries. Floats are added in a fixed tree (error about ε log N of Σ|x|).</summary>
        public Tensor Sum(int[]? axes = null, bool keepdim = false) =>
            Ops.Reduce.Run("sum", ReduceKernel.Sum, this, axes, keepdim, 0, static (g, _, _, _) => g, false, false);

        /// <summary>Σ x over one axis.</summary>
        public Tensor Sum(int axis, bool keepdim = false) => Sum([axis], keepdim);

        /// <summary>Σ x / N; NaN over no entries.</summary>
        public Tensor Mean(int[]? axes = null, bool keepdim = false)
        {
            var n = (double)Ops.Reduce.ReducedCount(this, Ops.Reduce.Axes("mean", this, axes));
            return Ops.Reduce.Run("mean", ReduceKernel.Mean, this, axes, keepdim, 0, (g, _, _, _) => g / n, false, false);
        }

        /// <summary>Mean over one axis.</summary>
        public Tensor Mean(int axis, bool keepdim = false) => Mean([axis], keepdim);

        /// <summary>Σ (x - mean)² / (N - correction) in two passes; NaN for N ≤ correction.</summary>
        public Tensor Variance(int[]? axes = null, bool keepdim = false, int correction = 1)
        {
            if (correction < 0) throw TensorException.For("var", $"the correction cannot be {correction}", this);
            var n = (double)Ops.Reduce.ReducedCount(this, Ops.Reduce.Axes("var", this, axes)) - correction;
            return Ops.Reduce.Run("var", ReduceKernel.Variance, this, axes, keepdim, correction,
                (g, x, _, over) => g * (x - x.Mean(over, keepdim: true)) * (2 / n), true, false);
        }

        /// <summary>Largest entry; NaN if there is one. Equal entries share the gradient.</summary>
        /// <exception cref="TensorException">Over no entries.</exception>
        public Tensor Max(int[]? axes = null, bool keepdim = false) =>
            Ops.Reduce.Run("max", ReduceKernel.Max, this, axes, keepdim, 0, Ops.Reduce.ShareOverTies, true, true, emptyIsError: true);

        /// <summary>Smallest entry; NaN if there is one. Equal entries share the gradient.</summary>
        /// <exception cref="TensorException">Over no entries.</exception>
        public Tensor Min(int[]? axes = null, bool keepdim = false) =>
            Ops.Reduce.Run("min", ReduceKernel.Min, this, axes, keepdim, 0, Ops.Reduce.ShareOverTies, true, true, emptyIsError: true);

        /// <summary>Π x; 1 over no entries. The gradient never divides by x: prefix times suffix products.</summary>
        public Tensor Prod(int[]? axes = null, bool keepdim = false) =>
            Ops.Reduce.Run("prod", ReduceKernel.Prod, this, axes, keepdim, 0,
                static (g, x, _, over) => g * ProductOfOthers(x, over), true, false);

        /// <summary>Π of the other entries of the reduced set, entry by entry.</summary>
        private static Tensor ProductOfOthers(Tensor x, int[] axes)
        {
            // Bring the reduced axes to the back as one axis, then exclusive prefix and suffix products along it.
            var order = new List<int>();
            for (var i = 0; i < x.Rank; i++)
                if (Array.IndexOf(axes, i) < 0) order.Add(i);
            var lead = order.Count;
            order.AddRange(axes);
            var front = x.Permute([.. order]);
            var flat = lead == x.Rank ? front.Unsqueeze(-1) : front.Flatten(lead);
            var n = flat.Layout.Dims[^1];
            Tensor others;
            if (n <= 1)
            {
                others = flat.OnesLike();
            }
            else
            {
                var one = Ones([.. flat.Layout.Dims[..^1], 1], x.DType, x.Device);
                var prefix = Cat([one, flat.Narrow(-1, 0, n - 1).CumProd(-1)], -1);
                var suffix = Cat([flat.Narrow(-1, 1, n - 1).Flip(-1).CumProd(-1).Flip(-1), one], -1);
                others = prefix * suffix;
            }

            var back = new int[x.Rank];
            for (var i = 0; i < order.Count; i++) back[order[i]] = i;
            return others.Reshape(front.Layout.Dims).Permute(back);
        }

        /// <summary>ln Σ eˣ without overflow; -inf over no entries. Entries of -inf get gradient 0, also when all are.</summary>
        public Tensor LogSumExp(int[]? axes = null, bool keepdim = false) =>
            Ops.Reduce.Run("logsumexp", ReduceKernel.LogSumExp, this, axes, keepdim, 0, static (g, x, y, _) =>
            {
                // Where y = -inf, x - y would be NaN; all such entries have weight 0.
                var dead = y.EqualTo(double.NegativeInfinity);
                var weight = (x - Where(dead, y.ZerosLike(), y)).Exp();
                return g * weight;
            }, true, true);

        /// <summary>Σ|x| (p = 1), √Σx² (2) or max|x| (infinity). The gradient at the zero vector is 0.</summary>
        public Tensor Norm(double p = 2, int[]? axes = null, bool keepdim = false) => p switch
        {
            1 => Ops.Reduce.Run("norm_1", ReduceKernel.Norm1, this, axes, keepdim, 0, static (g, x, _, _) => g * x.Sign(), true, false),
            2 => Ops.Reduce.Run("norm", ReduceKernel.Norm2, this, axes, keepdim, 0, static (g, x, y, _) =>
            {
                var zero = y.EqualTo(0);
                return x * Where(zero, y.ZerosLike(), g / Where(zero, y.OnesLike(), y));
            }, true, true),
            double.PositiveInfinity => Ops.Reduce.Run("norm_inf", ReduceKernel.NormInf, this, axes, keepdim, 0,
                static (g, x, y, over) => x.Sign() * Ops.Reduce.ShareOverTies(g, x.Abs(), y, over), true, true, emptyIsError: true),
            _ => throw TensorException.For("norm", $"p must be 1, 2 or infinity, got {p}", this),
        };

        /// <summary>First index of the largest entry along an axis (null: of the flattened tensor), int64; NaN counts as the
        /// largest.</summary>
        public Tensor ArgMax(int? axis = null, bool keepdim = false) => Ops.Reduce.Arg("argmax", true, this, axis, keepdim);

        /// <summary>First index of the smallest entry; NaN counts as the smallest.</summary>
        public Tensor ArgMin(int? axis = null, bool keepdim = false) => Ops.Reduce.Arg("argmin", false, this, axis, keepdim);

        /// <summary>Some entry is true; false over no entries.</summary>
        public Tensor Any(int[]? axes = null, bool keepdim = false) => Truths("any", ReduceKernel.Any, axes, keepdim);

        /// <summary>Every entry is true; true over no entries.</summary>
        public Tensor All(int[]? axes = null, bool keepdim = false) => Truths("all", ReduceKernel.All, axes, keepdim);

        private Tensor Truths(string op, ReduceKernel kernel, int[]? axes, bool keepdim)
        {
            if (DType != DType.Bool) throw TensorException.For(op, "needs a bool tensor: compare first, as in x > 0", this);
            return Ops.Reduce.Run(op, kernel, this, axes, keepdim, 0, static (g, _, _, _) => g, false, false);
        }
    }
}
