using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    private const int FourierBlock = 256;

    /// <inheritdoc/>
    /// <remarks>By cuFFT, which neither scales nor says what it makes of imaginary parts that a real signal's spectrum cannot have:
    /// <see cref="FourierKernel.RealInverse"/> is given a copy that is scaled and has none.</remarks>
    public void Fourier(FourierKernel kernel, Tensor x, int n, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        if (y.Count == 0) return;
        var bins = n / 2 + 1;
        switch (kernel)
        {
            case FourierKernel.Forward:
                Transform(TransformKind.Forward, x, y, n, n, n);
                break;
            case FourierKernel.Inverse:
                Transform(TransformKind.Inverse, x, y, n, n, n);
                if (n > 1) ZipScalar(BinaryKernel.Divide, y, n, false, y);
                break;
            case FourierKernel.RealForward:
                Transform(TransformKind.RealForward, x, y, n, n, bins);
                break;
            case FourierKernel.RealInverse:
                using (var spectrum = Tensor.Allocate(Layout.Contiguous(x.Layout.Dims), x.DType, x.Device))
                {
                    Spectrum(x, n, spectrum);
                    Transform(TransformKind.RealInverse, spectrum, y, n, bins, n);
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kernel), kernel, "unknown transform");
        }
    }

    /// <inheritdoc/>
    /// <remarks>A real transform in two dimensions, which has half the bins; the real parts of the others are those at the mirrored
    /// frequencies.</remarks>
    public void Fourier2Real(Tensor x, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        if (x.Count == 0) return;
        int slices = x.Size(0), length = x.Size(1), width = x.Size(2), bins = width / 2 + 1;
        var threads = Threads("fft2_real", y.Count, x);
        using var spectrum = Tensor.Allocate([slices, length, bins, 2], x.DType, x.Device);
        using var aligned = Aligned(x);
        Transforms.Transform(
            new TransformPlan(TransformKind.RealForward, x.DType, width, 1, width, 1, bins, slices, length), Address(aligned), Address(spectrum), Stream);
        var arguments = new KernelArguments();
        arguments.Add(spectrum);
        arguments.Add(y);
        arguments.Add(threads);
        arguments.Add((uint)length);
        arguments.Add((uint)width);
        Launch("fourier", x.DType, "real_part", Blocks(threads), arguments);
    }

    private void Transform(TransformKind kind, Tensor x, Tensor y, int n, int inputs, int outputs)
    {
        var signals = kind == TransformKind.RealForward ? x.Count / inputs : x.Count / (2L * inputs);
        if (signals > int.MaxValue) throw TensorException.For("fft", $"{signals} signals are more than one call transforms: cut the batch", x);
        using var aligned = Aligned(x);
        Transforms.Transform(new TransformPlan(kind, x.DType, n, 1, inputs, 1, outputs, (int)signals), Address(aligned), Address(y), Stream);
    }

    /// <summary>cuFFT takes its data for complex numbers, aligned to both parts: a view that begins in the middle of one is copied.</summary>
    private Tensor Aligned(Tensor x)
    {
        if (Address(x).Address % (2 * (ulong)x.DType.SizeOf()) == 0) return new Tensor(x.Storage, x.Layout, x.Offset, x.DType, retain: true);
        var copy = x.AllocateLike();
        Copy(x, copy);
        return copy;
    }

    /// <summary>x / n without the imaginary parts of bin 0 and, for even n, bin n/2.</summary>
    private void Spectrum(Tensor x, int n, Tensor spectrum)
    {
        var threads = Threads("irfft", x.Count, x);
        var arguments = new KernelArguments();
        arguments.Add(x);
        arguments.Add(spectrum);
        arguments.Add(threads);
        arguments.Add((uint)n);
        arguments.AddScalar(x.DType, n);
        Launch("fourier", x.DType, "spectrum", Blocks(threads), arguments);
    }

    private static uint Threads(string op, long elements, Tensor x) => elements <= int.MaxValue
        ? (uint)elements
        : throw TensorException.For(op, $"{elements} elements are more than one launch covers: cut the batch", x);

    private static LaunchShape Blocks(uint threads) => new((threads + FourierBlock - 1) / FourierBlock, 1, 1, FourierBlock, 1, 1, 0);
}
