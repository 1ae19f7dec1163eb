using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>Elementwise functions of two arguments with broadcasting. Rules return cotangents of the broadcast shape; the
    /// tape sums them back to each operand's shape.</summary>
    internal static class Binary
    {
        /// <summary>The forward pass alone.</summary>
        public static Tensor Forward(string op, BinaryKernel kernel, Tensor a, Tensor b)
        {
            Check(op, a, b);
            if (a.Layout.Dims.AsSpan().SequenceEqual(b.Layout.Dims))
            {
                var same = a.AllocateLike();
                a.Backend.Zip(kernel, a, b, same);
                return same;
            }

            var (x, y) = Broadcast(op, a, b, out var shape);
            var result = Tensor.Allocate(shape, a.DType, a.Device);
            a.Backend.Zip(kernel, x, y, result);
            x.EndViewOf(a);
            y.EndViewOf(b);
            return result;
        }

        /// <summary>Dtypes and devices must agree: there is no silent promotion.</summary>
        public static void Check(string op, Tensor a, Tensor b)
        {
            if (a.DType != b.DType) throw TensorException.For(op, $"the dtypes differ: convert one with .To(DType.{a.DType})", a, b);
            if (!ReferenceEquals(a.Device, b.Device) && a.Device != b.Device)
                throw TensorException.For(op, $"the devices differ: move one with .To(…)", a, b);
        }

        /// <summary>Both operands as views of their common shape, off the tape.</summary>
        public static (Tensor A, Tensor B) Broadcast(string op, Tensor a, Tensor b, out Shape shape)
        {
            if (!Shape.TryBroadcast(a.Shape, b.Shape, out shape))
                throw TensorException.For(op, "the shapes do not broadcast: aligned from the right, extents must be equal or 1", a, b);
            using (GradMode.Off()) return (a.ExpandTo(shape), b.ExpandTo(shape));
        }

        public static Tensor Scalar(string op, BinaryKernel kernel, Tensor a, double s, bool scalarFirst, Vjp vjp, bool keep)
        {
            if (a.DType is DType.Int32 or DType.Int64 && s != Math.Floor(s))
                throw TensorException.For(op, $"the number {s} is not whole: convert the tensor with .To(DType.Float32) first", a);
            if (a.DType is DType.Bool) throw TensorException.For(op, "bool tensors have no arithmetic: convert with .To(…)", a);
            var y = a.AllocateLike();
            a.Backend.ZipScalar(kernel, a, s, scalarFirst, y);
            return Tape.Record(op, y, [a], keep ? [a] : [], vjp);
        }

        public static Tensor Extreme(string op, BinaryKernel kernel, Tensor a, Tensor b) =>
            Tape.Record(op, Forward(op, kernel, a, b), [a, b], [a, b], static (n, g) =>
            {
                Tensor x = n.Saved(0), z = n.Saved(1);
                // Equal operands share: 1/2 each.
                var tie = g[0]! * 0.5;
                var aWins = n.Op == "maximum" ? x > z : x < z;
                var bWins = n.Op == "maximum" ? z > x : z < x;
                var zero = g[0]!.ZerosLike();
                return
                [
                    n.Needs(0) ? Tensor.Where(aWins, g[0]!, Tensor.Where(bWins, zero, tie)) : null,
                    n.Needs(1) ? Tensor.Where(bWins, g[0]!, Tensor.Where(aWins, zero, tie)) : null,
                ];
            });

        public static Tensor PowerGradient(Tensor g, Tensor x, double e) =>
            e == 0 ? g.ZerosLike() : e == 1 ? g : g * x.Pow(e - 1) * e;

        public static IEnumerable<OpEntry> Entries()
        {
            yield return Arithmetic("add", (a, b) => a + b);
            yield return Arithmetic("sub", (a, b) => a - b);
            yield return Arithmetic("mul", (a, b) => a * b);
            yield return new OpEntry("div", c => c["a"] / c["b"],
                () => OpCase.Of(("a", Sample.Normal(2, 3, 4)), ("b", Sample.Positive(3, 1))),
                () => OpCase.Of(("a", Sample.Normal(1)), ("b", Sample.AwayFromZero(2, 3))),
                () => OpCase.Of(("a", Sample.Transposed(Sample.Normal(4, 3))), ("b", Sample.Positive(4, 3))));
            yield return Tied("maximum", (a, b) => a.Maximum(b));
            yield return Tied("minimum", (a, b) => a.Minimum(b));
            yield return new OpEntry(
                "pow", c => c.Options.DoubleOrNull("exponent") is { } e ? c["x"].Pow(e) : c["x"].Pow(c["exponent"]),
                () => OpCase.Of("""{"exponent": 2.5}""", ("x", Sample.Positive(3, 4))),
                () => OpCase.Of("""{"exponent": 3}""", ("x", Sample.AwayFromZero(3, 4))),
                () => OpCase.Of("""{"exponent": -1.5}""", ("x", Sample.Positive(5))),
                () => OpCase.Of(("x", Sample.Positive(3, 4)), ("exponent", Sample.Normal(4))));
        }

        private static OpEntry Arithmetic(string name, Func<Tensor, Tensor, Tensor> apply) => new(
            name, c => apply(c["a"], c["b"]),
            () => OpCase.Of(("a", Sample.Normal(2, 3, 4)), ("b", Sample.Normal(2, 3, 4))),
            () => OpCase.Of(("a", Sample.Normal(4, 1, 3)), ("b", Sample.Normal(1, 5, 1))),
            () => OpCase.Of(("a", Sample.Transposed(Sample.Normal(4, 3))), ("b", Sample.Normal(3))),
            () => OpCase.Of(("a", Sample.Normal(0, 3)), ("b", Sample.Normal(1, 3))));

        private static OpEntry Tied(string name, Func<Tensor, Tensor, Tensor> apply) => new(
            name, c => apply(c["a"], c["b"]),
            () => OpCase.Of(("a", Sample.Distinct(3, 4)), ("b", Sample.Distinct(3, 4) + 0.04)),
            () => OpCase.Of(("a", Sample.Distinct(3, 1)), ("b", Sample.Distinct(1, 4) + 0.04)));
    }
}

