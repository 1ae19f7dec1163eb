using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>Matrix products.</summary>
    internal static class MatMulOps
    {
        /// <summary>y = a b on operands of rank ≥ 2 with broadcasting leading axes, off the tape.</summary>
        /// <param name="op">For messages.</param>
        /// <param name="a">[…, m, k].</param>
        /// <param name="b">[…, k, n].</param>
        /// <param name="result">Dtype of y: that of a and b, or that of their sums.</param>
        /// <param name="epilogue">What follows.</param>
        public static Tensor Product(string op, Tensor a, Tensor b, DType result, in Epilogue epilogue)
        {
            var batch = Check(op, a, b);
            int m = a.Layout.Dims[^2], n = b.Layout.Dims[^1];
            using var off = GradMode.Off();
            var y = Tensor.Allocate([.. batch.Dims, m, n], result, a.Device);
            Tensor x = a.Expand([.. batch.Dims, m, a.Layout.Dims[^1]]), z = b.Expand([.. batch.Dims, b.Layout.Dims[^2], n]);
            a.Backend.MatMul(x, z, y, epilogue);
            x.EndViewOf(a);
            z.EndViewOf(b);
            return y;
        }

        /// <summary>The leading axes of a product.</summary>
        public static Shape Check(string op, Tensor a, Tensor b)
        {
            Binary.Check(op, a, b);
            if (!a.DType.IsFloating()) throw TensorException.For(op, "is computed in floating dtypes: convert with .To(…)", a, b);
            if (a.Layout.Dims[^1] != b.Layout.Dims[^2])
                throw TensorException.For(op, $"inner extents differ: {a.Layout.Dims[^1]} columns against {b.Layout.Dims[^2]} rows", a, b);
            return Shape.TryBroadcast(new(a.Layout.Dims[..^2]), new(b.Layout.Dims[..^2]), out var batch)
                ? batch
                : throw TensorException.For(op, "the leading axes do not broadcast", a, b);
        }

        /// <summary>The type in which products of these operands are summed.</summary>
        public static DType SumType(DType operands) => operands.IsNarrowFloat() ? DType.Float32 : operands;

        /// <summary>A cotangent as a factor of the backward products, in the type of the other one.</summary>
        public static Tensor Factor(Tensor cotangent, DType type) => cotangent.DType == type ? cotangent : MixedPrecision.Rounded(cotangent, type);

        /// <summary>y[:, m] = x[:, m] w[m] + bias[m] for every m, off the tape; x [R, n, i], w [n, i, o], y [R, n, o]. One product each, so
        /// that rows stay where they are and the bias goes along.</summary>
        public static void Blocks(Tensor x, Tensor w, Tensor y, Tensor? bias)
        {
            using var off = GradMode.Off();
            for (var m = 0; m < w.Layout.Dims[0]; m++)
            {
                using Tensor rows = x.Select(1, m), weight = w.Select(0, m), result = y.Select(1, m);
                using var added = bias?.Select(0, m);
                x.Backend.MatMul(rows, weight, result, new Epilogue(added));
            }
        }

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("matmul", c => View(c["a"], c.Options.Text("a_view", "none")).MatMul(View(c["b"], c.Options.Text("b_view", "none"))),
                () => OpCase.Of(("a", Sample.Normal(3, 4)), ("b", Sample.Normal(4, 5))),
                () => OpCase.Of(("a", Sample.Normal(2, 1, 3, 4)), ("b", Sample.Normal(3, 4, 2))),
                () => OpCase.Of(("a", Sample.Normal(4)), ("b", Sample.Normal(2, 4, 3))),
                () => OpCase.Of(("a", Sample.Normal(2, 3, 4)), ("b", Sample.Normal(4))),
                () => OpCase.Of(("a", Sample.Normal(5)), ("b", Sample.Normal(5))),
                () => OpCase.Of("""{"a_view": "transpose", "b_view": "step"}""", ("a", Sample.Normal(3, 4)), ("b", Sample.Normal(5, 4))));
            yield return new OpEntry("linear", c => c["x"].Linear(c["weight"], c.Optional("bias"), Act(c.Options.Text("activation", "none"))),
                () => OpCase.Of(("x", Sample.Normal(2, 3, 4)), ("weight", Sample.Normal(5, 4)), ("bias", Sample.Normal(5))),
                () => OpCase.Of("""{"activation": "gelu"}""", ("x", Sample.Normal(3, 4)), ("weight", Sample.Normal(5, 4)), ("bias", Sample.Normal(5))),
                () => OpCase.Of("""{"activation": "silu"}""", ("x", Sample.Normal(3, 4)), ("weight", Sample.Normal(5, 4))),
                () => OpCase.Of(("x", Sample.Normal(4)), ("weight", Sample.Normal(5, 4))));
            yield return new OpEntry("outer", c => c["a"].Outer(c["b"]), () => OpCase.Of(("a", Sample.Normal(3)), ("b", Sample.Normal(4))));
            yield return new OpEntry("block_diagonal_linear", c => c["x"].BlockDiagonalLinear(c["weight"], c.Optional("bias")),
                () => OpCase.Of(("x", Sample.Normal(2, 3, 8)), ("weight", Sample.Normal(2, 4, 5)), ("bias", Sample.Normal(2, 5))),
                () => OpCase.Of(("x", Sample.Normal(6)), ("weight", Sample.Normal(3, 2, 2))));
            yield return new OpEntry("gated", c => Tensor.Gated(Act(c.Options.Text("activation", "silu")), c["gate"], c["up"]),
                () => OpCase.Of(("gate", Sample.Normal(3, 4)), ("up", Sample.Normal(3, 4))),
                () => OpCase.Of("""{"activation": "gelu"}""", ("gate", Sample.Normal(3, 4)), ("up", Sample.Normal(3, 4))),
                () => OpCase.Of("""{"activation": "sigmoid"}""", ("gate", Sample.Normal(3, 4)), ("up", Sample.Normal(3, 4))));
            yield return new OpEntry("einsum", c => Einsum.Run(c.Options.Text("equation", ""),
                    [.. new[] { "a", "b", "c", "d" }.Where(c.Inputs.ContainsKey).Select(name => c[name])]),
                () => OpCase.Of("""{"equation": "bhqk,bkhd->bqhd"}""", ("a", Sample.Normal(2, 2, 3, 5)), ("b", Sample.Normal(2, 5, 2, 4))),
                () => OpCase.Of("""{"equation": "...ij,...jk->...ik"}""", ("a", Sample.Normal(2, 1, 3, 4)), ("b", Sample.Normal(5, 4, 2))),
                () => OpCase.Of("""{"equation": "bi,ijk,bk->bj"}""", ("a", Sample.Normal(2, 3)), ("b", Sample.Normal(3, 4, 5)), ("c", Sample.Normal(2, 5))),
                () => OpCase.Of("""{"equation": "bij->j"}""", ("a", Sample.Normal(2, 3, 4))));
        }

        private static Tensor View(Tensor x, string view) => view switch
        {
            "none" => x,
            "transpose" => x.Transpose(),
            "step" => x.Slice(-2, step: 2).Slice(-1, step: 2),
            "last" => x.Select(-2, -1),
            _ => throw new TensorException($"matmul: unknown view '{view}'"),
        };

        internal static Activation Act(string name) => name switch
        {
            "none" => Activation.None,
            "relu" => Activation.Relu,
            "gelu" => Activation.Gelu,
            "gelu_tanh" => Activation.GeluTanh,
            "silu" => Activation.Silu,
            "sigmoid" => Activation.Sigmoid,
            "tanh" => Activation.Tanh,
            _ => throw new TensorException($"unknown activation '{name}': none, relu, gelu, gelu_tanh, silu, sigmoid or tanh"),
        };

        /// <summary>The elementwise op that an epilogue activation stands for; null: none.</summary>
        internal static UnaryRule? Rule(Activation activation) => activation switch
        {
            Activation.None => null,
            Activation.Relu => UnaryRule.Relu,
            Activation.Gelu => UnaryRule.Gelu,
            Activation.GeluTanh => UnaryRule.GeluTanh,
            Activation.Silu => UnaryRule.Silu,
            Activation.Sigmoid => UnaryRule.Sigmoid,
            Activation.Tanh => UnaryRule.Tanh,
            _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "unknown activation"),
        };
    }
}

