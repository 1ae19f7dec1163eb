using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;

namespace Edifice.Engine.Ops
{
    /// <summary>Running sums, products and log-sums along an axis.</summary>
    internal static class Scan
    {
        public static Tensor Run(string op, ScanKernel kernel, Tensor x, int axis, bool reverse, bool exclusive)
        {
            if (!x.DType.IsComputeFloat() && !(x.DType is DType.Int32 or DType.Int64 && kernel != ScanKernel.LogSumExp))
                throw TensorException.For(op, "is not computed in this dtype: convert with .To(DType.Float32) first", x);
            var y = x.AllocateLike();
            x.Backend.Scan(kernel, x, x.NormalizeAxis(op, axis), reverse, exclusive, y);
            return y;
        }

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry(
                "cumsum", c => c["x"].CumSum(c.Options.Int("axis", -1), c.Options.Bool("reverse", false), c.Options.Bool("exclusive", false)),
                () => OpCase.Of("""{"axis": 1}""", ("x", Sample.Normal(2, 5, 3))),
                () => OpCase.Of("""{"axis": 0, "reverse": true, "exclusive": true}""", ("x", Sample.Normal(6, 2))),
                () => OpCase.Of(("x", Sample.Transposed(Sample.Normal(3, 4)))));
            yield return new OpEntry("cumprod", c => c["x"].CumProd(c.Options.Int("axis", -1)),
                () => OpCase.Of("""{"axis": 1}""", ("x", Sample.Normal(2, 5, 2))),
                () => OpCase.Of("""{"axis": 0}""", ("x", Sample.AwayFromZero(4, 2))));
            yield return new OpEntry("logcumsumexp", c => c["x"].LogCumSumExp(c.Options.Int("axis", -1)),
                () => OpCase.Of("""{"axis": 1}""", ("x", Sample.Normal(2, 5, 2) * 3)),
                () => OpCase.Of(("x", Sample.Normal(7))));
        }
    }
}

namespace Edifice.Engine
{
    public sealed partial class Tensor
    {
        /// <summary>Running sum along an axis: Σ_{i≤t} x_i; <paramref name="reverse"/>: Σ_{i≥t}; <paramref name="exclusive"/> leaves
        /// out the entry itself.</summary>
        public Tensor CumSum(int axis, bool reverse = false, bool exclusive = false) =>
            Tape.Record("cumsum", Ops.Scan.Run("cumsum", ScanKernel.Sum, this, axis, reverse, exclusive), [this], [],
                (_, g) => [g[0]!.CumSum(axis, !reverse, exclusive)]);

        /// <summary>Running product along an axis. The gradient is exact with zeros too and never divides.</summary>
        public Tensor CumProd(int axis)
        {
            var a = NormalizeAxis("cumprod", axis);
            return Tape.Record("cumprod", Ops.Scan.Run("cumprod", ScanKernel.Prod, this, a, false, false), [this], [this],
                (n, g) => [CumProdGradient(g[0]!, n.Saved(0), a)]);
        }

        /// <summary>dx_i = (Π_{m&lt;i} x_m) · r_i with r_i = g_i + x_{i+1} r_{i+1}: the sum over j ≥ i of g_j times the product of
        /// the factors between, as a reversed linear scan; no division, so zeros need no care.</summary>
        private static Tensor CumProdGradient(Tensor g, Tensor x, int axis)
        {
            var n = x.Layout.Dims[axis];
            if (n == 0) return x.ZerosLike();
            var one = x.Narrow(axis, 0, 1).Detach().OnesLike();
            var prefix = n == 1 ? one : Cat([one, x.Narrow(axis, 0, n - 1).CumProd(axis)], axis);
            var next = n == 1 ? one : Cat([x.Narrow(axis, 1, n - 1), one], axis);
            var r = LinearScanAlong(next.Flip(axis), g.Flip(axis), axis).Flip(axis);
            return prefix * r;
        }

        /// <summary>h_t = a_t h_{t-1} + b_t along any axis, by bringing it to the middle of a [outer, n, inner] view.</summary>
        private static Tensor LinearScanAlong(Tensor a, Tensor b, int axis)
        {
            var shape = b.Layout.Dims;
            int outer = 1, inner = 1;
            for (var i = 0; i < axis; i++) outer *= shape[i];
            for (var i = axis + 1; i < shape.Length; i++) inner *= shape[i];
            return LinearScan(a.Reshape(outer, shape[axis], inner), b.Reshape(outer, shape[axis], inner)).Reshape(shape);
        }

        /// <summary>Running ln Σ_{i≤t} e^{x_i} along an axis with a running maximum; -inf until the first finite entry.</summary>
        public Tensor LogCumSumExp(int axis)
        {
            var a = NormalizeAxis("logcumsumexp", axis);
            return Tape.Record("logcumsumexp", Ops.Scan.Run("logcumsumexp", ScanKernel.LogSumExp, this, a, false, false), [this], [this],
                (n, g) => [LogCumSumExpGradient(g[0]!, n.Saved(0), a)]);
        }

        /// <summary>c_t = g_t + e^{y_t - y_{t+1}} c_{t+1}, dx_t = e^{x_t - y_t} c_t; y does not decrease, so no exponent is
        /// positive. Entries of -inf get 0.</summary>
        private static Tensor LogCumSumExpGradient(Tensor g, Tensor x, int axis)
        {
            var n = x.Layout.Dims[axis];
            if (n == 0) return x.ZerosLike();
            var y = x.LogCumSumExp(axis);
            var floor = y.EqualTo(double.NegativeInfinity);
            var safe = Where(floor, y.ZerosLike(), y);
            var zero = safe.Narrow(axis, 0, 1).Detach().ZerosLike();
            var decay = n == 1 ? zero : Cat([
                Where(floor.Narrow(axis, 0, n - 1), safe.Narrow(axis, 1, n - 1).ZerosLike(), (safe.Narrow(axis, 0, n - 1) - safe.Narrow(axis, 1, n - 1)).Exp()), zero], axis);
            var c = LinearScanAlong(decay.Flip(axis), g.Flip(axis), axis).Flip(axis);
            return (x - safe).Exp() * c;
        }
    }
}
