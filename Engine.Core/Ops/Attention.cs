using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Engine
{
    /// <summary>What queries may see, and how scores are formed.</summary>
    public sealed record AttentionOptions
    {
        /// <summary>A query sees keys up to its own position.</summary>
        public bool Causal { get; init; }

        /// <summary>W: a query sees its own position and the W - 1 before it; needs <see cref="Causal"/>. Null: no limit.</summary>
        public int? WindowSize { get; init; }

        /// <summary>Adds -slope(head) · distance to every score (Press et al. 2022).</summary>
        public bool Alibi { get; init; }

        /// <summary>Multiplies q·k; null: 1/√d.</summary>
        public double? Scale { get; init; }

        /// <summary>Position of query row 0 on the key axis; null: Lk - Lq, so that the last query meets the last key.</summary>
        public int? QueryOffset { get; init; }

        /// <summary>bool [B, Lk]: true for real keys. Null: all are.</summary>
        public Tensor? KeyMask { get; init; }

        /// <summary>int32 [B, Lq], with <see cref="KeySegments"/>: a query sees only keys of its own segment.</summary>
        public Tensor? QuerySegments { get; init; }

        /// <summary>int32 [B, Lk].</summary>
        public Tensor? KeySegments { get; init; }
    }

    /// <summary>Slopes of the linear distance bias (Press, Smith, Lewis 2022, section 3, and the authors' rule for head counts
    /// that are not powers of two).</summary>
    public static class Alibi
    {
        /// <summary>The slope of a head: with n the largest power of two ≤ heads, 2^(-8(a+1)/n) for a &lt; n and
        /// 2^(-4(2(a-n)+1)/n) beyond.</summary>
        public static double Slope(int head, int heads)
        {
            var n = 1;
            while (n * 2 <= heads) n *= 2;
            return head < n ? Math.Pow(2, -8.0 * (head + 1) / n) : Math.Pow(2, -4.0 * (2 * (head - n) + 1) / n);
        }
    }

    public sealed partial class Tensor
    {
        /// <summary>softmax(scale q kᵀ + bias) v per head, by tiles with a running maximum (Milakov and Gimelshein 2018; Dao et al.
        /// 2022): never Lq × Lk in memory, backward from the log-sum-exp. Query head a reads key-value head a / (h/g).</summary>
        /// <param name="q">[B, Lq, h, d].</param>
        /// <param name="k">[B, Lk, g, d], g divides h.</param>
        /// <param name="v">[B, Lk, g, dv].</param>
        /// <param name="options">Mask, bias and scale.</param>
        /// <returns>out [B, Lq, h, dv] and the log-sum-exp of the scores [B, Lq, h]. A row without a visible key, or
        /// with scores of -inf only, has out = 0, lse = -inf and no gradient; a score of +inf gives NaN.</returns>
        /// <exception cref="TensorException">Widths, lengths or heads that do not fit; a window below 1 or without causal.</exception>
        public static (Tensor Output, Tensor LogSumExp) Attention(Tensor q, Tensor k, Tensor v, AttentionOptions? options = null)
        {
            ArgumentNullException.ThrowIfNull(q);
            ArgumentNullException.ThrowIfNull(k);
            ArgumentNullException.ThrowIfNull(v);
            options ??= new AttentionOptions();
            AttentionOps.Check(q, k, v, options);
            var spec = AttentionOps.Spec(q, k, options);
            Tensor x = AttentionOps.UnitLast(q), y = AttentionOps.UnitLast(k), z = AttentionOps.UnitLast(v);
            Tensor? mask = options.KeyMask?.Contiguous(), qs = options.QuerySegments?.Contiguous(), ks = options.KeySegments?.Contiguous();
            var output = Allocate([.. q.Layout.Dims[..3], v.Layout.Dims[3]], q.DType, q.Device);
            var lse = Allocate(q.Layout.Dims[..3], q.DType, q.Device);
            q.Backend.Attention(spec, x, y, z, mask, qs, ks, output, lse);
            List<Tensor> saved = [x, y, z, output, lse];
            int maskAt = AttentionOps.SaveIfAny(saved, mask), segmentsAt = AttentionOps.SaveIfAny(saved, qs);
            if (ks is not null) saved.Add(ks);
            Tape.RecordMany("sdpa", [output, lse], [x, y, z], [.. saved], (n, g) =>
            {
                Tensor a = n.Saved(0), b = n.Saved(1), c = n.Saved(2);
                var mask = maskAt < 0 ? null : n.Saved(maskAt);
                var (qs, ks) = segmentsAt < 0 ? (null, null) : ((Tensor?)n.Saved(segmentsAt), (Tensor?)n.Saved(segmentsAt + 1));
                if (GradMode.IsOn)
                    return Tape.Composed([a, b, c], n.Needs, g, t =>
                    {
                        var (o, l) = AttentionOps.Composed(spec, t[0]!, t[1]!, t[2]!, mask, qs, ks);
                        return [o, l];
                    });
                Tensor o = n.Saved(3), l = n.Saved(4);
                var dout = g[0]?.Contiguous() ?? o.ZerosLike();
                Tensor da = Allocate(a.Shape, a.DType, a.Device), db = Allocate(b.Shape, b.DType, b.Device), dc = Allocate(c.Shape, c.DType, c.Device);
                a.Backend.AttentionVjp(spec, dout, g[1]?.Contiguous(), a, b, c, mask, qs, ks, o, l, da, db, dc);
                return [da, db, dc];
            });
            return (output, lse);
        }

        /// <summary>Sliding-window attention with segments and a prefix of older keys (page on the ops of Griffin, section 6): position t
        /// sees itself and the <paramref name="windowLeft"/> positions before it, back to the last reset; scale d^(-1/2).</summary>
        /// <param name="q">[B, L, h, d].</param>
        /// <param name="k">[B, L, n, d], n divides h.</param>
        /// <param name="v">[B, L, n, d].</param>
        /// <param name="windowLeft">W, at least 0.</param>
        /// <param name="reset">bool [B, L]: a new segment begins; null: none does.</param>
        /// <param name="keyPrefix">[B, P, n, d]: the P positions before, oldest first; null: none.</param>
        /// <param name="valuePrefix">Comes with <paramref name="keyPrefix"/>.</param>
        /// <param name="prefixLength">int64 [B]: how many of the prefix are visible to each row, from the end; null: all.</param>
        public static Tensor LocalAttention(
            Tensor q, Tensor k, Tensor v, int windowLeft, Tensor? reset = null, Tensor? keyPrefix = null, Tensor? valuePrefix = null, Tensor? prefixLength = null)
        {
            ArgumentNullException.ThrowIfNull(q);
            ArgumentNullException.ThrowIfNull(k);
            ArgumentNullException.ThrowIfNull(v);
            return AttentionOps.Local(q, k, v, windowLeft, reset, keyPrefix, valuePrefix, prefixLength);
        }

        /// <summary>Merges two attention results over disjoint sets of keys into the result over both: equation (11) of the page.</summary>
        public static (Tensor Output, Tensor LogSumExp) MergeAttention((Tensor Output, Tensor LogSumExp) a, (Tensor Output, Tensor LogSumExp) b)
        {
            var top = a.LogSumExp.Detach().Maximum(b.LogSumExp.Detach());
            var dead = top.EqualTo(double.NegativeInfinity);
            var shift = Where(dead, top.ZerosLike(), top);
            Tensor wa = (a.LogSumExp - shift).Exp(), wb = (b.LogSumExp - shift).Exp();
            var sum = wa + wb;
            var safe = Where(dead, sum.OnesLike(), sum);
            var output = a.Output * (wa / safe).Unsqueeze(-1) + b.Output * (wb / safe).Unsqueeze(-1);
            return (output, Where(dead, top, safe.Log() + shift));
        }
    }
}

