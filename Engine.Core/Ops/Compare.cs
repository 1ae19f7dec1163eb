using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>Comparisons, logic and selection.</summary>
    internal static class Compare
    {
        public static Tensor Run(CompareKernel kernel, Tensor a, Tensor b)
        {
            Binary.Check(kernel.ToString(), a, b);
            var (x, z) = Binary.Broadcast(kernel.ToString(), a, b, out var shape);
            var y = Tensor.Allocate(shape, DType.Bool, a.Device);
            a.Backend.Compare(kernel, x, z, y);
            x.EndViewOf(a);
            z.EndViewOf(b);
            return y;
        }

        public static Tensor Run(CompareKernel kernel, Tensor a, double s)
        {
            var y = Tensor.Allocate(a.Shape, DType.Bool, a.Device);
            a.Backend.CompareScalar(kernel, a, s, y);
            return y;
        }

        public static Tensor Logic(string op, Tensor a, Tensor b, bool and)
        {
            if (a.DType != DType.Bool || b.DType != DType.Bool) throw TensorException.For(op, "needs bool operands: compare first, as in x > 0", a, b);
            return and ? Tensor.Select(op, a, b, a) : Tensor.Select(op, a, a, b);
        }

        public static IEnumerable<OpEntry> Entries()
        {
            foreach (var kernel in Enum.GetValues<CompareKernel>())
            {
                var k = kernel;
                yield return new OpEntry(
                    Name(k), c => c.Optional("b") is { } b ? Run(k, c["a"], b) : Run(k, c["a"], c.Options.Double("scalar", 0)),
                    () => OpCase.Of(("a", Sample.Whole(3, 3, 4)), ("b", Sample.Whole(3, 4))),
                    () => OpCase.Of(("a", Sample.Normal(3, 4)), ("b", Sample.Normal(3, 1))))
                { IsDifferentiable = false };
            }

            yield return new OpEntry("logical_and", c => c.Truth("a").LogicalAnd(c.Truth("b")),
                () => OpCase.Of(("a", Sample.Truth(3, 4)), ("b", Sample.Truth(4)))) { IsDifferentiable = false };
            yield return new OpEntry("logical_or", c => c.Truth("a").LogicalOr(c.Truth("b")),
                () => OpCase.Of(("a", Sample.Truth(3, 4)), ("b", Sample.Truth(4)))) { IsDifferentiable = false };
            yield return new OpEntry("logical_not", c => c.Truth("x").LogicalNot(),
                () => OpCase.Of(("x", Sample.Truth(3, 4)))) { IsDifferentiable = false };
            yield return new OpEntry("where", c => Tensor.Where(c.Truth("condition"), c["a"], c["b"]),
                () => OpCase.Of(("condition", Sample.Truth(3, 4)), ("a", Sample.Normal(3, 4)), ("b", Sample.Normal(3, 4))),
                () => OpCase.Of(("condition", Sample.Truth(2, 1, 4)), ("a", Sample.Normal(3, 1)), ("b", Sample.Normal(1))));
            yield return new OpEntry("masked_fill", c => c["x"].MaskedFill(c.Truth("mask"), c.Options.Double("value", 0)),
                () => OpCase.Of("""{"value": 0.5}""", ("x", Sample.Normal(2, 3, 4)), ("mask", Sample.Truth(3, 1))));
            yield return new OpEntry("tril", c => c["x"].Tril(c.Options.Int("diagonal", 0)),
                () => OpCase.Of(("x", Sample.Normal(2, 4, 3))),
                () => OpCase.Of("""{"diagonal": -1}""", ("x", Sample.Normal(4, 5))));
            yield return new OpEntry("triu", c => c["x"].Triu(c.Options.Int("diagonal", 0)),
                () => OpCase.Of(("x", Sample.Normal(2, 4, 3))),
                () => OpCase.Of("""{"diagonal": 1}""", ("x", Sample.Normal(4, 5))));
        }

        private static string Name(CompareKernel kernel) => kernel switch
        {
            CompareKernel.Equal => "eq",
            CompareKernel.NotEqual => "ne",
            CompareKernel.Less => "lt",
            CompareKernel.LessEqual => "le",
            CompareKernel.Greater => "gt",
            _ => "ge",
        };
    }
}

namespace Edifice.Engine
{
    /// <summary>Comparisons give bool tensors; selection takes bits, never products with a mask.</summary>
    public sealed partial class Tensor
    {
        /// <summary>a &lt; b, elementwise.</summary>
        public static Tensor operator <(Tensor a, Tensor b) => Compare.Run(CompareKernel.Less, a, b);

        /// <summary>a &gt; b, elementwise.</summary>
        public static Tensor operator >(Tensor a, Tensor b) => Compare.Run(CompareKernel.Greater, a, b);

        /// <summary>a ≤ b, elementwise.</summary>
        public static Tensor operator <=(Tensor a, Tensor b) => Compare.Run(CompareKernel.LessEqual, a, b);

