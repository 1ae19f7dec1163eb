using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    private const uint DrawThreads = 256;

    /// <inheritdoc/>
    public void Random(RandomKernel kernel, ulong seed, ulong offset, double p0, double p1, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(y);
        if (kernel == RandomKernel.Uniform) Draw(0, seed, offset, 0, p0, p1 - p0, LargestBelow(p1, p0, y.DType), null, y);
        else Draw(1, seed, offset, 0, p0, p1, 0, null, y);
    }

    /// <inheritdoc/>
    public void Dropout(Tensor x, double p, ulong seed, ulong offset, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        var scale = 1 / (1 - p);
        Draw(2, seed, offset, (ulong)Math.Ceiling(p * (1L << 53)), 0, y.DType == DType.Float32 ? (float)scale : scale, 0, x, y);
    }

    /// <summary>The largest number of a dtype below high, but at least low.</summary>
    private static double LargestBelow(double high, double low, DType dtype)
    {
        double most = dtype == DType.Float32 ? (float)high : high;
        if (most >= high) most = dtype == DType.Float32 ? MathF.BitDecrement((float)most) : Math.BitDecrement(most);
        return Math.Max(low, most);
    }

    private void Draw(uint kind, ulong seed, ulong offset, ulong keep, double low, double range, double most, Tensor? x, Tensor y)
    {
        if (IsEmpty(y)) return;
        RefuseHuge("Random", y);
        var arguments = new KernelArguments();
        arguments.Add(y);
        arguments.Add(x);
        arguments.Add(seed);
        arguments.Add(offset);
        arguments.Add(keep);
        arguments.Add(low);
        arguments.Add(range);
        arguments.Add(most);
        arguments.Add((uint)y.Count);
        arguments.Add(kind);
        arguments.Add(y.DType == DType.Float64 ? 1u : 0);
        var blocks = y.Count / 2 + 1; // of random numbers: two elements each, the first of which may lie before the tensor
        LaunchThreads(Kernels.Get("random", DType.Float64, "draw"), blocks, DrawThreads, arguments);
    }
}