namespace Edifice.Engine.Ops
{
    /// <summary>Checks, the composed reference and the table's rows of attention.</summary>
    internal static class AttentionOps
    {
        public static void Check(Tensor q, Tensor k, Tensor v, AttentionOptions o)
        {
            Binary.Check("sdpa", q, k);
            Binary.Check("sdpa", q, v);
            if (!q.DType.IsComputeFloat()) throw TensorException.For("sdpa", "is computed in Float32 and Float64: convert with .To(…)", q);
            if (q.Rank != 4 || k.Rank != 4 || v.Rank != 4)
                throw TensorException.For("sdpa", "needs q [B, Lq, h, d], k [B, Lk, g, d], v [B, Lk, g, dv]", q, k, v);
            int[] a = q.Layout.Dims, b = k.Layout.Dims, c = v.Layout.Dims;
            if (a[0] != b[0] || a[0] != c[0] || b[1] != c[1] || b[2] != c[2] || a[3] != b[3])
                throw TensorException.For("sdpa", "batch, key length, key heads or head width differ", q, k, v);
            if (b[2] == 0 || a[2] % b[2] != 0) throw TensorException.For("sdpa", $"{a[2]} query heads do not share {b[2]} key-value heads evenly", q, k);
            if (o.WindowSize is < 1) throw TensorException.For("sdpa", $"the window must be at least 1, got {o.WindowSize}", q);
            if (o.WindowSize is not null && !o.Causal) throw TensorException.For("sdpa", "a window needs causal attention: set Causal", q);
            if (o.Scale is { } s && !double.IsFinite(s)) throw TensorException.For("sdpa", $"the scale must be finite, got {s}", q);
            CheckMask("key mask", o.KeyMask, DType.Bool, a[0], b[1]);
            CheckMask("query segments", o.QuerySegments, DType.Int32, a[0], a[1]);
            CheckMask("key segments", o.KeySegments, DType.Int32, a[0], b[1]);
            if (o.QuerySegments is null != o.KeySegments is null) throw TensorException.For("sdpa", "query and key segments come together", q);
        }