namespace Edifice.Engine
{
    public sealed partial class Tensor
    {
        /// <summary>Matrix product over the last two axes; leading axes broadcast. A rank-1 left operand is a row, a rank-1 right
        /// operand a column, dropped from the result. BFloat16 and Float16 are summed in Float32 and rounded once, to their own type;
        /// see also <see cref="MixedPrecision"/>.</summary>
        /// <exception cref="TensorException">A scalar operand, inner extents or leading axes that do not fit.</exception>
        public Tensor MatMul(Tensor other)
        {
            ArgumentNullException.ThrowIfNull(other);
            if (Rank == 0 || other.Rank == 0) throw TensorException.For("matmul", "needs operands with at least one axis: multiply by a scalar with *", this, other);
            if (Rank == 1 || other.Rank == 1)
            {
                using var row = Rank == 1 ? Unsqueeze(0) : Alias();
                using var column = other.Rank == 1 ? other.Unsqueeze(1) : other.Alias();
                using var product = row.MatMul(column);
                return Rank > 1 ? product.Squeeze(-1) : other.Rank > 1 ? product.Squeeze(-2) : product.Reshape();
            }

            if (!MixedPrecision.Narrows(this, other)) return MatMulInto(other, DType);
            _ = MatMulOps.Check("matmul", this, other);
            return MixedPrecision.Narrow(this).MatMulInto(MixedPrecision.Narrow(other), DType.Float32);
        }