        /// <summary>a ≥ b, elementwise.</summary>
        public static Tensor operator >=(Tensor a, Tensor b) => Compare.Run(CompareKernel.GreaterEqual, a, b);

        /// <summary>a &lt; s, elementwise.</summary>
        public static Tensor operator <(Tensor a, double s) => Compare.Run(CompareKernel.Less, a, s);

        /// <summary>a &gt; s, elementwise.</summary>
        public static Tensor operator >(Tensor a, double s) => Compare.Run(CompareKernel.Greater, a, s);

        /// <summary>a ≤ s, elementwise.</summary>
        public static Tensor operator <=(Tensor a, double s) => Compare.Run(CompareKernel.LessEqual, a, s);

        /// <summary>a ≥ s, elementwise.</summary>
        public static Tensor operator >=(Tensor a, double s) => Compare.Run(CompareKernel.GreaterEqual, a, s);

        /// <summary>a = b, elementwise (== compares references, as for any class).</summary>
        public Tensor EqualTo(Tensor other) => Compare.Run(CompareKernel.Equal, this, other);

        /// <summary>a = s, elementwise.</summary>
        public Tensor EqualTo(double s) => Compare.Run(CompareKernel.Equal, this, s);

        /// <summary>a ≠ b, elementwise.</summary>
        public Tensor NotEqualTo(Tensor other) => Compare.Run(CompareKernel.NotEqual, this, other);

        /// <summary>a ≠ s, elementwise.</summary>
        public Tensor NotEqualTo(double s) => Compare.Run(CompareKernel.NotEqual, this, s);

        /// <summary>Both true.</summary>
        public Tensor LogicalAnd(Tensor other) => Compare.Logic("logical_and", this, other, and: true);

        /// <summary>At least one true.</summary>
        public Tensor LogicalOr(Tensor other) => Compare.Logic("logical_or", this, other, and: false);

        /// <summary>Not true.</summary>
        public Tensor LogicalNot() => EqualTo(0);

        /// <summary>condition ? a : b, all three broadcasting. The untaken side gets gradient 0 whatever it holds.</summary>
        /// <param name="condition">bool.</param>
        /// <param name="a">Taken where the condition holds.</param>
        /// <param name="b">Taken elsewhere; the dtype of <paramref name="a"/>.</param>
        public static Tensor Where(Tensor condition, Tensor a, Tensor b)
        {
            ArgumentNullException.ThrowIfNull(condition);
            if (condition.DType != DType.Bool) throw TensorException.For("where", "the condition must be bool: compare first, as in x > 0", condition);
            var y = Select("where", condition, a, b);
            return Tape.Record("where", y, [a, b], [condition], static (n, g) =>
            {
                var c = n.Saved(0);
                var zero = g[0]!.ZerosLike();
                return [n.Needs(0) ? Where(c, g[0]!, zero) : null, n.Needs(1) ? Where(c, zero, g[0]!) : null];
            });
        }

        internal static Tensor Select(string op, Tensor condition, Tensor a, Tensor b)
        {
            Binary.Check(op, a, b);
            if (condition.Device != a.Device) throw TensorException.For(op, "the devices differ: move one with .To(…)", condition, a, b);
            if (!Shape.TryBroadcast(a.Shape, b.Shape, out var ab) || !Shape.TryBroadcast(condition.Shape, ab, out var shape))
                throw TensorException.For(op, "the shapes do not broadcast", condition, a, b);
            using var off = GradMode.Off();
            var y = Allocate(shape, a.DType, a.Device);
            Tensor c = condition.ExpandTo(shape), x = a.ExpandTo(shape), z = b.ExpandTo(shape);
            a.Backend.Select(c, x, z, y);
            c.EndViewOf(condition);
            x.EndViewOf(a);
            z.EndViewOf(b);
            return y;
        }

        /// <summary>x with <paramref name="value"/> where the mask (bool, broadcasting to x) is true; no gradient flows
        /// there.</summary>
        public Tensor MaskedFill(Tensor mask, double value)
        {
            var y = Where(mask, FullLike(value), this);
            return y.Shape == Shape ? y : throw TensorException.For("masked_fill", "the mask does not broadcast to the tensor", this, mask);
        }

        /// <summary>Zeros above diagonal number <paramref name="diagonal"/> of the last two axes (0: the main one).</summary>
        public Tensor Tril(int diagonal = 0) => Triangle("tril", diagonal, lower: true);

        /// <summary>Zeros below diagonal number <paramref name="diagonal"/> of the last two axes.</summary>
        public Tensor Triu(int diagonal = 0) => Triangle("triu", diagonal, lower: false);

        private Tensor Triangle(string op, int diagonal, bool lower)
        {
            if (Rank < 2) throw TensorException.For(op, "needs at least two axes", this);
            var rows = Arange(Layout.Dims[^2], DType.Int64, Device).Unsqueeze(1);
            var columns = Arange(Layout.Dims[^1], DType.Int64, Device) - diagonal;
            return Where(lower ? columns <= rows : columns >= rows, this, Zeros(Shape.Scalar, DType, Device));
        }
    }
}
