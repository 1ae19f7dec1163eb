namespace Edifice.Engine.Cuda.Products;

/// <summary>An operand of a matrix product as cuBLAS takes it: one of its last two axes lies in memory without gaps, the other at a
/// distance that is no shorter. Where a view is not of that kind it is copied once; axes it only repeats along are not copied.</summary>
internal sealed class ProductOperand : IDisposable
{
    private readonly Tensor? _copy;

    private ProductOperand(Tensor tensor, Tensor? copy, bool transposed, int leading, long[] steps)
    {
        Tensor = tensor;
        _copy = copy;
        Transposed = transposed;
        Leading = leading;
        Steps = steps;
    }

    /// <summary>The operand, or its copy.</summary>
    public Tensor Tensor { get; }

    /// <summary>False: rows lie without gaps. True: columns do.</summary>
    public bool Transposed { get; }

    /// <summary>Elements from one row (column) to the next.</summary>
    public int Leading { get; }

    /// <summary>Elements between neighbours on each leading axis.</summary>
    public long[] Steps { get; }

    /// <summary>The operand in place if it can be, else its copy.</summary>
    public static ProductOperand Of(CudaBackend backend, Tensor x)
    {
        if (Fit(x.Layout) is var (transposed, leading)) return new ProductOperand(x, null, transposed, leading, x.Layout.Strides[..^2]);

        int[] dims = [.. x.Layout.Dims];
        for (var axis = 0; axis < dims.Length - 2; axis++)
            if (x.Layout.Strides[axis] == 0) dims[axis] = 1;
        var once = new Tensor(x.Storage, new Layout(dims, x.Layout.Strides), x.Offset, x.DType, retain: true);
        var copy = Tensor.Allocate(Layout.Contiguous(dims), x.DType, x.Device);
        backend.Copy(once, copy);
        once.Dispose();
        var steps = copy.Layout.Strides[..^2];
        for (var axis = 0; axis < steps.Length; axis++)
            if (dims[axis] == 1) steps[axis] = 0;
        return new ProductOperand(copy, copy, false, Math.Max(1, dims[^1]), steps);
    }

    /// <summary>How the last two axes lie, or null when only a copy serves.</summary>
    public static (bool Transposed, int Leading)? Fit(Layout layout)
    {
        int rows = layout.Dims[^2], columns = layout.Dims[^1];
        long rowStep = layout.Strides[^2], columnStep = layout.Strides[^1];
        if (Fits(rows, columns, rowStep, columnStep)) return (false, (int)(rows == 1 ? columns : rowStep));
        if (Fits(columns, rows, columnStep, rowStep)) return (true, (int)(columns == 1 ? rows : columnStep));
        return null;
    }

    private static bool Fits(int lines, int length, long lineStep, long step) =>
        (step == 1 || length == 1) && (lines == 1 || (lineStep >= length && lineStep <= int.MaxValue));

    /// <inheritdoc/>
    public void Dispose() => _copy?.Dispose();
}