        /// <summary>The product of two operands of rank ≥ 2 and one dtype, in that dtype or the one of its sums.</summary>
        internal Tensor MatMulInto(Tensor other, DType result)
        {
            var y = MatMulOps.Product("matmul", this, other, result, default);
            return Tape.Record("matmul", y, [this, other], [this, other], static (n, g) =>
            {
                Tensor a = n.Saved(0), b = n.Saved(1), d = MatMulOps.Factor(g[0]!, a.DType);
                return
                [
                    n.Needs(0) ? d.MatMulInto(b.Transpose(), n.GradientType(0)) : null,
                    n.Needs(1) ? WeightGradient(a, d, b.Rank, n.GradientType(1)) : null,
                ];
            });
        }

        /// <summary>aᵀ g; with a matrix on the right all leading axes are contracted in one product.</summary>
        private static Tensor WeightGradient(Tensor a, Tensor g, int rank, DType result) =>
            rank == 2 && a.Rank > 2 && a.Rank == g.Rank
                ? a.Flatten(0, -2).Transpose().MatMulInto(g.Flatten(0, -2), result)
                : a.Transpose().MatMulInto(g, result);

        /// <summary>act(x Wᵀ + b) with W [out, in], b [out], x […, in], in one product with a fused epilogue. BFloat16 and Float16 are
        /// computed in Float32 up to the result, which is rounded once; see also <see cref="MixedPrecision"/>.</summary>
        public Tensor Linear(Tensor weight, Tensor? bias = null, Activation activation = Activation.None)
        {
            ArgumentNullException.ThrowIfNull(weight);
            if (weight.Rank != 2 || Rank == 0 || Layout.Dims[^1] != weight.Layout.Dims[1])
                throw TensorException.For("linear", "needs x […, in] and a weight [out, in]", this, weight);
            if (bias is not null && (bias.Rank != 1 || bias.Layout.Dims[0] != weight.Layout.Dims[0] || bias.DType != DType || bias.Device != Device))
                throw TensorException.For("linear", "the bias must be [out] of the same dtype and device", weight, bias);
            Binary.Check("linear", this, weight);
            if (MixedPrecision.Narrows(this, weight))
                return MixedPrecision.Narrow(this).LinearInto(MixedPrecision.Narrow(weight), bias, activation, DType.Float32);
            if (!DType.IsNarrowFloat()) return LinearInto(weight, bias, activation, DType);
            return bias is null && activation == Activation.None
                ? LinearInto(weight, null, activation, DType)
                : LinearInto(weight, bias?.To(DType.Float32), activation, DType.Float32).To(DType);
        }

