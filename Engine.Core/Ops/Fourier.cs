using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>Discrete Fourier transforms. Complex tensors carry a last axis of extent 2 (real, imaginary).</summary>
    internal static class Fourier
    {
        public static Tensor Run(string op, FourierKernel kernel, Tensor x, int n, int[] shape)
        {
            if (!x.DType.IsComputeFloat()) throw TensorException.For(op, "is computed in Float32 and Float64: convert with .To(…)", x);
            if (n < 1) throw TensorException.For(op, "the transformed axis is empty", x);
            x = x.Contiguous();
            var y = Tensor.Allocate(shape, x.DType, x.Device);
            if (y.Count > 0) x.Backend.Fourier(kernel, x, n, y);
            return y;
        }

        public static int ComplexLength(string op, Tensor x) => x.Rank >= 2 && x.Layout.Dims[^1] == 2
            ? x.Layout.Dims[^2]
            : throw TensorException.For(op, "needs a complex tensor […, n, 2]", x);

        /// <summary>[n/2 + 1, 1]: how often a bin of the half spectrum stands in the whole one, times <paramref name="scale"/>; with
        /// <paramref name="inverse"/> one over that.</summary>
        public static Tensor Multiplicity(int n, bool inverse, double scale, DType dtype, Device device)
        {
            var w = new double[n / 2 + 1];
            for (var k = 0; k < w.Length; k++)
            {
                var once = k == 0 || 2 * k == n;
                w[k] = scale * (once ? 1 : inverse ? 0.5 : 2);
            }

            return Tensor.FromDoubles(w, [w.Length, 1], dtype, device);
        }

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("fft", c => c["x"].Fft(), () => OpCase.Of(("x", Sample.Normal(2, 6, 2))), () => OpCase.Of(("x", Sample.Normal(7, 2))));
            yield return new OpEntry("ifft", c => c["x"].InverseFft(), () => OpCase.Of(("x", Sample.Normal(2, 6, 2))), () => OpCase.Of(("x", Sample.Normal(5, 2))));
            yield return new OpEntry("rfft", c => c["x"].RealFft(), () => OpCase.Of(("x", Sample.Normal(2, 6))), () => OpCase.Of(("x", Sample.Normal(7))), () => OpCase.Of(("x", Sample.Normal(2, 1))));
            yield return new OpEntry("irfft", c => c["x"].InverseRealFft(c.Options.Int("n", 2 * (c["x"].Size(-2) - 1))),
                () => OpCase.Of(("x", Sample.Normal(2, 4, 2))), () => OpCase.Of("""{"n": 7}""", ("x", Sample.Normal(4, 2))));
            yield return new OpEntry("fft2_real", c => c["x"].Fft2Real(), () => OpCase.Of(("x", Sample.Normal(2, 4, 6))), () => OpCase.Of(("x", Sample.Normal(1, 5, 3))));
        }
    }
}

namespace Edifice.Engine
{
    public sealed partial class Tensor
    {
        /// <summary>X_k = Σ_j x_j e^(-2πi jk/n) over the axis before the last of a complex tensor […, n, 2]; no scaling.</summary>
        public Tensor Fft()
        {
            var n = Fourier.ComplexLength("fft", this);
            // F is symmetric and Fᴴ = n F⁻¹, so the adjoint is n times the inverse transform.
            return Tape.Record("fft", Fourier.Run("fft", FourierKernel.Forward, this, n, Layout.Dims), [this], [], (_, g) => [g[0]!.InverseFft() * n]);
        }

        /// <summary>The inverse of <see cref="Fft"/>, divided by n.</summary>
        public Tensor InverseFft()
        {
            var n = Fourier.ComplexLength("ifft", this);
            return Tape.Record("ifft", Fourier.Run("ifft", FourierKernel.Inverse, this, n, Layout.Dims), [this], [], (_, g) => [g[0]!.Fft() / n]);
        }

        /// <summary>The bins 0 … n/2 of the transform of a real tensor […, n]: […, n/2 + 1, 2].</summary>
        public Tensor RealFft()
        {
            if (Rank == 0) throw TensorException.For("rfft", "needs at least one axis", this);
            var n = Layout.Dims[^1];
            var y = Fourier.Run("rfft", FourierKernel.RealForward, this, n, [.. Layout.Dims[..^1], n / 2 + 1, 2]);
            return Tape.Record("rfft", y, [this], [], (_, g) =>
                [(g[0]! * Fourier.Multiplicity(n, inverse: true, n, g[0]!.DType, g[0]!.Device)).InverseRealFft(n)]);
        }

        /// <summary>The real signal of length <paramref name="n"/> with the given half spectrum […, n/2 + 1, 2], divided by n.</summary>
        public Tensor InverseRealFft(int n)
        {
            if (Fourier.ComplexLength("irfft", this) != n / 2 + 1)
                throw TensorException.For("irfft", $"a signal of length {n} has {n / 2 + 1} bins", this);
            var y = Fourier.Run("irfft", FourierKernel.RealInverse, this, n, [.. Layout.Dims[..^2], n]);
            return Tape.Record("irfft", y, [this], [], (_, g) =>
                [g[0]!.RealFft() * Fourier.Multiplicity(n, inverse: false, 1.0 / n, g[0]!.DType, g[0]!.Device)]);
        }

        /// <summary>Real part of the 2-D transform over the last two axes of x [B, L, H] (Lee-Thorp et al. 2021): C x C - S x S with
        /// the cosine and sine matrices. Its own adjoint.</summary>
        public Tensor Fft2Real()
        {
            if (Rank != 3 || Layout.Dims[1] == 0 || Layout.Dims[2] == 0) throw TensorException.For("fft2_real", "needs x [B, L, H] with L, H ≥ 1", this);
            if (!DType.IsComputeFloat()) throw TensorException.For("fft2_real", "is computed in Float32 and Float64: convert with .To(…)", this);
            var x = Contiguous();
            var y = x.AllocateLike();
            if (x.Count > 0) Backend.Fourier2Real(x, y);
            return Tape.Record("fft2_real", y, [x], [], static (_, g) => [g[0]!.Fft2Real()]);
        }
    }
}