        private static void CheckMask(string what, Tensor? mask, DType dtype, int batch, int length)
        {
            if (mask is not null && (mask.DType != dtype || !mask.Layout.Dims.AsSpan().SequenceEqual([batch, length])))
                throw TensorException.For("sdpa", $"the {what} must be {dtype} [{batch}, {length}]", mask);
        }

        public static AttentionSpec Spec(Tensor q, Tensor k, AttentionOptions o) => new(
            o.Causal, o.WindowSize ?? 0, o.Alibi, o.Scale ?? 1 / Math.Sqrt(q.Layout.Dims[3]),
            o.QueryOffset ?? k.Layout.Dims[1] - q.Layout.Dims[1]);

        /// <summary>Adds an optional tensor to those an op keeps; returns its place, -1 when it is absent.</summary>
        public static int SaveIfAny(List<Tensor> saved, Tensor? tensor)
        {
            if (tensor is null) return -1;
            saved.Add(tensor);
            return saved.Count - 1;
        }

        /// <summary>The tensor itself when its last axis has stride 1, else a copy.</summary>
        public static Tensor UnitLast(Tensor x) => x.Layout.Dims[^1] <= 1 || x.Layout.Strides[^1] == 1 ? x : x.Contiguous();

        /// <summary>The same maths in recorded ops, with all scores in memory.</summary>
        public static (Tensor Output, Tensor LogSumExp) Composed(
            in AttentionSpec spec, Tensor q, Tensor k, Tensor v, Tensor? mask, Tensor? querySegments, Tensor? keySegments)
        {
            int batch = q.Layout.Dims[0], lq = q.Layout.Dims[1], h = q.Layout.Dims[2], lk = k.Layout.Dims[1], g = k.Layout.Dims[2];
            var s = Einsum.Run("bqgrd,bkgd->bgrqk", [q.Unflatten(2, g, h / g), k]) * spec.Scale;
            var i = (Tensor.Arange(lq, DType.Int64, q.Device) + spec.QueryOffset).Unsqueeze(1);
            var j = Tensor.Arange(lk, DType.Int64, q.Device).Unsqueeze(0);
            if (spec.Alibi)
            {
                var slopes = new double[h];
                for (var a = 0; a < h; a++) slopes[a] = Edifice.Engine.Alibi.Slope(a, h);
                var slope = Tensor.FromDoubles(slopes, [g, h / g, 1, 1], q.DType, q.Device);
                s -= slope * (i - j).Abs().To(q.DType);
            }

            var visible = Tensor.Full([batch, lq, lk], 1, DType.Bool, q.Device);
            if (spec.Causal) visible = visible.LogicalAnd(j <= i);
            if (spec.Window > 0) visible = visible.LogicalAnd(i - j < spec.Window);
            if (mask is not null) visible = visible.LogicalAnd(mask.Unsqueeze(1));
            if (querySegments is not null) visible = visible.LogicalAnd(querySegments.Unsqueeze(2).EqualTo(keySegments!.Unsqueeze(1)));
            visible = visible.Unsqueeze(1).Unsqueeze(1);
            var zero = Tensor.Zeros(Shape.Scalar, q.DType, q.Device);
            var top = lk == 0
                ? Tensor.Full([batch, g, h / g, lq, 1], double.NegativeInfinity, q.DType, q.Device)
                : Tensor.Where(visible, s.Detach(), Tensor.Scalar(double.NegativeInfinity, q.DType, q.Device)).Max([-1], keepdim: true);
            var dead = top.EqualTo(double.NegativeInfinity);
            top = Tensor.Where(dead, zero, top);
            var e = Tensor.Where(visible, Tensor.Where(visible, s - top, zero).Exp(), zero);
            var z = e.Sum(-1, keepdim: true);
            var safe = Tensor.Where(dead, z.Detach().OnesLike(), z);
            var output = Einsum.Run("bgrqk,bkgd->bqgrd", [e / safe, v]).Flatten(2, 3);
            var lse = Tensor.Where(dead, Tensor.Scalar(double.NegativeInfinity, q.DType, q.Device), safe.Log() + top);
            return (output, lse.Squeeze(-1).Permute(0, 3, 1, 2).Flatten(2, 3));
        }