namespace Edifice.Engine
{
    /// <summary>Arithmetic. Operands broadcast from the right and must share dtype and device; a <c>double</c> operand takes
    /// the tensor's dtype.</summary>
    public sealed partial class Tensor
    {
        /// <summary>a + b.</summary>
        public static Tensor operator +(Tensor a, Tensor b)
        {
            var y = Binary.Forward("add", BinaryKernel.Add, a, b);
            return Tape.Watches(a, b) || Anomaly.IsOn ? Tape.Record("add", y, [a, b], [], static (_, g) => [g[0], g[0]]) : y;
        }

        /// <summary>a - b.</summary>
        public static Tensor operator -(Tensor a, Tensor b)
        {
            var y = Binary.Forward("sub", BinaryKernel.Subtract, a, b);
            return Tape.Watches(a, b) || Anomaly.IsOn
                ? Tape.Record("sub", y, [a, b], [], static (n, g) => [g[0], n.Needs(1) ? -g[0]! : null])
                : y;
        }

        /// <summary>a b, elementwise.</summary>
        public static Tensor operator *(Tensor a, Tensor b)
        {
            var y = Binary.Forward("mul", BinaryKernel.Multiply, a, b);
            return Tape.Watches(a, b) || Anomaly.IsOn
                ? Tape.Record("mul", y, [a, b], [a, b], static (n, g) =>
                [
                    n.Needs(0) ? g[0]! * n.Saved(1) : null,
                    n.Needs(1) ? g[0]! * n.Saved(0) : null,
                ])
                : y;
        }

        /// <summary>a / b. Integers truncate toward zero.</summary>
        public static Tensor operator /(Tensor a, Tensor b)
        {
            var y = Binary.Forward("div", BinaryKernel.Divide, a, b);
            return Tape.Watches(a, b) || Anomaly.IsOn
                ? Tape.Record("div", y, [a, b], [b, y], static (n, g) =>
                {
                    var da = g[0]! / n.Saved(0);
                    return [da, n.Needs(1) ? -(da * n.Saved(1)) : null];
                })
                : y;
        }

