using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>Several tensors into one, and borders around one.</summary>
    internal static class Join
    {
        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("cat", c => Tensor.Cat([c["a"], c["b"]], c.Options.Int("axis", 0)),
                () => OpCase.Of(("a", Sample.Normal(2, 3)), ("b", Sample.Normal(4, 3))),
                () => OpCase.Of("""{"axis": -1}""", ("a", Sample.Transposed(Sample.Normal(3, 2))), ("b", Sample.Normal(3, 0))));
            yield return new OpEntry("stack", c => Tensor.Stack([c["a"], c["b"]], c.Options.Int("axis", 0)),
                () => OpCase.Of("""{"axis": 1}""", ("a", Sample.Normal(2, 3)), ("b", Sample.Normal(2, 3))));
            yield return new OpEntry("pad", c => c["x"].Pad(Pairs(c.Options), c.Options.Double("value", 0)),
                () => OpCase.Of("""{"pads": [[1, 0], [2, 3]], "value": 0.5}""", ("x", Sample.Normal(2, 3))));
            yield return new OpEntry("roll", c => c["x"].Roll(c.Options.Ints("shifts") ?? [], c.Options.Ints("axes") ?? []),
                () => OpCase.Of("""{"shifts": [3, -1], "axes": [0, 1]}""", ("x", Sample.Normal(4, 5))));
        }

        private static (int, int)[] Pairs(OptionBag options) => options.Raw("pads") is { } raw
            ? [.. raw.EnumerateArray().Select(p => (p[0].GetInt32(), p[1].GetInt32()))]
            : [];
    }
}

namespace Edifice.Engine
{
    public sealed partial class Tensor
    {
        /// <summary>Tensors one after the other along an axis; all other extents, dtypes and devices must agree.</summary>
        public static Tensor Cat(ReadOnlySpan<Tensor> tensors, int axis = 0)
        {
            if (tensors.Length == 0) throw new TensorException("cat: needs at least one tensor");
            var first = tensors[0];
            var a = first.NormalizeAxis("cat", axis);
            var dims = (int[])first.Layout.Dims.Clone();
            long total = 0;
            foreach (var t in tensors)
            {
                Binary.Check("cat", first, t);
                if (t.Rank != first.Rank) throw TensorException.For("cat", "the numbers of axes differ", first, t);
                for (var i = 0; i < dims.Length; i++)
                    if (i != a && t.Layout.Dims[i] != dims[i]) throw TensorException.For("cat", $"axis {i} differs (joined along axis {a})", first, t);
                total += t.Layout.Dims[a];
            }

            dims[a] = checked((int)total);
            var y = Allocate(dims, first.DType, first.Device);
            var sizes = new int[tensors.Length];
            using (GradMode.Off())
            {
                var at = 0;
                for (var i = 0; i < tensors.Length; i++)
                {
                    sizes[i] = tensors[i].Layout.Dims[a];
                    if (tensors[i].Count > 0)
                    {
                        using var place = y.View(new Layout(tensors[i].Layout.Dims, y.Layout.Strides), at * y.Layout.Strides[a]);
                        y.Backend.Copy(tensors[i], place);
                    }

                    at += sizes[i];
                }
            }

            if (!Tape.Watches([.. tensors])) return y;
            return Tape.Record("cat", y, [.. tensors], [], (n, g) =>
            {
                var parts = new Tensor?[sizes.Length];
                var at = 0;
                for (var i = 0; i < sizes.Length; at += sizes[i++])
                    if (n.Needs(i)) parts[i] = g[0]!.Narrow(a, at, sizes[i]);
                return parts;
            });
        }

        /// <summary>Tensors of one shape along a new axis.</summary>
        public static Tensor Stack(ReadOnlySpan<Tensor> tensors, int axis = 0)
        {
            if (tensors.Length == 0) throw new TensorException("stack: needs at least one tensor");
            var lifted = new Tensor[tensors.Length];
            for (var i = 0; i < lifted.Length; i++)
            {
                if (tensors[i].Shape != tensors[0].Shape) throw TensorException.For("stack", "the shapes differ", tensors[0], tensors[i]);
                lifted[i] = tensors[i].Unsqueeze(axis);
            }

            return Cat(lifted, axis < 0 ? axis + lifted[0].Rank : axis);
        }

        /// <summary>A constant border: (before, after) per axis, from the first axis on.</summary>
        public Tensor Pad(ReadOnlySpan<(int Before, int After)> pads, double value = 0)
        {
            if (pads.Length > Rank) throw TensorException.For("pad", $"{pads.Length} pairs for {Rank} axes", this);
            var dims = (int[])Layout.Dims.Clone();
            var inner = (int[])Layout.Dims.Clone();
            var starts = new int[Rank];
            for (var i = 0; i < pads.Length; i++)
            {
                if (pads[i].Before < 0 || pads[i].After < 0) throw TensorException.For("pad", $"the border of axis {i} is negative: use Narrow", this);
                dims[i] += pads[i].Before + pads[i].After;
                starts[i] = pads[i].Before;
            }

            var y = Full(dims, value, DType, Device);
            long offset = 0;
            for (var i = 0; i < Rank; i++) offset += starts[i] * y.Layout.Strides[i];
            if (Count > 0)
                using (var place = y.View(new Layout(inner, y.Layout.Strides), offset)) Backend.Copy(this, place);
            return Tape.Record("pad", y, [this], [], (_, g) =>
            {
                var d = g[0]!;
                for (var i = 0; i < starts.Length; i++) d = d.Narrow(i, starts[i], inner[i]);
                return [d];
            });
        }

        /// <summary>Entries moved along axes, around the end: out[i] = x[(i - shift) mod n].</summary>
        public Tensor Roll(ReadOnlySpan<int> shifts, ReadOnlySpan<int> axes)
        {
            if (shifts.Length != axes.Length) throw TensorException.For("roll", $"{shifts.Length} shifts for {axes.Length} axes", this);
            var y = this;
            for (var i = 0; i < axes.Length; i++)
            {
                var a = NormalizeAxis("roll", axes[i]);
                var n = Layout.Dims[a];
                var s = n == 0 ? 0 : (shifts[i] % n + n) % n;
                if (s != 0) y = Cat([y.Narrow(a, n - s, s), y.Narrow(a, 0, n - s)], a);
            }

            return ReferenceEquals(y, this) ? Clone() : y;
        }
    }
}