        /// <summary>Sliding-window attention with segments and a prefix of older keys: <c>sdpa</c> with window W + 1.</summary>
        public static Tensor Local(Tensor q, Tensor k, Tensor v, int windowLeft, Tensor? reset, Tensor? kPrefix, Tensor? vPrefix, Tensor? prefixLength)
        {
            int batch = q.Layout.Dims[0], length = q.Layout.Dims[1], prefix = kPrefix?.Layout.Dims[1] ?? 0;
            if (windowLeft < 0) throw TensorException.For("local_attention", $"window_left must be at least 0, got {windowLeft}", q);
            if (kPrefix is null != vPrefix is null) throw TensorException.For("local_attention", "k_prefix and v_prefix come together", q);
            if (kPrefix is not null)
            {
                k = Tensor.Cat([kPrefix, k], 1);
                v = Tensor.Cat([vPrefix!, v], 1);
            }

            Tensor? querySegments = null, keySegments = null;
            if (reset is not null || prefixLength is not null)
            {
                querySegments = Segments(reset, batch, length, q.Device);
                keySegments = querySegments;
                if (prefix > 0)
                {
                    // A visible prefix entry belongs to the segment before any reset; an invisible one to none.
                    var hidden = prefixLength is null
                        ? Tensor.Zeros([batch, prefix], DType.Int32, q.Device)
                        : -(Tensor.Arange(prefix, DType.Int64, q.Device).Unsqueeze(0) < (-prefixLength.To(DType.Int64) + prefix).Unsqueeze(1)).To(DType.Int32);
                    keySegments = Tensor.Cat([hidden, querySegments], 1);
                }
            }

            return Tensor.Attention(q, k, v, new AttentionOptions
            {
                Causal = true, WindowSize = windowLeft + 1, QuerySegments = querySegments, KeySegments = keySegments,
            }).Output;
        }

        /// <summary>How many resets (bool [B, L]) lie at or before each position, int32.</summary>
        public static Tensor Segments(Tensor? reset, int batch, int length, Device device) =>
            reset is null ? Tensor.Zeros([batch, length], DType.Int32, device) : reset.To(DType.Int32).CumSum(1);

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("sdpa", c =>
                {
                    var o = c.Options;
                    var (output, lse) = Tensor.Attention(c["q"], c["k"], c["v"], new AttentionOptions
                    {
                        Causal = o.Bool("causal", false), WindowSize = o.IntOrNull("window_size"), Alibi = o.Bool("alibi", false),
                        Scale = o.DoubleOrNull("scale"), QueryOffset = o.IntOrNull("query_offset"), KeyMask = c.OptionalTruth("key_mask"),
                    });
                    return [("out", output), ("lse", lse)];
                },
                () => Heads("{}", 2, 5, 5, 2, 2, 3, 3),
                () => Heads("""{"causal": true, "window_size": 3}""", 1, 7, 7, 4, 2, 3, 2),
                () => Heads("""{"causal": true, "alibi": true, "scale": 0.7}""", 1, 3, 6, 3, 1, 2, 4),
                () => Masked(Heads("{}", 2, 4, 5, 2, 2, 3, 3)), () => Masked(Heads("""{"causal": true}""", 2, 5, 5, 2, 1, 3, 2)));
            yield return new OpEntry("local_attention", c => Local(
                    c["q"], c["k"], c["v"], c.Options.Int("window_left", 0), c.OptionalTruth("reset"), c.Optional("k_prefix"), c.Optional("v_prefix"),
                    c.Inputs.ContainsKey("prefix_length") ? c.Whole("prefix_length") : null),
                () => Heads("""{"window_left": 2}""", 2, 6, 6, 2, 1, 3, 3),
                () => Heads("""{"window_left": 3}""", 1, 6, 6, 2, 2, 3, 3).With(new Dictionary<string, Tensor> { ["reset"] = Sample.Truth(1, 6) }),
                () => Heads("""{"window_left": 3}""", 2, 4, 4, 2, 1, 3, 3).With(new Dictionary<string, Tensor>
                {
                    ["k_prefix"] = Sample.Normal(2, 3, 1, 3), ["v_prefix"] = Sample.Normal(2, 3, 1, 3), ["prefix_length"] = Tensor.FromArray<long>([2, 3]),
                }));
        }

        /// <summary>Hides the first keys of one row of the batch, so that causal queries there see nothing.</summary>
        private static OpCase Masked(OpCase sample)
        {
            var lk = sample["k"].Layout.Dims[1];
            var hidden = Tensor.FromArray<long>([2, 0]).Unsqueeze(1);
            return sample.With(new Dictionary<string, Tensor> { ["key_mask"] = Tensor.Arange(lk).Unsqueeze(0) >= hidden });
        }

        private static OpCase Heads(string options, int batch, int lq, int lk, int h, int g, int d, int dv) => OpCase.Of(
            options, ("q", Sample.Normal(batch, lq, h, d)), ("k", Sample.Normal(batch, lk, g, d)), ("v", Sample.Normal(batch, lk, g, dv)));
    }
}
