using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Reduces slices that lie beside one another: lanes across the slices, row by row.</summary>
/// <remarks>Rows are taken in blocks whose partial results stay in the first-level cache; blocks merge in a binary tree, and
/// many rows are shared out by segments of blocks. A column's tree depends on the extents of the reduced axes, not on the
/// other columns.</remarks>
internal static unsafe class ColumnReducer<TIn, TPartial, TOut, TReduction>
    where TIn : unmanaged
    where TPartial : unmanaged
    where TOut : unmanaged
    where TReduction : IReduction<TIn, TPartial, TOut>
{
    private const int BlockRows = 128;
    private const int SegmentRows = 1024;

    // Columns per tile; fewer where they must be gathered side by side first.
    private const int Width = 512, GatheredWidth = 64;

    public static void Run(in ReduceGeometry g, TIn* x, TOut* y, double p, double nanosecondsPerEntry)
    {
        var plan = new Plan(g);
        var rowsPerTile = Math.Min(g.EntriesPerResult, plan.BlocksPerSegment * Math.Min(BlockRows, g.Reduced.Extent));
        var cost = (double)rowsPerTile * plan.ColumnsPerTile * nanosecondsPerEntry;
        if (plan.Segments == 1)
        {
            var body = new Tiles(g, plan, x, y, null, p);
            WorkerPool.For(plan.Tiles, cost, ref body);
            return;
        }

        using var partials = new Scratch<TPartial>(plan.Tiles * plan.PartialLength);
        var segments = new Tiles(g, plan, x, y, partials.Pointer, p);
        WorkerPool.For(plan.Tiles, cost, ref segments);
        var merge = new MergeTiles(g, plan, y, partials.Pointer, p);
        WorkerPool.For(plan.Tiles / plan.Segments, plan.Segments * plan.ColumnsPerTile * 0.5, ref merge);
    }

    /// <summary>Tile = (line of the kept axes, piece of the columns, segment of the row blocks), the last fastest.</summary>
    private readonly struct Plan
    {
        public readonly int ColumnsPerTile, PiecesPerLine;
        public readonly long BlocksPerRun, Blocks, BlocksPerSegment, Segments, Tiles;

        public Plan(in ReduceGeometry g)
        {
            ColumnsPerTile = Math.Min(g.Columns.Extent, g.Columns.A == 1 ? Width : GatheredWidth);
            PiecesPerLine = (g.Columns.Extent + ColumnsPerTile - 1) / ColumnsPerTile;
            BlocksPerRun = (g.Reduced.Extent + BlockRows - 1) / BlockRows;
            Blocks = BlocksPerRun * g.ReducedOuter.Count;
            BlocksPerSegment = SegmentRows / BlockRows;
            while (BlocksPerSegment * Math.Min(BlockRows, g.Reduced.Extent) < SegmentRows) BlocksPerSegment *= 2;
            Segments = (Blocks + BlocksPerSegment - 1) / BlocksPerSegment;
            Tiles = g.Kept.Count * PiecesPerLine * Segments;
        }

        public int PartialLength => TReduction.Planes * ColumnsPerTile;

        public (long Line, int Start, int Count, long Segment) Locate(long tile, in ReduceGeometry g)
        {
            (tile, var segment) = Math.DivRem(tile, Segments);
            (var line, var piece) = Math.DivRem(tile, PiecesPerLine);
            var start = (int)piece * ColumnsPerTile;
            return (line, start, Math.Min(ColumnsPerTile, g.Columns.Extent - start), segment);
        }

        /// <summary>The first row of a block and how many it has.</summary>
        public (long Outer, long Inner, int Rows) LocateBlock(long block, in ReduceGeometry g)
        {
            var (outer, at) = Math.DivRem(block, BlocksPerRun);
            return (outer, at * BlockRows, (int)Math.Min(BlockRows, g.Reduced.Extent - at * BlockRows));
        }

        public long RowsOfSegment(long segment, in ReduceGeometry g) => RowsBefore((segment + 1) * BlocksPerSegment, g) - RowsBefore(segment * BlocksPerSegment, g);

        private long RowsBefore(long block, in ReduceGeometry g)
        {
            var (outer, at) = Math.DivRem(Math.Min(block, Blocks), BlocksPerRun);
            return outer * g.Reduced.Extent + Math.Min(at * BlockRows, g.Reduced.Extent);
        }
    }

    private static void Finish(in ReduceGeometry g, TPartial* total, int columns, int planeStride, double p, TOut* y)
    {
        if (g.Columns.B == 1)
        {
            TReduction.Finish(total, g.EntriesPerResult, p, columns, planeStride, y);
            return;
        }

        var results = stackalloc TOut[columns];
        TReduction.Finish(total, g.EntriesPerResult, p, columns, planeStride, results);
        for (var c = 0; c < columns; c++) y[c * g.Columns.B] = results[c];
    }

    private readonly struct Tiles(ReduceGeometry g, Plan plan, TIn* x, TOut* y, TPartial* partials, double p) : ITiles
    {
        private readonly ReduceGeometry _g = g;

        [SkipLocalsInit]
        public void Run(long tile)
        {
            var (line, start, columns, segment) = plan.Locate(tile, _g);
            var (xAt, yAt, _) = _g.Kept.Locate(line);
            var from = x + xAt + start * _g.Columns.A;
            var firstBlock = segment * plan.BlocksPerSegment;
            var blocks = Math.Min(plan.BlocksPerSegment, plan.Blocks - firstBlock);

            using var stack = new Scratch<TPartial>(
                Cascade<TIn, TPartial, TOut, TReduction>.Depth(blocks) * TReduction.Planes * columns);
            var gathered = stackalloc TIn[_g.Columns.A == 1 ? 0 : BlockRows * GatheredWidth];
            var cascade = new Cascade<TIn, TPartial, TOut, TReduction>(stack.Pointer, columns, columns);
            for (var block = firstBlock; block < firstBlock + blocks; block++)
            {
                var (outer, inner, rows) = plan.LocateBlock(block, _g);
                var rowStride = _g.Reduced.A;
                var corner = from + _g.ReducedOuter.Locate(outer).A + inner * rowStride;
                if (_g.Columns.A != 1)
                {
                    Gather(corner, rowStride, _g.Columns.A, rows, columns, gathered);
                    corner = gathered;
                    rowStride = columns;
                }

                TReduction.Columns(corner, rowStride, rows, columns, cascade.Next, columns);
                cascade.Push(rows);
            }

            var total = cascade.Close();
            if (partials is null) Finish(_g, total, columns, columns, p, y + yAt + start * _g.Columns.B);
            else new ReadOnlySpan<TPartial>(total, TReduction.Planes * columns).CopyTo(
                new Span<TPartial>(partials + tile * plan.PartialLength, plan.PartialLength));
        }

        private static void Gather(TIn* from, long rowStride, long columnStride, int rows, int columns, TIn* to)
        {
            for (var r = 0; r < rows; r++, from += rowStride)
                for (var c = 0; c < columns; c++) *to++ = from[c * columnStride];
        }
    }

    private readonly struct MergeTiles(ReduceGeometry g, Plan plan, TOut* y, TPartial* partials, double p) : ITiles
    {
        private readonly ReduceGeometry _g = g;

        public void Run(long tile)
        {
            var (line, start, columns, _) = plan.Locate(tile * plan.Segments, _g);
            var size = TReduction.Planes * columns;
            using var stack = new Scratch<TPartial>(Cascade<TIn, TPartial, TOut, TReduction>.Depth(plan.Segments) * size);
            var cascade = new Cascade<TIn, TPartial, TOut, TReduction>(stack.Pointer, columns, columns);
            for (long s = 0; s < plan.Segments; s++)
            {
                var partial = partials + (tile * plan.Segments + s) * plan.PartialLength;
                new ReadOnlySpan<TPartial>(partial, size).CopyTo(new Span<TPartial>(cascade.Next, size));
                cascade.Push(plan.RowsOfSegment(s, _g));
            }

            Finish(_g, cascade.Close(), columns, columns, p, y + _g.Kept.Locate(line).B + start * _g.Columns.B);
        }
    }
}
