using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void Softmax(Tensor x, Tensor y, bool log)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        if (x.Count == 0) return;
        var (rows, n) = RowsOf(x);
        var vector = ByFours(n, x, y);
        var arguments = new KernelArguments();
        arguments.Add(x);
        if (!IsShared(rows, n))
        {
            arguments.Add(y);
            LaunchRows("softmax", "softmax", x, ref arguments, vector, log);
            return;
        }

        using var parts = Temporary(x.DType, (int)rows, Chunks(n), 2);
        arguments.Add(parts);
        LaunchChunks("softmax_chunks", x, ref arguments, vector, null);
        arguments = new KernelArguments();
        arguments.Add(x);
        arguments.Add(y);
        arguments.Add(parts);
        LaunchChunks("softmax_from_chunks", x, ref arguments, vector, log);
    }

    /// <inheritdoc/>
    public void SoftmaxVjp(Tensor g, Tensor y, Tensor dx, bool log)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(y);
        ArgumentNullException.ThrowIfNull(dx);
        if (y.Count == 0) return;
        var (rows, n) = RowsOf(y);
        var vector = ByFours(n, g, y, dx);
        var arguments = new KernelArguments();
        arguments.Add(g);
        arguments.Add(y);
        if (!IsShared(rows, n))
        {
            arguments.Add(dx);
            LaunchRows("softmax", "softmax_vjp", y, ref arguments, vector, log);
            return;
        }

        using var parts = Temporary(y.DType, (int)rows, Chunks(n));
        arguments.Add(parts);
        var rest = arguments;
        LaunchChunks("softmax_vjp_chunks", y, ref arguments, vector, log);
        rest.Add(dx);
        LaunchChunks("softmax_vjp_from_chunks", y, ref rest, vector, log);
    }

    /// <summary>Whether several blocks share a row.</summary>
    private static bool IsShared(long rows, int n) => n > 4 * RowChunk && rows < ManyRows;

    private static int Chunks(int n) => (int)(((long)n + RowChunk - 1) / RowChunk);

    private void LaunchChunks(string kernel, Tensor x, ref KernelArguments arguments, bool vector, bool? log)
    {
        var (rows, n) = RowsOf(x);
        arguments.Add((uint)n);
        arguments.Add((uint)RowChunk);
        arguments.Add(vector ? 1U : 0U);
        if (log is { } given) arguments.Add(given ? 1U : 0U);
        Launch("softmax_long", x.DType, kernel, new LaunchShape((uint)Chunks(n), (uint)rows, 1, RowBlock, 1, 1, 0), arguments);
    }
}
