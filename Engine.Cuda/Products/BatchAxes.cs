namespace Edifice.Engine.Cuda.Products;

/// <summary>The leading axes of a product: as few as the strides of both operands and the result allow. cuBLAS walks one of them, the
/// rest are walked here.</summary>
internal sealed class BatchAxes
{
    private readonly List<(int Extent, long A, long B, long Y)> _axes = [];

    private BatchAxes(int rows, int leadingA, int leadingY)
    {
        Rows = rows;
        LeadingA = leadingA;
        LeadingY = leadingY;
    }

    /// <summary>Rows of every product: those of the operand, times the axes that could join them.</summary>
    public int Rows { get; private set; }

    /// <summary>Elements between the rows of a.</summary>
    public int LeadingA { get; private set; }

    /// <summary>Elements between the rows of y.</summary>
    public int LeadingY { get; private set; }

    /// <summary>The products of one call.</summary>
    public (int Extent, long A, long B, long Y) Inner { get; private set; } = (1, 0, 0, 0);

    /// <summary>Folds the leading axes of a product.</summary>
    public static BatchAxes Of(ProductOperand a, ProductOperand b, Tensor y)
    {
        int[] dims = y.Layout.Dims;
        long[] steps = y.Layout.Strides;
        var batch = new BatchAxes(dims[^2], a.Leading, (int)(dims[^2] == 1 ? dims[^1] : steps[^2]));
        for (var axis = dims.Length - 3; axis >= 0; axis--)
            if (dims[axis] > 1 && !batch.JoinRows(dims[axis], a, b.Steps[axis], a.Steps[axis], steps[axis], dims[^1]))
                batch.JoinAxis(dims[axis], a.Steps[axis], b.Steps[axis], steps[axis]);
        batch.TakeInner();
        return batch;
    }

    /// <summary>Where the products of each call begin, relative to the first: elements of a, b and y.</summary>
    public IEnumerable<(long A, long B, long Y)> Calls()
    {
        var index = new int[_axes.Count];
        (long A, long B, long Y) at = default;
        while (true)
        {
            yield return at;
            var axis = 0;
            while (true)
            {
                if (axis == index.Length) yield break;
                var (extent, a, b, y) = _axes[axis];
                at = (at.A + a, at.B + b, at.Y + y);
                if (++index[axis] < extent) break;
                at = (at.A - extent * a, at.B - extent * b, at.Y - extent * y);
                index[axis++] = 0;
            }
        }
    }

    /// <summary>[B, L, K] by one shared [K, N] is one product of B L rows.</summary>
    private bool JoinRows(int extent, ProductOperand a, long stepB, long stepA, long stepY, int columns)
    {
        if (_axes.Count > 0 || stepB != 0 || a.Transposed && Rows > 1 || (long)Rows * extent > int.MaxValue) return false;
        if (Rows == 1)
        {
            // One row of a is one row in memory whichever of its axes counts as the other.
            var k = a.Tensor.Layout.Dims[^1];
            if (a.Transposed && k > 1 || stepA < k || stepA > int.MaxValue || stepY < columns || stepY > int.MaxValue) return false;
            (LeadingA, LeadingY) = ((int)stepA, (int)stepY);
        }
        else if (stepA != Rows * (long)LeadingA || stepY != Rows * (long)LeadingY)
        {
            return false;
        }

        Rows *= extent;
        return true;
    }

    private void JoinAxis(int extent, long a, long b, long y)
    {
        if (_axes.Count > 0 && _axes[^1] is var inner && (long)inner.Extent * extent <= int.MaxValue
            && a == inner.Extent * inner.A && b == inner.Extent * inner.B && y == inner.Extent * inner.Y)
        {
            _axes[^1] = inner with { Extent = inner.Extent * extent };
            return;
        }

        _axes.Add((extent, a, b, y));
    }

    /// <summary>The longest axis along which nothing runs backwards.</summary>
    private void TakeInner()
    {
        var best = -1;
        for (var i = 0; i < _axes.Count; i++)
            if (_axes[i] is { A: >= 0, B: >= 0, Y: > 0 } && (best < 0 || _axes[i].Extent > _axes[best].Extent)) best = i;
        if (best < 0) return;
        Inner = _axes[best];
        _axes.RemoveAt(best);
    }
}
