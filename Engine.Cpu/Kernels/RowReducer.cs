using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Reduces slices whose entries lie (nearly) side by side: lanes along the slice.</summary>
/// <remarks>A slice is cut into blocks that stay in the first-level cache, blocks merge in a binary tree, and a long slice is
/// shared out by segments of whole subtrees. Entries that do not lie side by side are gathered block by block, so there is
/// one way through the arithmetic.</remarks>
internal static unsafe class RowReducer<TIn, TPartial, TOut, TReduction>
    where TIn : unmanaged
    where TPartial : unmanaged
    where TOut : unmanaged
    where TReduction : IReduction<TIn, TPartial, TOut>
{
    private const int Block = 2048;
    private const int Segment = 32 * Block;
    private const int MaxLinesPerTile = 1024;

    public static void Run(in ReduceGeometry g, TIn* x, TOut* y, double p, double nanosecondsPerEntry)
    {
        var n = g.EntriesPerResult;
        if (n <= Segment)
        {
            var lines = new LineTiles(g.Kept.Count, (int)n, Math.Min(Segment, MaxLinesPerTile * (int)n), splitLines: false);
            var body = new SliceTiles(g, lines, x, y, p);
            WorkerPool.For(lines.Count, lines.Elements * nanosecondsPerEntry, ref body);
            return;
        }

        var segments = (n + Segment - 1) / Segment;
        using var partials = new Scratch<TPartial>(g.Kept.Count * segments * TReduction.Planes);
        var tiles = new SegmentTiles(g, segments, x, partials.Pointer);
        WorkerPool.For(g.Kept.Count * segments, Segment * nanosecondsPerEntry, ref tiles);
        for (long line = 0; line < g.Kept.Count; line++)
            MergeSegments(partials.Pointer + line * segments * TReduction.Planes, segments, n, p, y + line);
    }

    private static void MergeSegments(TPartial* partials, long segments, long n, double p, TOut* y)
    {
        var depth = Cascade<TIn, TPartial, TOut, TReduction>.Depth(segments);
        var stack = stackalloc TPartial[depth * TReduction.Planes];
        var cascade = new Cascade<TIn, TPartial, TOut, TReduction>(stack, 1, 1);
        for (long s = 0; s < segments; s++)
        {
            for (var plane = 0; plane < TReduction.Planes; plane++) cascade.Next[plane] = partials[s * TReduction.Planes + plane];
            cascade.Push(Math.Min(Segment, n - s * Segment));
        }

        TReduction.Finish(cascade.Close(), n, p, 1, 1, y);
    }

    /// <summary>The partial result of the entries [start, end) of the slice at x.</summary>
    [SkipLocalsInit]
    private static void ReduceSpan(in ReduceGeometry g, TIn* x, long start, long end, TPartial* result, int planeStride)
    {
        const int MaxDepth = 8; // of a segment's blocks
        const int MaxPlanes = 5;
        var gathered = stackalloc TIn[g.Reduced.A == 1 && g.ReducedOuter.Count == 1 ? 0 : Block];
        if (end - start <= Block)
        {
            TReduction.Row(Entries(g, x, start, (int)(end - start), gathered), (int)(end - start), result, planeStride);
            return;
        }

        var stack = stackalloc TPartial[MaxDepth * MaxPlanes];
        var cascade = new Cascade<TIn, TPartial, TOut, TReduction>(stack, 1, 1);
        for (var at = start; at < end; at += Block)
        {
            var count = (int)Math.Min(Block, end - at);
            TReduction.Row(Entries(g, x, at, count, gathered), count, cascade.Next, 1);
            cascade.Push(count);
        }

        var total = cascade.Close();
        for (var plane = 0; plane < TReduction.Planes; plane++) result[plane * planeStride] = total[plane];
    }

    /// <summary>The entries [start, start + count) of a slice side by side: in place, or gathered.</summary>
    private static TIn* Entries(in ReduceGeometry g, TIn* x, long start, int count, TIn* gathered)
    {
        var (outer, inner) = g.ReducedOuter.Count == 1 ? (0, start) : Math.DivRem(start, g.Reduced.Extent);
        if (g.Reduced.A == 1 && inner + count <= g.Reduced.Extent) return x + g.ReducedOuter.Locate(outer).A + inner;
        for (var done = 0; done < count; outer++, inner = 0)
        {
            var from = x + g.ReducedOuter.Locate(outer).A + inner * g.Reduced.A;
            var length = (int)Math.Min(count - done, g.Reduced.Extent - inner);
            var to = gathered + done;
            done += length;
            if (g.Reduced.A == 1) new ReadOnlySpan<TIn>(from, length).CopyTo(new Span<TIn>(to, length));
            else for (var i = 0; i < length; i++, from += g.Reduced.A) to[i] = *from;
        }

        return gathered;
    }

    private readonly struct SliceTiles(ReduceGeometry g, LineTiles lines, TIn* x, TOut* y, double p) : ITiles
    {
        private readonly ReduceGeometry _g = g;

        [SkipLocalsInit]
        public void Run(long tile)
        {
            var (first, end, _, n) = lines[tile];
            var count = (int)(end - first);
            var partials = stackalloc TPartial[count * TReduction.Planes];
            if (n <= Block && _g.Reduced.A == 1 && _g.ReducedOuter.Count == 1)
                for (var line = 0; line < count; line++) TReduction.Row(x + _g.Kept.Locate(first + line).A, n, partials + line, count);
            else
                for (var line = 0; line < count; line++) ReduceSpan(_g, x + _g.Kept.Locate(first + line).A, 0, n, partials + line, count);
            TReduction.Finish(partials, n, p, count, count, y + first);
        }
    }

    private readonly struct SegmentTiles(ReduceGeometry g, long segments, TIn* x, TPartial* partials) : ITiles
    {
        private readonly ReduceGeometry _g = g;

        public void Run(long tile)
        {
            var (line, segment) = Math.DivRem(tile, segments);
            var start = segment * Segment;
            ReduceSpan(_g, x + _g.Kept.Locate(line).A, start, Math.Min(_g.EntriesPerResult, start + Segment),
                partials + tile * TReduction.Planes, 1);
        }
    }
}
