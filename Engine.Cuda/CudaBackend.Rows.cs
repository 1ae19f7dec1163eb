using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <summary>Longer rows are done by a block, others by a warp.</summary>
    private const int LongestWarpRow = 1024;

    /// <summary>Elements of a very long row that one block does. Rows of more than four such chunks are shared by several blocks, unless
    /// there are enough rows to fill the card: whether, depends on the shape alone.</summary>
    private const int RowChunk = 4096, ManyRows = 128;

    private const uint RowBlock = 256;

    /// <summary>Steps of time whose sums a kernel makes one by one before they are folded.</summary>
    private const int StretchSteps = 64;

    /// <summary>Launches a kernel of row_frame.ptx. <paramref name="arguments"/> holds what its own parameters are before the frame's.</summary>
    /// <param name="file">Kernel file.</param>
    /// <param name="kernel">Kernel.</param>
    /// <param name="x">Its rows.</param>
    /// <param name="arguments">The parameters before the frame's.</param>
    /// <param name="vector">Whether every operand that is read by fours can be.</param>
    /// <param name="flag">A parameter behind the frame's, or null.</param>
    private void LaunchRows(string file, string kernel, Tensor x, ref KernelArguments arguments, bool vector, bool? flag = null)
    {
        var (rows, n) = RowsOf(x);
        if (rows > int.MaxValue) throw TensorException.For(kernel, $"{rows} rows are more than one launch covers: cut the batch", x);
        var byBlock = n > LongestWarpRow;
        arguments.Add((uint)rows);
        arguments.Add((uint)n);
        arguments.Add(byBlock ? RowBlock : 32);
        arguments.Add(vector ? 1U : 0U);
        if (flag is { } given) arguments.Add(given ? 1U : 0U);
        Launch(file, x.DType, kernel, new LaunchShape((uint)(byBlock ? rows : (rows + 7) / 8), 1, 1, RowBlock, 1, 1, 0), arguments);
    }

    /// <summary>Number and length of the rows of a contiguous tensor.</summary>
    private static (long Rows, int Length) RowsOf(Tensor x)
    {
        var n = x.Rank == 0 ? 1 : x.Shape[^1];
        return (n == 0 ? 0 : x.Count / n, n);
    }

    /// <summary>Whether rows of <paramref name="n"/> elements of all these operands can be read four elements at a time; absent ones can.</summary>
    private static bool ByFours(long n, params ReadOnlySpan<Tensor?> operands)
    {
        if (n % 4 != 0) return false;
        foreach (var operand in operands)
            if (operand is not null && Address(operand).Address % 16 != 0) return false;
        return true;
    }

    private static uint Fours(long n) => (uint)((n + 3) / 4);

    private Tensor Temporary(DType type, params ReadOnlySpan<int> dims) => Tensor.Allocate(Layout.Contiguous(dims), type, Device);

    /// <summary>result = the sum over the first axis of sums [tiles, result's elements], 0 without tiles.</summary>
    private void Fold(Tensor sums, long tiles, Tensor result)
    {
        if (result.Count == 0) return;
        var size = Threads("sum over tiles", result.Count, result);
        var arguments = new KernelArguments();
        arguments.Add(sums);
        arguments.Add(result);
        arguments.Add((uint)tiles);
        arguments.Add(size);
        Launch("fold", result.DType, "fold", new LaunchShape((size + 31) / 32, 1, 1, 1024, 1, 1, 0), arguments);
    }

    private void Clear(Tensor result) => Fold(result, 0, result);
}