        /// <summary>x and W of one dtype; bias and result of the one of their sums, or, without an epilogue, the result of theirs.</summary>
        private Tensor LinearInto(Tensor weight, Tensor? bias, Activation activation, DType result)
        {
            long leading = 1;
            foreach (var d in Layout.Dims.AsSpan(..^1)) leading *= d;
            var rows = Reshape(checked((int)leading), Layout.Dims[^1]);
            Tensor y, pre;
            var watched = Tape.Watches([this, weight, bias]);
            using (GradMode.Off())
            {
                pre = activation != Activation.None && watched ? Allocate([rows.Layout.Dims[0], weight.Layout.Dims[0]], result, Device) : this;
                y = MatMulOps.Product("linear", rows, weight.Transpose(), result, new Epilogue(
                    bias?.Contiguous(), activation, ReferenceEquals(pre, this) ? null : pre));
            }

            ReadOnlySpan<Tensor> saved = activation == Activation.None ? [rows, weight] : bias is null ? [rows, weight, pre] : [rows, weight, pre, bias];
            y = Tape.Record("linear", y, [rows, weight, bias], saved, (n, g) =>
            {
                Tensor x = n.Saved(0), w = n.Saved(1);
                var d = g[0]!;
                if (MatMulOps.Rule(activation) is { } rule)
                {
                    // The kept pre-activation is off the tape; for a graph of the gradient it is formed again.
                    var z = GradMode.IsOn ? LinearAgain(x, w, n.SavedCount == 4 ? n.Saved(3) : null) : n.Saved(2);
                    d = rule.PullThrough(d, z);
                }

                var factor = MatMulOps.Factor(d, x.DType);
                return
                [
                    n.Needs(0) ? factor.MatMulInto(w, n.GradientType(0)) : null,
                    n.Needs(1) ? factor.Transpose().MatMulInto(x, n.GradientType(1)) : null,
                    n.Needs(2) ? d.Sum(0) : null,
                ];
            });
            return Rank == 2 ? y : y.Reshape([.. Layout.Dims[..^1], weight.Layout.Dims[0]]);
        }

        private static Tensor LinearAgain(Tensor x, Tensor w, Tensor? bias)
        {
            var z = x.MatMulInto(w.Transpose(), MatMulOps.SumType(x.DType));
            return bias is null ? z : z + bias;
        }

        /// <summary>a bᵀ of two vectors.</summary>
        public Tensor Outer(Tensor other)
        {
            ArgumentNullException.ThrowIfNull(other);
            if (Rank != 1 || other.Rank != 1) throw TensorException.For("outer", "needs two vectors", this, other);
            return Unsqueeze(1) * other.Unsqueeze(0);
        }

        /// <summary>x […, n i] times n blocks W [n, i, o] (input axis before output axis), plus b [n, o]; result […, n o]. 16-bit floats
        /// as in <see cref="Linear"/>.</summary>
        public Tensor BlockDiagonalLinear(Tensor weight, Tensor? bias = null)
        {
            ArgumentNullException.ThrowIfNull(weight);
            if (weight.Rank != 3 || Rank == 0 || Layout.Dims[^1] != (long)weight.Layout.Dims[0] * weight.Layout.Dims[1])
                throw TensorException.For("block_diagonal_linear", "needs x […, n·i] and a weight [n, i, o]", this, weight);
            Binary.Check("block_diagonal_linear", this, weight);
            int n = weight.Layout.Dims[0], o = weight.Layout.Dims[2];
            if (bias is not null && (bias.Rank != 2 || bias.Layout.Dims[0] != n || bias.Layout.Dims[1] != o || bias.DType != DType || bias.Device != Device))
                throw TensorException.For("block_diagonal_linear", $"the bias must be [{n}, {o}] of the same dtype and device", weight, bias);
            if (!DType.IsFloating()) throw TensorException.For("block_diagonal_linear", "is computed in floating dtypes: convert with .To(…)", this, weight);
            if (MixedPrecision.Narrows(this, weight)) return MixedPrecision.Narrow(this).BlocksInto(MixedPrecision.Narrow(weight), bias);
            return DType.IsNarrowFloat() ? BlocksInto(weight, bias?.To(DType.Float32)).To(DType) : BlocksInto(weight, bias);
        }

