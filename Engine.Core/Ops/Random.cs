using Edifice.Engine.Autograd;

namespace Edifice.Engine.Ops
{
    /// <summary>Ops that draw random numbers.</summary>
    internal static class RandomOps
    {
        public static IEnumerable<OpEntry> Entries()
        {
            // A fixed stream makes dropout a fixed linear map, which a gradient check can differentiate.
            yield return new OpEntry("dropout", c => c["x"].Dropout(c.Options.Double("p", 0.5), generator: new Generator(7)),
                () => OpCase.Of("""{"p": 0.4}""", ("x", Sample.Normal(5, 6))));
            yield return new OpEntry("multinomial", c => c["weights"].Multinomial(c.Options.Int("count", 1), c.Options.Bool("replacement", true), new Generator(7)),
                () => OpCase.Of("""{"count": 3}""", ("weights", Sample.Positive(2, 5)))) { IsDifferentiable = false };
        }
    }
}

namespace Edifice.Engine
{
    public sealed partial class Tensor
    {
        /// <summary>Zero with probability p, otherwise x / (1 - p); the identity when not training.</summary>
        /// <param name="p">In [0, 1).</param>
        /// <param name="training">False: returns the tensor itself.</param>
        /// <param name="generator">Where the numbers come from; null: the thread's stream.</param>
        public Tensor Dropout(double p, bool training = true, Generator? generator = null)
        {
            if (!(p is >= 0 and < 1)) throw TensorException.For("dropout", $"the probability must lie in [0, 1), got {p}", this);
            if (!training || p == 0) return this;
            if (!DType.IsComputeFloat()) throw TensorException.For("dropout", "is computed in Float32 and Float64: convert with .To(…)", this);
            var g = generator ?? Generator.Current;
            return DropoutAt(p, g.Seed, g.Advance(Count));
        }

        private Tensor DropoutAt(double p, ulong seed, ulong offset)
        {
            var x = Contiguous();
            var y = x.AllocateLike();
            if (x.Count > 0) Backend.Dropout(x, p, seed, offset, y);
            // The same counters zero the same places, so the map is its own backward pass.
            return Tape.Record("dropout", y, [x], [], (_, d) => [d[0]!.DropoutAt(p, seed, offset)]);
        }

        /// <summary>Draws class numbers with probability proportional to non-negative weights.</summary>
        /// <param name="count">How many per row.</param>
        /// <param name="replacement">False: no class twice in a row.</param>
        /// <param name="generator">Where the numbers come from; null: the thread's stream.</param>
        /// <returns>int64 [count] for weights [V], [rows, count] for [rows, V].</returns>
        public Tensor Multinomial(int count, bool replacement = true, Generator? generator = null)
        {
            if (Rank is not (1 or 2)) throw TensorException.For("multinomial", "needs weights [V] or [rows, V]", this);
            var classes = Layout.Dims[^1];
            if (count < 0 || (!replacement && count > classes)) throw TensorException.For("multinomial", $"cannot draw {count} of {classes} classes", this);
            var g = generator ?? Generator.Current;
            var weights = Detach().To(DType.Float64).Reshape(Rank == 1 ? [1, classes] : Layout.Dims).To(Device.Cpu).ToArray<double>();
            var rows = Rank == 1 ? 1 : Layout.Dims[0];
            var drawn = new long[rows * count];
            for (var r = 0; r < rows; r++)
            {
                var row = weights.AsSpan(r * classes, classes);
                double total = 0;
                foreach (var w in row)
                {
                    if (!(w >= 0) || double.IsPositiveInfinity(w)) throw TensorException.For("multinomial", $"the weight {w} is not a finite number ≥ 0", this);
                    total += w;
                }

                for (var i = 0; i < count; i++)
                {
                    if (!(total > 0)) throw TensorException.For("multinomial", $"row {r} has no weight left to draw from", this);
                    var k = Pick(row, g.NextDouble() * total);
                    drawn[r * count + i] = k;
                    if (replacement) continue;
                    row[k] = 0;
                    total = 0;
                    foreach (var w in row) total += w;
                }
            }

            return FromArray(drawn, Rank == 1 ? [count] : [rows, count], Device);
        }

        private static int Pick(ReadOnlySpan<double> weights, double at)
        {
            var last = 0;
            for (var i = 0; i < weights.Length; i++)
            {
                if (weights[i] == 0) continue;
                last = i;
                at -= weights[i];
                if (at < 0) return i;
            }

            return last;
        }
    }
}
