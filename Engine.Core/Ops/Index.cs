using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>Reading and adding at places given by index tensors. Indices are checked on the host: none may be negative.</summary>
    internal static class Indexing
    {
        public static Tensor CheckIndex(string op, Tensor index, int bound, Tensor x)
        {
            if (index.DType is not (DType.Int64 or DType.Int32)) throw TensorException.For(op, "the index must be Int64 or Int32", index);
            if (index.Device != x.Device) throw TensorException.For(op, "the devices differ: move one with .To(…)", x, index);
            var whole = index.To(DType.Int64).Contiguous();
            if (whole.Count == 0) return whole;
            if (index.Device.Kind == DeviceKind.Cpu)
            {
                foreach (var i in whole.AsSpan<long>())
                    if ((ulong)i >= (ulong)bound) throw TensorException.For(op, $"index {i} is outside [0, {bound})", x, index);
                return whole;
            }

            double low = whole.Min().Item(), high = whole.Max().Item();
            if (low < 0 || high >= bound) throw TensorException.For(op, $"index {(low < 0 ? low : high)} is outside [0, {bound})", x, index);
            return whole;
        }

        public static void CheckGather(string op, Tensor x, Tensor index, int axis)
        {
            if (index.Rank != x.Rank) throw TensorException.For(op, "the index must have as many axes as the tensor", x, index);
            for (var i = 0; i < x.Rank; i++)
                if (i != axis && index.Layout.Dims[i] > x.Layout.Dims[i])
                    throw TensorException.For(op, $"the index is longer than the tensor on axis {i}", x, index);
        }

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("gather", c => c["x"].Gather(c.Options.Int("axis", 0), c.Whole("index")),
                () => OpCase.Of("""{"axis": 1}""", ("x", Sample.Normal(3, 4)), ("index", Sample.Whole(4, 2, 6))),
                () => OpCase.Of("""{"axis": 0}""", ("x", Sample.Normal(1)), ("index", Sample.Whole(1, 2))));
            yield return new OpEntry("scatter_add", c => c["x"].ScatterAdd(c.Options.Int("axis", 0), c.Whole("index"), c["src"]),
                () => OpCase.Of("""{"axis": 0}""", ("x", Sample.Normal(3, 2)), ("index", Sample.Whole(3, 5, 2)), ("src", Sample.Normal(5, 2))),
                () => OpCase.Of("""{"axis": -1}""", ("x", Sample.Normal(3, 4)), ("index", Sample.Whole(4, 3, 6)), ("src", Sample.Normal(3, 6))));
            yield return new OpEntry("index_select", c => c["x"].IndexSelect(c.Options.Int("axis", 0), c.Whole("index")),
                () => OpCase.Of("""{"axis": 1}""", ("x", Sample.Normal(2, 4, 3)), ("index", Sample.Whole(4, 5))));
            yield return new OpEntry("index_add", c => c["x"].IndexAdd(c.Options.Int("axis", 0), c.Whole("index"), c["src"]),
                () => OpCase.Of("""{"axis": 1}""", ("x", Sample.Normal(2, 4, 3)), ("index", Sample.Whole(4, 5)), ("src", Sample.Normal(2, 5, 3))));
            yield return new OpEntry("embedding", c => Tensor.Embedding(c["weight"], c.Whole("index"), c.Options.IntOrNull("padding_idx")),
                () => OpCase.Of(("weight", Sample.Normal(5, 3)), ("index", Sample.Whole(5, 2, 4))));
            yield return new OpEntry("sort", c =>
                {
                    var (values, indices) = c["x"].Sort(c.Options.Int("axis", -1), c.Options.Bool("descending", false));
                    return [("values", values), ("indices", indices)];
                },
                () => OpCase.Of("""{"axis": 1}""", ("x", Sample.Distinct(3, 4))),
                () => OpCase.Of("""{"axis": 0, "descending": true}""", ("x", Sample.Distinct(3, 4))));
            yield return new OpEntry("topk", c =>
                {
                    var (values, indices) = c["x"].TopK(c.Options.Int("k", 1), c.Options.Int("axis", -1), c.Options.Bool("largest", true));
                    return [("values", values), ("indices", indices)];
                },
                () => OpCase.Of("""{"k": 3}""", ("x", Sample.Distinct(3, 5))),
                () => OpCase.Of("""{"k": 2, "axis": 0, "largest": false}""", ("x", Sample.Distinct(4, 2))));
        }
    }
}