        /// <summary>x and W of one dtype; bias and result of the one of their sums.</summary>
        private Tensor BlocksInto(Tensor weight, Tensor? bias)
        {
            int n = weight.Layout.Dims[0], o = weight.Layout.Dims[2];
            long rows = 1;
            foreach (var d in Layout.Dims.AsSpan(..^1)) rows *= d;
            var x = Reshape(checked((int)rows), n, weight.Layout.Dims[1]);
            var y = Allocate([x.Layout.Dims[0], n, o], MatMulOps.SumType(DType), Device);
            MatMulOps.Blocks(x, weight, y, bias?.Contiguous());
            y = Tape.Record("block_diagonal_linear", y, [x, weight, bias], [x, weight], static (node, g) =>
            {
                Tensor x = node.Saved(0), w = node.Saved(1), d = g[0]!;
                // The bias only adds: its value is not needed.
                if (GradMode.IsOn)
                {
                    var sums = d.DType;
                    var both = Tape.Composed([x, w], node.Needs, g, v => [v[0]!.Transpose(0, 1).MatMulInto(v[1]!, sums).Transpose(0, 1)]);
                    return [.. both, node.Needs(2) ? d.Sum(0) : null];
                }

                var dx = node.Needs(0) ? x.AllocateLike(node.GradientType(0)) : null;
                var dw = node.Needs(1) ? w.AllocateLike(node.GradientType(1)) : null;
                var factor = MatMulOps.Factor(d, x.DType);
                if (dx is not null) MatMulOps.Blocks(factor, w.Transpose(), dx, null);
                if (dw is not null) x.Backend.MatMul(x.Transpose(0, 1).Transpose(), factor.Transpose(0, 1), dw, default);
                return [dx, dw, node.Needs(2) ? d.Sum(0) : null];
            });
            return y.Reshape([.. Layout.Dims[..^1], n * o]);
        }

        /// <summary>act(gate) up, elementwise in one pass: the product inside a gated feed-forward (Shazeer 2020).</summary>
        public static Tensor Gated(Activation activation, Tensor gate, Tensor up)
        {
            ArgumentNullException.ThrowIfNull(gate);
            ArgumentNullException.ThrowIfNull(up);
            Binary.Check("gated", gate, up);
            if (gate.Shape != up.Shape) throw TensorException.For("gated", "needs two operands of one shape", gate, up);
            if (!gate.DType.IsComputeFloat()) throw TensorException.For("gated", "is computed in Float32 and Float64: convert with .To(…)", gate);
            gate = gate.Contiguous();
            up = up.Contiguous();
            var y = gate.AllocateLike();
            gate.Backend.Gated(activation, gate, up, y);
            return Tape.Record("gated", y, [gate, up], [gate, up], (n, g) =>
            {
                Tensor a = n.Saved(0), b = n.Saved(1);
                if (GradMode.IsOn)
                    return Tape.Composed([a, b], n.Needs, g, x => [(MatMulOps.Rule(activation)?.Apply(x[0]!) ?? x[0]!) * x[1]!]);
                var d = g[0]!.Contiguous();
                Tensor da = a.AllocateLike(), db = a.AllocateLike();
                a.Backend.GatedVjp(activation, d, a, b, da, db);
                return [da, db];
            });
        }

        /// <summary>Σ over labels, as in <c>Tensor.Einsum("bij,bjk-&gt;bik", a, b)</c>: an explicit <c>-&gt;</c>, <c>...</c> for
        /// broadcasting axes, no label twice in one operand.</summary>
        public static Tensor Einsum(string equation, params ReadOnlySpan<Tensor> operands) => Ops.Einsum.Run(equation, operands.ToArray());
    }
}
