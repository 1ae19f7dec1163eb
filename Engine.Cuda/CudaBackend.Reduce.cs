using System.Collections.Concurrent;
using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void Reduce(ReduceKernel kernel, Tensor x, ReadOnlySpan<int> axes, Tensor y, double p)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        var key = new GeneratedKernel("reduce", (int)kernel, x.DType);
        var op = _reductions.GetOrAdd(key, static k => Operators.Reduction((ReduceKernel)k.Operator, k.Type)) ?? throw NoKernel(kernel, x);
        RunReduction(key, op, x, axes, y, p);
    }

    /// <inheritdoc/>
    public void ArgReduce(bool max, Tensor x, int axis, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        var key = new GeneratedKernel("arg_reduce", max ? 1 : 0, x.DType);
        var op = _reductions.GetOrAdd(key, static k => Operators.FirstExtreme(k.Operator == 1, k.Type))
            ?? throw TensorException.For("ArgReduce", "compares only f32, f64, i32 and i64: convert with To", x);
        RunReduction(key, op, x, [axis], y, 0);
    }

    // What one launch should have at least, and the entries below which a segment is not worth its merging. Of the shape alone, not
    // of the card, so that every card gives the same bits.
    private const long BlocksWanted = 1024;
    private const int WarpEntries = 512, BlockSegment = 4096, ColumnSegment = 64;

    private readonly ConcurrentDictionary<GeneratedKernel, ReduceOperator?> _reductions = new();

    private void RunReduction(GeneratedKernel key, ReduceOperator op, Tensor x, ReadOnlySpan<int> axes, Tensor y, double p)
    {
        if (IsEmpty(y)) return;
        RefuseHuge(key.Family, x, y);
        var byRows = Arrange(x, axes, y, out var kept, out var reduced, out var written);
        long results = kept.Count, entries = reduced.Count;
        kept.AtLeastOne();
        reduced.AtLeastOne();
        written.AtLeastOne();

        ReduceLayout layout;
        long blocks, segments = 1, step;
        if (byRows && entries <= WarpEntries)
        {
            (layout, step, blocks) = (ReduceLayout.Warp, 1, (results + 7) / 8);
        }
        else
        {
            (layout, step) = byRows ? (ReduceLayout.Block, GenerateReduce.Threads) : (ReduceLayout.Columns, 8);
            blocks = byRows ? results : (results + 31) / 32;
            segments = Math.Clamp(BlocksWanted / blocks, 1, Math.Max(1, entries / (byRows ? BlockSegment : ColumnSegment)));
        }

        var chunk = (entries + segments - 1) / segments;
        chunk = Math.Max(1, (chunk + step - 1) / step * step);
        segments = Math.Max(1, (entries + chunk - 1) / chunk);
        using var partial = segments > 1 ? Temporary(Shape.Create([op.State.Length, (int)results, (int)segments]), DType.Float64) : null;

        var arguments = Arguments();
        for (var axis = 1; axis < kept.Rank; axis++) arguments.Add((uint)kept.Extent(axis));
        for (var axis = 1; axis < reduced.Rank; axis++) arguments.Add((uint)reduced.Extent(axis));
        AddSteps(ref arguments, kept, 0, x);
        AddSteps(ref arguments, kept, 1, y);
        AddSteps(ref arguments, reduced, 0, x);
        LaunchBlocks(ReductionKernel(key with { Rank = kept.Rank, InnerRank = reduced.Rank }, op, layout), blocks * segments, GenerateReduce.Threads, arguments);
        if (segments == 1) return;

        arguments = Arguments();
        for (var axis = 1; axis < written.Rank; axis++) arguments.Add((uint)written.Extent(axis));
        AddSteps(ref arguments, written, 0, y);
        LaunchBlocks(ReductionKernel(key with { Rank = written.Rank }, op, ReduceLayout.Segments), (results + 7) / 8, GenerateReduce.Threads, arguments);

        KernelArguments Arguments()
        {
            var first = new KernelArguments();
            first.Add(x);
            first.Add(y);
            first.Add(partial);
            first.Add((uint)results);
            first.Add((uint)entries);
            first.Add((uint)chunk);
            first.Add((uint)segments);
            first.Add(p);
            return first;
        }
    }

    private FunctionHandle ReductionKernel(GeneratedKernel key, ReduceOperator op, ReduceLayout layout)
    {
        key = key with { Other = (int)layout };
        return _generated.TryGetValue(key, out var known) ? known : GenerateKernel(key, op);
    }

    private FunctionHandle GenerateKernel(GeneratedKernel key, ReduceOperator op) =>
        Generated(key, GenerateReduce.Entry, k => GenerateReduce.Text(op, (ReduceLayout)k.Other, k.Rank, k.InnerRank, k.Type));

    /// <summary>Splits x's axes into kept (operand 0: x, 1: y) and reduced ones (operand 0: x), each walked so that the smallest steps in
    /// memory come innermost; <paramref name="written"/>: the kept ones where x does not count (operand 0: y).</summary>
    /// <returns>True when neighbours in memory are entries of one result, false when they belong to neighbouring results.</returns>
    private static bool Arrange(Tensor x, ReadOnlySpan<int> axes, Tensor y, out MergedAxes kept, out MergedAxes reduced, out MergedAxes written)
    {
        Span<int> order = stackalloc int[Shape.MaxRank];
        var steps = x.Strides;
        for (var i = 0; i < x.Rank; i++)
        {
            // Larger steps go outside, and so does an axis that stands still. Stable: rows keep y's order where steps are equal.
            var place = i;
            for (; place > 0 && Distance(steps[order[place - 1]]) < Distance(steps[i]); place--) order[place] = order[place - 1];
            order[place] = i;
        }

        (kept, reduced, written) = (new(), new(), new());
        var byRows = false;
        var dims = x.Layout.Dims;
        for (var i = 0; i < x.Rank; i++)
        {
            var axis = order[i];
            var isReduced = axes.Contains(axis);
            if (isReduced) reduced.Append(dims[axis], steps[axis]);
            if (dims[axis] != 1) byRows = isReduced;
        }

        // Across rows the results' order is what counts, down columns that of the entries.
        for (var i = 0; i < x.Rank; i++)
        {
            var axis = byRows ? i : order[i];
            if (axes.Contains(axis)) continue;
            kept.Append(dims[axis], steps[axis], y.Strides[axis]);
            written.Append(dims[axis], y.Strides[axis]);
        }

        return byRows;

        static ulong Distance(long step) => step == 0 ? ulong.MaxValue : (ulong)Math.Abs(step);
    }
}
