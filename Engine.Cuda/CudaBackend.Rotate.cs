using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void Rotate(Tensor x, Tensor cos, Tensor sin, bool interleaved, bool inverse, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(cos);
        ArgumentNullException.ThrowIfNull(sin);
        ArgumentNullException.ThrowIfNull(y);
        if (x.Count == 0) return;
        int heads = x.Size(2), width = x.Size(3), pairs = cos.Size(2);
        uint turned = Fours(pairs), groups = turned + Fours(width - 2 * pairs);
        var lines = (long)x.Size(0) * x.Size(1) * heads;
        var threads = Threads("rotate", lines * groups, x);
        var arguments = new KernelArguments();
        arguments.Add(x);
        arguments.Add(cos);
        arguments.Add(sin);
        arguments.Add(y);
        arguments.Add(threads);
        arguments.Add((uint)heads);
        arguments.Add((uint)width);
        arguments.Add((uint)pairs);
        arguments.Add(groups);
        arguments.Add(turned);
        arguments.Add((uint)(cos.Size(0) * (long)x.Size(1)));
        arguments.Add(interleaved ? 1U : 0U);
        arguments.Add(inverse ? 1U : 0U);
        arguments.Add(width % 4 == 0 && ByFours(pairs, x, cos, sin, y) ? 1U : 0U);
        Launch("rotate", x.DType, "rotate", Blocks(threads), arguments);
    }
}