namespace Edifice.Engine
{
    /// <summary>Indexing by tensors of whole numbers.</summary>
    public sealed partial class Tensor
    {
        /// <summary>out[…, i, …] = x[…, index[…, i, …], …]; index has x's rank and is no longer than x off the axis.</summary>
        /// <exception cref="TensorException">An index outside [0, n).</exception>
        public Tensor Gather(int axis, Tensor index)
        {
            ArgumentNullException.ThrowIfNull(index);
            var a = NormalizeAxis("gather", axis);
            Indexing.CheckGather("gather", this, index, a);
            var places = Indexing.CheckIndex("gather", index, Layout.Dims[a], this);
            var y = Allocate(index.Shape, DType, Device);
            Backend.Gather(this, places, a, y);
            var shape = Layout.Dims;
            return Tape.Record("gather", y, [this], [places], (n, g) =>
                [Zeros(shape, g[0]!.DType, g[0]!.Device).ScatterAdd(a, n.Saved(0), g[0]!)]);
        }

        /// <summary>x + src added at index along an axis; repeated places add up, in ascending order.</summary>
        /// <exception cref="TensorException">An index outside [0, n), or src of another shape than the index.</exception>
        public Tensor ScatterAdd(int axis, Tensor index, Tensor src)
        {
            ArgumentNullException.ThrowIfNull(index);
            ArgumentNullException.ThrowIfNull(src);
            var a = NormalizeAxis("scatter_add", axis);
            Binary.Check("scatter_add", this, src);
            if (src.Shape != index.Shape) throw TensorException.For("scatter_add", "src and index must have one shape", this, index, src);
            Indexing.CheckGather("scatter_add", this, index, a);
            var places = Indexing.CheckIndex("scatter_add", index, Layout.Dims[a], this);
            var y = AllocateLike();
            Backend.Copy(this, y);
            Backend.ScatterAdd(src, places, a, y);
            return Tape.Record("scatter_add", y, [this, src], [places], (n, g) =>
                [g[0], n.Needs(1) ? g[0]!.Gather(a, n.Saved(0)) : null]);
        }

        /// <summary>The slices index[0], index[1], … of an axis; index is a vector.</summary>
        public Tensor IndexSelect(int axis, Tensor index)
        {
            ArgumentNullException.ThrowIfNull(index);
            var a = NormalizeAxis("index_select", axis);
            if (index.Rank != 1) throw TensorException.For("index_select", "the index must be a vector", this, index);
            var places = Indexing.CheckIndex("index_select", index, Layout.Dims[a], this);
            var dims = (int[])Layout.Dims.Clone();
            var n = dims[a];
            dims[a] = index.Layout.Dims[0];
            var y = Allocate(dims, DType, Device);
            Backend.IndexSelect(this, places, a, y);
            var shape = Layout.Dims;
            return Tape.Record("index_select", y, [this], [places], (node, g) =>
                [Zeros(shape, g[0]!.DType, g[0]!.Device).IndexAdd(a, node.Saved(0), g[0]!)]);
        }

