namespace Edifice.Engine.Cuda.Products;

/// <summary>A result and, beside it, the values before its activation, cut into as few planes of rows as their strides allow.</summary>
internal sealed class BatchPlanes
{
    private readonly List<(int Extent, long Y, long Pre)> _axes = [];

    public BatchPlanes(Tensor y, Tensor? pre)
    {
        int[] dims = y.Layout.Dims;
        long[] stepsY = y.Layout.Strides, stepsPre = pre?.Layout.Strides ?? new long[dims.Length];
        Rows = 1;
        for (var axis = dims.Length - 2; axis >= 0; axis--)
        {
            if (dims[axis] == 1) continue;
            if (_axes.Count > 0 || (Rows > 1 && (stepsY[axis] != Rows * RowY || stepsPre[axis] != Rows * RowPre)))
            {
                _axes.Add((dims[axis], stepsY[axis], stepsPre[axis]));
                continue;
            }

            if (Rows == 1) (RowY, RowPre) = (stepsY[axis], stepsPre[axis]);
            Rows *= dims[axis];
        }

        var elements = 16 / y.DType.SizeOf();
        bool Aligned(Tensor? x, long row, Func<(int Extent, long Y, long Pre), long> step) => x is null
            || (CudaBackend.Address(x).Address % 16 == 0 && row % elements == 0 && _axes.TrueForAll(a => step(a) % elements == 0));
        IsVector = dims[^1] % 4 == 0 && Aligned(y, RowY, a => a.Y) && Aligned(pre, RowPre, a => a.Pre);
    }

    /// <summary>Rows of a plane.</summary>
    public long Rows { get; }

    /// <summary>Elements from one row of y to the next.</summary>
    public long RowY { get; }

    /// <summary>Elements from one row before the activation to the next.</summary>
    public long RowPre { get; }

    /// <summary>True when every row can be read four elements, sixteen bytes or more, at a time.</summary>
    public bool IsVector { get; }

    /// <summary>Where the planes begin, in elements after the first of y and of the values before the activation.</summary>
    public IEnumerable<(long Y, long Pre)> Starts()
    {
        long planes = 1;
        foreach (var (extent, _, _) in _axes) planes *= extent;
        for (long plane = 0; plane < planes; plane++)
        {
            long rest = plane, y = 0, pre = 0;
            foreach (var (extent, stepY, stepPre) in _axes)
            {
                var i = rest % extent;
                rest /= extent;
                y += i * stepY;
                pre += i * stepPre;
            }

            yield return (y, pre);
        }
    }
}
