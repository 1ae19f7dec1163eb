using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    /// <remarks>Out of an integer's range the nearest integer is taken and NaN becomes 0; between integers the low bits
    /// are kept.</remarks>
    public void Copy(Tensor source, Tensor destination)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(destination);
        if (IsEmpty(destination)) return;
        if (source.DType == destination.DType)
        {
            if (source.IsContiguous && destination.IsContiguous)
            {
                Driver.Copy(Address(source), Address(destination), source.Count * source.DType.SizeOf(), Stream);
                return;
            }

            if (TryTranspose(source, destination)) return;
        }

        RunElementwise(new("copy", 0, source.DType, (int)destination.DType), static key => Operators.Conversion(key.Type, (DType)key.Other), default, destination, source);
    }

    /// <inheritdoc/>
    public void Fill(Tensor destination, double value)
    {
        ArgumentNullException.ThrowIfNull(destination);
        RunElementwise(new("fill", 0, destination.DType), static key => Operators.Constant(key.Type), new(ElementBits.Encode(value, destination.DType)), destination);
    }

    /// <summary>Copies by tiles where the source's neighbours lie along another axis than the destination's and both are long enough.</summary>
    private bool TryTranspose(Tensor source, Tensor destination)
    {
        RefuseHuge("Copy", destination);
        var axes = MergedAxes.Of(destination, source, null, null);
        int columns = axes.Rank - 1, rows = -1;
        if (columns < 1 || axes.Stride(columns, 0) != 1 || axes.Stride(columns, 1) is 0 or 1) return false;
        for (var axis = 0; axis < columns; axis++)
            if (axes.Stride(axis, 1) == 1) rows = axis;
        if (rows < 0 || axes.Extent(rows) < GenerateTranspose.Tile / 2 || axes.Extent(columns) < GenerateTranspose.Tile / 2) return false;

        var others = new MergedAxes();
        for (var axis = 0; axis < columns; axis++)
            if (axis != rows) others.Append(axes.Extent(axis), axes.Stride(axis, 0), axes.Stride(axis, 1));
        var planes = others.Count;
        others.AtLeastOne();
        var size = source.DType.SizeOf();
        var arguments = new KernelArguments();
        arguments.Add(destination);
        arguments.Add(source);
        arguments.Add((uint)axes.Extent(columns));
        arguments.Add((uint)axes.Extent(rows));
        arguments.Add(axes.Stride(columns, 1) * size);
        arguments.Add(axes.Stride(rows, 0) * size);
        for (var axis = 1; axis < others.Rank; axis++) arguments.Add((uint)others.Extent(axis));
        AddSteps(ref arguments, others, 0, destination);
        AddSteps(ref arguments, others, 1, source);
        var tiles = planes * ((axes.Extent(columns) + 31L) / 32) * ((axes.Extent(rows) + 31L) / 32);
        var kernel = Generated(new("transpose", 0, source.DType, 0, others.Rank), GenerateTranspose.Entry, static key => GenerateTranspose.Text(key.Type, key.Rank));
        LaunchBlocks(kernel, tiles, GenerateTranspose.Threads, arguments);
        return true;
    }
}
