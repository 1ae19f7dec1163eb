namespace Edifice.Engine.Cpu.Kernels;

/// <summary>How a reduction walks its operand. Depends on shape and strides alone.</summary>
/// <remarks>The order in which entries are summed is free, so reduced axes are taken in the order of their steps in memory
/// and walked forwards. Along the smallest step of all the work is a row (lanes along a reduced axis) or a set of columns
/// (lanes across a kept axis).</remarks>
internal struct ReduceGeometry
{
    /// <summary>Offset of the first entry of each result in x (A) and of the result in y (B); without <see cref="Columns"/>.</summary>
    public LineGrid Kept;

    /// <summary>Reduced axes outside <see cref="Reduced"/>, in x (A).</summary>
    public LineGrid ReducedOuter;

    /// <summary>The innermost reduced axis (A: step in x).</summary>
    public Run Reduced;

    /// <summary>The kept axis that lanes lie across (A: step in x, B: in y), of extent 1 when reducing rows.</summary>
    public Run Columns;

    /// <summary>What must be added to x's first element, because axes walked backwards are turned round.</summary>
    public long Start;

    /// <summary>True when lanes lie along the reduced axis.</summary>
    public bool ByRows;

    /// <summary>The number of entries per result.</summary>
    public long EntriesPerResult;

    private struct Axis
    {
        public int Extent;
        public long X, Y;

        // Larger steps go outside; an axis that stands still is no better inside than outside.
        public readonly ulong Distance => X == 0 ? ulong.MaxValue : (ulong)Math.Abs(X);
    }

    /// <summary>Plans the reduction of x over the axes into y.</summary>
    public static ReduceGeometry Of(Tensor x, ReadOnlySpan<int> axes, Tensor y)
    {
        var extents = x.Shape.AsSpan();
        Span<Axis> reduced = stackalloc Axis[extents.Length], kept = stackalloc Axis[extents.Length];
        int reducedCount = 0, keptCount = 0;
        var g = new ReduceGeometry { EntriesPerResult = 1, Kept = new(), ReducedOuter = new() };
        for (var axis = 0; axis < extents.Length; axis++)
        {
            var entry = new Axis { Extent = extents[axis], X = x.Strides[axis], Y = y.Strides[axis] };
            if (!axes.Contains(axis))
            {
                if (entry.Extent != 1) kept[keptCount++] = entry;
                continue;
            }

            g.EntriesPerResult *= entry.Extent;
            if (entry.Extent == 1) continue;
            if (entry.X < 0)
            {
                g.Start += entry.X * (entry.Extent - 1);
                entry.X = -entry.X;
            }

            reduced[reducedCount++] = entry;
        }

        reduced = reduced[..reducedCount];
        kept = kept[..keptCount];
        SortByDistance(reduced);
        foreach (var axis in reduced) g.ReducedOuter.Append(axis.Extent, axis.X);
        g.Reduced = g.ReducedOuter.TakeInnermost();

        // Rows keep y's order, so that neighbouring lines have neighbouring results.
        var columns = -1;
        for (var i = 0; i < keptCount; i++)
            if (columns < 0 || kept[i].Distance <= kept[columns].Distance) columns = i;
        g.ByRows = reducedCount > 0 && (columns < 0 || reduced[^1].Distance < kept[columns].Distance);
        if (!g.ByRows) SortByDistance(kept);
        foreach (var axis in kept) g.Kept.Append(axis.Extent, axis.X, axis.Y);
        g.Columns = g.ByRows ? new Run(1, 0, 0, 0) : g.Kept.TakeInnermost();
        return g;
    }

    private static void SortByDistance(Span<Axis> axes)
    {
        // A stable insertion sort: at most eight entries.
        for (var i = 1; i < axes.Length; i++)
            for (var j = i; j > 0 && axes[j - 1].Distance < axes[j].Distance; j--)
                (axes[j - 1], axes[j]) = (axes[j], axes[j - 1]);
    }
}
