using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Engine
{
    /// <summary>How landmarks cut the sequence.</summary>
    public enum LandmarkSegments
    {
        /// <summary>M segments, the last L mod M of them one longer.</summary>
        Balanced,

        /// <summary>Segments of ⌈L/M⌉, a shorter first one.</summary>
        EndAligned,
    }

    public sealed partial class Tensor
    {
        /// <summary>The iterative pseudo-inverse of Nyströmformer (Xiong et al. 2021): Z = Aᵀ / (r c), then repeatedly
        /// Z ← ¼ Z (13 I - X (15 I - X (7 I - X))), X = A Z, with r the largest row sum and c the largest column sum of |A|.
        /// Differentiated as unrolled, through r and c too.</summary>
        /// <param name="iterations">Steps; results depend on it.</param>
        /// <param name="perMatrix">r and c of each matrix; false: one pair for the whole tensor.</param>
        public Tensor IterativePseudoInverse(int iterations, bool perMatrix = true)
        {
            if (Rank < 2 || Count == 0) throw TensorException.For("pinv_iterative", "needs matrices […, n, m]", this);
            if (iterations < 0) throw TensorException.For("pinv_iterative", $"the number of steps cannot be {iterations}", this);
            using var full = MixedPrecision.Products(DType.Float32);
            var size = Abs();
            Tensor rows = size.Sum(-1), columns = size.Sum(-2);
            var r = perMatrix ? rows.Max([-1], keepdim: true).Unsqueeze(-1) : rows.Max();
            var c = perMatrix ? columns.Max([-1], keepdim: true).Unsqueeze(-1) : columns.Max();
            // Not by r c, which leaves the range of the dtype long before the quotient does.
            var z = Transpose() / r / c;
            var one = Eye(Layout.Dims[^2], dtype: DType, device: Device);
            Tensor seven = one * 7, fifteen = one * 15, thirteen = one * 13;
            for (var i = 0; i < iterations; i++)
            {
                var x = MatMul(z);
                z = z.MatMul(thirteen - x.MatMul(fifteen - x.MatMul(seven - x))) * 0.25;
            }

            return z;
        }

        /// <summary>Nyström attention (Xiong et al. 2021): F1 Z (F3 v) through landmarks that are segment means of queries and keys;
        /// exact softmax attention when L ≤ M. Bidirectional.</summary>
        /// <param name="q">[B, L, h, d].</param>
        /// <param name="k">[B, L, h, d].</param>
        /// <param name="v">[B, L, h, d].</param>
        /// <param name="landmarks">M.</param>
        /// <param name="iterations">Steps of the pseudo-inverse.</param>
        /// <param name="segments">How landmarks cut the sequence.</param>
        /// <param name="perMatrix">Scale of the pseudo-inverse's start per matrix.</param>
        /// <param name="convWeight">[h, K], K odd: adds a convolution of the values along time; null: none.</param>
        public static Tensor NystromAttention(
            Tensor q, Tensor k, Tensor v, int landmarks, int iterations = 6, LandmarkSegments segments = LandmarkSegments.Balanced,
            bool perMatrix = true, Tensor? convWeight = null)
        {
            ArgumentNullException.ThrowIfNull(q);
            ArgumentNullException.ThrowIfNull(k);
            ArgumentNullException.ThrowIfNull(v);
            AttentionOps.Check(q, k, v, new AttentionOptions());
            if (q.Layout.Dims[1] != k.Layout.Dims[1] || q.Layout.Dims[2] != k.Layout.Dims[2]) throw TensorException.For("nystrom_attention", "q, k and v must have one length and one number of heads", q, k, v);
            if (landmarks < 1 || iterations < 1) throw TensorException.For("nystrom_attention", $"needs at least one landmark and one iteration, got {landmarks} and {iterations}", q);
            var length = q.Layout.Dims[1];
            // A pseudo-inverse magnifies the errors of its matrix.
            using var full = MixedPrecision.Products(DType.Float32);
            Tensor y;
            if (length <= landmarks)
            {
                y = Attention(q, k, v).Output;
            }
            else
            {
                Tensor qm = Nystrom.SegmentMeans(q, landmarks, segments), km = Nystrom.SegmentMeans(k, landmarks, segments);
                var between = (qm * (1 / Math.Sqrt(q.Layout.Dims[3]))).Transpose(1, 2).MatMul(km.Transpose(1, 2).Transpose()).Softmax();
                // F1 and F3 are attention to and from the landmarks: neither is kept in memory.
                var read = Attention(qm, k, v).Output.Transpose(1, 2);
                y = Attention(q, km, between.IterativePseudoInverse(iterations, perMatrix).MatMul(read).Transpose(1, 2)).Output;
            }

            if (convWeight is null) return y;
            int heads = v.Layout.Dims[2], width = v.Layout.Dims[3];
            if (convWeight.Rank != 2 || convWeight.Layout.Dims[0] != heads) throw TensorException.For("nystrom_attention", $"the convolution must be [{heads}, K]", convWeight, v);
            // One kernel per head serves all its channels.
            var perChannel = convWeight.Unsqueeze(1).Expand(heads, width, convWeight.Layout.Dims[1]).Flatten(0, 1);
            return y + v.Flatten(2, 3).DepthwiseConv1d(perChannel).Unflatten(2, heads, width);
        }
    }
}