        /// <summary>x with the slices of src added at index along an axis; repeated places add up, in ascending order.</summary>
        public Tensor IndexAdd(int axis, Tensor index, Tensor src)
        {
            ArgumentNullException.ThrowIfNull(index);
            ArgumentNullException.ThrowIfNull(src);
            var a = NormalizeAxis("index_add", axis);
            Binary.Check("index_add", this, src);
            var wanted = (int[])Layout.Dims.Clone();
            wanted[a] = index.Rank == 1 ? index.Layout.Dims[0] : -1;
            if (!src.Layout.Dims.AsSpan().SequenceEqual(wanted))
                throw TensorException.For("index_add", "needs a vector of places and one slice of src for each", this, index, src);
            var places = Indexing.CheckIndex("index_add", index, Layout.Dims[a], this);
            var y = AllocateLike();
            Backend.Copy(this, y);
            Backend.IndexAdd(src, places, a, y);
            return Tape.Record("index_add", y, [this, src], [places], (n, g) =>
                [g[0], n.Needs(1) ? g[0]!.IndexSelect(a, n.Saved(0)) : null]);
        }

        /// <summary>Rows of a table: weight[index].</summary>
        /// <param name="weight">[V, D].</param>
        /// <param name="index">Any shape; the result has that shape and a last axis of D.</param>
        /// <param name="paddingIndex">A row that gets no gradient.</param>
        public static Tensor Embedding(Tensor weight, Tensor index, int? paddingIndex = null)
        {
            ArgumentNullException.ThrowIfNull(weight);
            ArgumentNullException.ThrowIfNull(index);
            if (weight.Rank != 2) throw TensorException.For("embedding", "the weight must be [V, D]", weight, index);
            if (paddingIndex is { } p && (uint)p >= (uint)weight.Layout.Dims[0])
                throw TensorException.For("embedding", $"padding index {p} is outside the table", weight);
            var places = Indexing.CheckIndex("embedding", index, weight.Layout.Dims[0], weight).Flatten();
            var y = Allocate([places.Layout.Dims[0], weight.Layout.Dims[1]], weight.DType, weight.Device);
            weight.Backend.IndexSelect(weight, places, 0, y);
            var shape = weight.Layout.Dims;
            y = Tape.Record("embedding", y, [weight], [places], (n, g) =>
            {
                var d = g[0]!;
                if (paddingIndex is { } skip)
                    d = Where(n.Saved(0).EqualTo(skip).Unsqueeze(1), Zeros(Shape.Scalar, d.DType, d.Device), d);
                return [Zeros(shape, d.DType, d.Device).IndexAdd(0, n.Saved(0), d)];
            });
            return y.Reshape([.. index.Layout.Dims, weight.Layout.Dims[1]]);
        }

        /// <summary>Stable sort along an axis. NaN ranks above +inf, -0 equals +0; both directions keep the order of equals.</summary>
        /// <returns>The sorted values and, as int64, where each came from.</returns>
        public (Tensor Values, Tensor Indices) Sort(int axis = -1, bool descending = false)
        {
            var a = NormalizeAxis("sort", axis);
            if (DType is DType.Bool or DType.BFloat16 or DType.Float16) throw TensorException.For("sort", "is not computed in this dtype: convert with .To(DType.Float32) first", this);
            var values = AllocateLike();
            var indices = Allocate(values.Layout, DType.Int64, Device);
            Backend.Sort(this, a, descending, values, indices);
            var shape = Layout.Dims;
            values = Tape.Record("sort", values, [this], [indices], (n, g) =>
                [Zeros(shape, g[0]!.DType, g[0]!.Device).ScatterAdd(a, n.Saved(0), g[0]!)]);
            return (values, indices);
        }

        /// <summary>The first k entries of the stable sort along an axis: sorted, the lower index first among equals.</summary>
        public (Tensor Values, Tensor Indices) TopK(int k, int axis = -1, bool largest = true)
        {
            var a = NormalizeAxis("topk", axis);
            if (k < 0 || k > Layout.Dims[a]) throw TensorException.For("topk", $"k = {k} is outside [0, {Layout.Dims[a]}]", this);
            var (values, indices) = Sort(a, descending: largest);
            return (values.Narrow(a, 0, k), indices.Narrow(a, 0, k).Contiguous());
        }
    }
}
