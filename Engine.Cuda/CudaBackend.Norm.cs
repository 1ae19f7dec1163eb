using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    private const int NormTileRows = 64, NormTileColumns = 128;

    /// <inheritdoc/>
    public void Norm(NormKernel kernel, Tensor x, Tensor? weight, Tensor? bias, double eps, Tensor y, Tensor? mean, Tensor? rstd)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        if (x.Count == 0) return;
        var arguments = new KernelArguments();
        arguments.Add(x);
        arguments.Add(weight);
        arguments.Add(bias);
        arguments.Add(y);
        arguments.Add(mean);
        arguments.Add(rstd);
        arguments.AddScalar(x.DType, eps);
        LaunchRows("norm", "norm", x, ref arguments, ByFours(RowsOf(x).Length, x, weight, bias, y), kernel == NormKernel.Layer);
    }

    /// <inheritdoc/>
    public void NormVjp(NormKernel kernel, Tensor g, Tensor x, Tensor? weight, Tensor? mean, Tensor rstd,
        Tensor? dx, Tensor? dweight, Tensor? dbias)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(rstd);
        var layer = kernel == NormKernel.Layer;
        if (x.Count == 0)
        {
            if (dweight is not null) Clear(dweight);
            if (dbias is not null) Clear(dbias);
            return;
        }

        var (rows, n) = RowsOf(x);
        // What the rounding of the kept mean leaves of each row's xhat, which the sums over rows need too.
        using var offsets = layer && dweight is not null ? Temporary(x.DType, (int)rows) : null;
        if (dx is not null || offsets is not null)
        {
            var arguments = new KernelArguments();
            arguments.Add(g);
            arguments.Add(x);
            arguments.Add(weight);
            arguments.Add(mean);
            arguments.Add(rstd);
            arguments.Add(dx);
            arguments.Add(offsets);
            LaunchRows("norm", "norm_vjp", x, ref arguments, ByFours(n, g, x, weight, dx), layer);
        }

        if (dweight is not null || dbias is not null) NormColumns(g, x, layer ? mean : null, rstd, offsets, dweight, dbias);
    }

    private void NormColumns(Tensor g, Tensor x, Tensor? mean, Tensor rstd, Tensor? offsets, Tensor? dweight, Tensor? dbias)
    {
        var (rows, n) = RowsOf(x);
        var tiles = (int)((rows + NormTileRows - 1) / NormTileRows);
        using var weightSums = Temporary(x.DType, tiles, n);
        using var biasSums = Temporary(x.DType, tiles, n);
        var arguments = new KernelArguments();
        arguments.Add(g);
        arguments.Add(x);
        arguments.Add(mean);
        arguments.Add(rstd);
        arguments.Add(offsets);
        arguments.Add(weightSums);
        arguments.Add(biasSums);
        arguments.Add((uint)rows);
        arguments.Add((uint)n);
        arguments.Add(ByFours(n, g, x) ? 1U : 0U);
        var columns = (uint)((n + NormTileColumns - 1) / NormTileColumns);
        if (columns > ushort.MaxValue)
            throw TensorException.For("norm", $"rows of {n} elements are longer than the sums over rows are made for ({ushort.MaxValue * NormTileColumns})", x);
        Launch("norm_columns", x.DType, "norm_columns", new LaunchShape((uint)tiles, columns, 1, RowBlock, 1, 1, 0), arguments);
        if (dweight is not null) Fold(weightSums, tiles, dweight);
        if (dbias is not null) Fold(biasSums, tiles, dbias);
    }
}