namespace Edifice.Engine.Ops
{
    /// <summary>Landmarks and the table's rows of Nyström attention.</summary>
    internal static class Nystrom
    {
        /// <summary>[B, M, h, d] (or M' ≤ M) of x [B, L, h, d]: the mean of each segment. All segments have one length but the first
        /// few, which have another.</summary>
        public static Tensor SegmentMeans(Tensor x, int landmarks, LandmarkSegments kind)
        {
            var length = x.Layout.Dims[1];
            int first, firstSize, size;
            if (kind == LandmarkSegments.Balanced)
            {
                (firstSize, size) = (length / landmarks, length / landmarks + 1);
                first = landmarks - length % landmarks;
            }
            else
            {
                size = (length + landmarks - 1) / landmarks;
                first = 1;
                firstSize = length - ((length + size - 1) / size - 1) * size;
            }

            var head = Means(x, 0, first, firstSize);
            var rest = (length - first * firstSize) / size;
            return rest == 0 ? head : Tensor.Cat([head, Means(x, first * firstSize, rest, size)], 1);
        }

        private static Tensor Means(Tensor x, int start, int count, int size) =>
            x.Narrow(1, start, count * size).Unflatten(1, count, size).Mean([2]);

        private static LandmarkSegments Segments(OptionBag o) => o.Text("landmark_segments", "balanced") switch
        {
            "balanced" => LandmarkSegments.Balanced,
            "end_aligned" => LandmarkSegments.EndAligned,
            var other => throw new TensorException($"unknown landmark segments '{other}': balanced or end_aligned"),
        };

        private static bool PerMatrix(OptionBag o, string name) => o.Text(name, "exact") switch
        {
            "exact" => true,
            "original" => false,
            var other => throw new TensorException($"unknown {name} '{other}': exact or original"),
        };

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("pinv_iterative", c => c["a"].IterativePseudoInverse(c.Options.Int("iterations", 6), PerMatrix(c.Options, "init")),
                () => OpCase.Of("""{"iterations": 3}""", ("a", Sample.Normal(2, 3, 3))), () => OpCase.Of("""{"iterations": 2, "init": "original"}""", ("a", Sample.Normal(2, 2, 3))));
            yield return new OpEntry("nystrom_attention", c => Tensor.NystromAttention(
                    c["q"], c["k"], c["v"], c.Options.Int("num_landmarks", 32), c.Options.Int("pinv_iterations", 6), Segments(c.Options),
                    PerMatrix(c.Options, "pinv_init"), c.Optional("conv_weight")),
                () => Heads("""{"num_landmarks": 3, "pinv_iterations": 2}""", 7), () => Heads("""{"num_landmarks": 4, "pinv_iterations": 2, "landmark_segments": "end_aligned", "pinv_init": "original"}""", 6),
                () => Heads("""{"num_landmarks": 8}""", 4));
        }

        private static OpCase Heads(string options, int length) => OpCase.Of(
            options, ("q", Sample.Normal(1, length, 2, 3)), ("k", Sample.Normal(1, length, 2, 3)), ("v", Sample.Normal(1, length, 2, 3)), ("conv_weight", Sample.Normal(2, 3)));
    }
}