        /// <summary>a + s.</summary>
        public static Tensor operator +(Tensor a, double s) =>
            Binary.Scalar("add_scalar", BinaryKernel.Add, a, s, false, static (_, g) => [g[0]], keep: false);

        /// <summary>s + a.</summary>
        public static Tensor operator +(double s, Tensor a) => a + s;

        /// <summary>a - s.</summary>
        public static Tensor operator -(Tensor a, double s) =>
            Binary.Scalar("sub_scalar", BinaryKernel.Subtract, a, s, false, static (_, g) => [g[0]], keep: false);

        /// <summary>s - a.</summary>
        public static Tensor operator -(double s, Tensor a) =>
            Binary.Scalar("rsub_scalar", BinaryKernel.Subtract, a, s, true, static (_, g) => [-g[0]!], keep: false);

        /// <summary>a s.</summary>
        public static Tensor operator *(Tensor a, double s) =>
            Binary.Scalar("mul_scalar", BinaryKernel.Multiply, a, s, false, (_, g) => [g[0]! * s], keep: false);

        /// <summary>s a.</summary>
        public static Tensor operator *(double s, Tensor a) => a * s;

        /// <summary>a / s.</summary>
        public static Tensor operator /(Tensor a, double s) =>
            Binary.Scalar("div_scalar", BinaryKernel.Divide, a, s, false, (_, g) => [g[0]! / s], keep: false);

        /// <summary>s / a.</summary>
        public static Tensor operator /(double s, Tensor a) =>
            Binary.Scalar("rdiv_scalar", BinaryKernel.Divide, a, s, true, (n, g) =>
            {
                var x = n.Saved(0);
                return [-(g[0]! * (s / x) / x)];
            }, keep: true);

        /// <summary>The larger of two elements; NaN if either is NaN. Equal operands share the gradient, half each.</summary>
        public Tensor Maximum(Tensor other) => Binary.Extreme("maximum", BinaryKernel.Maximum, this, other);

        /// <summary>The smaller of two elements; NaN if either is NaN. Equal operands share the gradient, half each.</summary>
        public Tensor Minimum(Tensor other) => Binary.Extreme("minimum", BinaryKernel.Minimum, this, other);

        /// <summary>IEEE pow(x, exponent): pow(x, 0) = 1 even for NaN. dx = 0 where the exponent is 0.</summary>
        public Tensor Pow(double exponent)
        {
            if (exponent == 2) return Square();
            return Binary.Scalar("pow", BinaryKernel.Power, this, exponent, false,
                (n, g) => [Binary.PowerGradient(g[0]!, n.Saved(0), exponent)], keep: true);
        }

        /// <summary>IEEE pow, elementwise with broadcasting. dx = g e x^(e-1), 0 where e = 0; de = g y ln x, 0 where x = 0 and
        /// e ≥ 0, NaN for x &lt; 0.</summary>
        public Tensor Pow(Tensor exponent)
        {
            var y = Binary.Forward("pow", BinaryKernel.Power, this, exponent);
            return Tape.Record("pow", y, [this, exponent], [this, exponent, y], static (n, g) =>
            {
                Tensor x = n.Saved(0), e = n.Saved(1);
                Tensor? dx = null, de = null;
                if (n.Needs(0))
                {
                    var raw = g[0]! * e * x.Pow(e - 1);
                    dx = Where(e.EqualTo(0), raw.ZerosLike(), raw);
                }

                if (n.Needs(1))
                {
                    var flat = x.EqualTo(0).LogicalAnd(e >= 0);
                    var safe = Where(flat, x.OnesLike(), x);
                    var raw = g[0]! * n.Saved(2) * safe.Log();
                    de = Where(flat, raw.ZerosLike(), raw);
                }

                return [dx, de];
            });
        }
    }
}
