using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>Layer, RMS and group norm.</summary>
    internal static class Norms
    {
        public static Tensor Run(string op, NormKernel kernel, Tensor x, Tensor? weight, Tensor? bias, double eps)
        {
            if (!x.DType.IsComputeFloat()) throw TensorException.For(op, "is computed in Float32 and Float64: convert with .To(…)", x);
            if (x.Rank == 0) throw TensorException.For(op, "needs at least one axis", x);
            if (!(eps >= 0)) throw TensorException.For(op, $"eps must be at least 0, got {eps}", x);
            var width = x.Layout.Dims[^1];
            CheckAffine(op, x, weight, width);
            CheckAffine(op, x, bias, width);
            x = x.Contiguous();
            weight = weight?.Contiguous();
            bias = bias?.Contiguous();
            var y = x.AllocateLike();
            var watched = Tape.Watches([x, weight, bias]);
            var lead = Layout.Contiguous(x.Layout.Dims[..^1]);
            var mean = watched && kernel == NormKernel.Layer ? Tensor.Allocate(lead, x.DType, x.Device) : null;
            var rstd = watched ? Tensor.Allocate(lead, x.DType, x.Device) : null;
            if (x.Count > 0) x.Backend.Norm(kernel, x, weight, bias, eps, y, mean, rstd);
            if (!watched)
            {
                Anomaly.CheckForward(op, y);
                return y;
            }

            var saved = new List<Tensor> { x, rstd! };
            var at = (Mean: -1, Weight: -1);
            if (mean is not null)
            {
                at.Mean = saved.Count;
                saved.Add(mean);
            }

            if (weight is not null)
            {
                at.Weight = saved.Count;
                saved.Add(weight);
            }

            return Tape.Record(op, y, [x, weight, bias], [.. saved], (n, g) =>
            {
                var input = n.Saved(0);
                var w = at.Weight >= 0 ? n.Saved(at.Weight) : null;
                if (GradMode.IsOn)
                    // The bias only adds: its value is not needed, and the tape sums its gradient.
                    return [.. Tape.Composed([input, w], n.Needs, g, v => [Composed(kernel, v[0]!, v[1], eps)]), g[0]];
                var dx = n.Needs(0) ? input.AllocateLike() : null;
                var dw = n.Needs(1) ? w!.AllocateLike() : null;
                var db = n.Needs(2) ? bias!.AllocateLike() : null;
                if (input.Count == 0) return [dx, dw?.ZerosLike(), db?.ZerosLike()];
                input.Backend.NormVjp(kernel, g[0]!.Contiguous(), input, w, at.Mean >= 0 ? n.Saved(at.Mean) : null, n.Saved(1), dx, dw, db);
                return [dx, dw, db];
            });
        }

        /// <summary>The same maths in recorded ops, without the bias.</summary>
        private static Tensor Composed(NormKernel kernel, Tensor x, Tensor? weight, double eps)
        {
            if (kernel == NormKernel.Layer) x -= x.Mean(-1, keepdim: true);
            var unit = Unit(x);
            if (unit is not null) x *= unit;
            var square = x.Square().Mean(-1, keepdim: true);
            var y = x * (unit is null ? square + eps : square + unit.Square() * eps).Rsqrt();
            return weight is null ? y : y * weight;
        }

        /// <summary>Where squares would leave the range of the dtype, a factor per row that brings the row to size 1: x / √(mean x² + eps) =
        /// u x / √(mean (u x)² + u² eps) for any u, so its gradient does not matter. Null: all squares are in range.</summary>
        private static Tensor? Unit(Tensor x)
        {
            using var off = GradMode.Off();
            if (x.Count == 0) return null;
            var size = x.Detach().Abs().Max([-1], keepdim: true);
            return size.Max().Item() < (x.DType == DType.Float32 ? 1e15 : 1e150) ? null : size.Clamp(min: 1).Reciprocal();
        }

        private static void CheckAffine(string op, Tensor x, Tensor? affine, int width)
        {
            if (affine is not null && (affine.Rank != 1 || affine.Layout.Dims[0] != width || affine.DType != x.DType || affine.Device != x.Device))
                throw TensorException.For(op, $"weight and bias must be [{width}] of the same dtype and device", x, affine);
        }

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("layer_norm", c => c["x"].LayerNorm(c.Optional("weight"), c.Optional("bias"), c.Options.Double("eps", 1e-5)),
                () => OpCase.Of(("x", Sample.Normal(3, 5)), ("weight", Sample.Normal(5)), ("bias", Sample.Normal(5))),
                () => OpCase.Of("""{"eps": 0.01}""", ("x", Sample.Transposed(Sample.Normal(4, 6)))));
            yield return new OpEntry("rms_norm", c => c["x"].RmsNorm(c.Optional("weight"), c.Options.Double("eps", 1e-6)),
                () => OpCase.Of(("x", Sample.Normal(2, 3, 5)), ("weight", Sample.Normal(5))),
                () => OpCase.Of(("x", Sample.Normal(4, 6))));
            yield return new OpEntry("group_norm",
                c => c["x"].GroupNorm(c.Options.Int("num_groups", 1), c.Optional("weight"), c.Optional("bias"), c.Options.Double("eps", 1e-5)),
                () => OpCase.Of("""{"num_groups": 2}""", ("x", Sample.Normal(2, 4, 3)), ("weight", Sample.Normal(4)), ("bias", Sample.Normal(4))),
                () => OpCase.Of("""{"num_groups": 2}""", ("x", Sample.Normal(3, 8))));
        }
    }
}

namespace Edifice.Engine
{
    public sealed partial class Tensor
    {
        /// <summary>(x - μ) / √(var + eps) · weight + bias over the last axis, population variance in two passes (Ba et al.
        /// 2016). Rows of any size have their norm: squares that leave the range of the dtype are scaled.</summary>
        public Tensor LayerNorm(Tensor? weight = null, Tensor? bias = null, double eps = 1e-5) =>
            Norms.Run("layer_norm", NormKernel.Layer, this, weight, bias, eps);

        /// <summary>x / √(mean x² + eps) · weight over the last axis (Zhang and Sennrich 2019). Rows of any size have their norm, as
        /// with <see cref="LayerNorm"/>.</summary>
        public Tensor RmsNorm(Tensor? weight = null, double eps = 1e-6) => Norms.Run("rms_norm", NormKernel.Rms, this, weight, null, eps);

        /// <summary>Layer norm over groups of neighbouring channels and all trailing axes of x [N, C, …], then weight and bias
        /// [C] per channel (Wu and He 2018). A composition of the fused row norm and an affine map.</summary>
        public Tensor GroupNorm(int groups, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5)
        {
            if (Rank < 2 || groups < 1 || Layout.Dims[1] % groups != 0)
                throw TensorException.For("group_norm", $"needs x [N, C, …] with C divisible by {groups} groups", this);
            var channels = Layout.Dims[1];
            if (Count == 0) return Clone();
            var y = Reshape(Layout.Dims[0] * groups, -1).LayerNorm(null, null, eps).Reshape(Layout.Dims);
            int[] perChannel = [channels, .. Enumerable.Repeat(1, Rank - 2)];
            foreach (var affine in (ReadOnlySpan<Tensor?>)[weight, bias])
                if (affine is not null && (affine.Rank != 1 || affine.Layout.Dims[0] != channels))
                    throw TensorException.For("group_norm", $"weight and bias must be [{channels}]", this, affine);
            if (weight is not null) y *= weight.Reshape(perChannel);
            return bias is null ? y : y + bias.Reshape(perChannel);
        }
    }
}
