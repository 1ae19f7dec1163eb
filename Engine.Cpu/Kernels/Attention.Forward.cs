using System.Numerics;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Attention by tiles with a running maximum (Milakov and Gimelshein 2018; Dao et al. 2022).</summary>
/// <remarks>
/// <para>A thread takes some rows of one key-value head, all query heads of the group among them, and goes over the keys
/// tile by tile. A strip of rows (as many as a register tile has) forms its scores, turns them into weights in the
/// first-level cache and adds the weighted values; tiles and panels that no row of the strip may see are skipped.</para>
/// <para>A row's result has the same bits whatever rows are computed beside it and whatever lies at keys it must not
/// see: key tiles have fixed borders, scores and sums over values are the chains of <see cref="MatMulTile{V,T}"/>, weights are
/// summed lane by lane in the order of the columns, and hidden keys add exact zeros, or nothing where a value is not
/// finite.</para>
/// </remarks>
internal unsafe struct AttentionForward<V, T> : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Keys = AttentionKeys<V, T>.Count;
    private const int ScorePitch = AttentionRows<V, T>.ScorePitch;

    // Rows for which a tile of keys is laid out once: enough to hide the cost of that.
    private const int MostStrips = 64;
    private const int FewestStrips = 4;

    private AttentionProblem<T>* _problem;
    private int _blockRows, _blocks;

    private static int MaxRows => MatMulTile<V, T>.MaxRows;

    /// <summary>Runs the whole problem.</summary>
    public static void Run(AttentionProblem<T>* p)
    {
        var heads = (long)p->Batch * p->KeyHeads;
        if (heads * p->Rows == 0) return;

        // The cut into blocks does not show in the result, so it may depend on the number of threads.
        var wanted = WorkerPool.Threads == 1 ? 1 : (4 * WorkerPool.Threads + heads - 1) / heads;
        var strips = (int)Math.Clamp(p->Rows / (wanted * MaxRows), FewestStrips, MostStrips);
        // Blocks of equal height, to one strip: else threads would wait for the one with the largest.
        var blocks = (p->Rows + strips * MaxRows - 1) / (strips * MaxRows);
        strips = (p->Rows + blocks * MaxRows - 1) / (blocks * MaxRows);
        var body = new AttentionForward<V, T> { _problem = p, _blockRows = strips * MaxRows };
        body._blocks = (p->Rows + body._blockRows - 1) / body._blockRows;
        var tiles = heads * body._blocks;
        var work = p->Pairs * (2.0 * (p->Width + p->ValueWidth) / (sizeof(T) == 4 ? 60 : 30) + 0.2);
        WorkerPool.For(tiles, work / tiles + 500, ref body);
    }

    /// <summary>One block of rows; under causality the late ones, which take longest, go first.</summary>
    public readonly void Run(long tile)
    {
        var p = _problem;
        var head = tile / _blocks;
        var block = _blocks - 1 - (int)(tile % _blocks);
        var rows = new AttentionRows<V, T>
        {
            Problem = p, Batch = (int)(head / p->KeyHeads), KeyHead = (int)(head % p->KeyHeads),
            Row = block * _blockRows, Rows = Math.Min(_blockRows, p->Rows - block * _blockRows), Pitch = p->Width,
        };
        var padded = Registers.Whole<V, T>(rows.Rows);
        var valuePitch = Registers.Whole<V, T>(p->ValueWidth);
        // A single strip reads each value once: in place, when its rows are whole registers.
        var inPlace = rows.Rows <= MaxRows && p->ValueWidth == valuePitch;
        var queries = AttentionRows<V, T>.BufferSize(p, rows.Rows, rows.Pitch) + V.Count;
        var columns = AttentionKeys<V, T>.ColumnsSize(p->Width);
        using var scratch = new Scratch<T>(AttentionKeys<V, T>.BufferSize + MaxRows * ScorePitch + 2 * padded + Registers.Whole<V, T>(3 * MaxRows)
            + AttentionWeights<V, T>.ConstantsSize + (long)rows.Rows * valuePitch
            + queries + columns + (inPlace ? 0 : (long)Keys * valuePitch));
        var masks = scratch.Pointer;
        var scores = masks + AttentionKeys<V, T>.BufferSize;
        var maxima = scores + MaxRows * ScorePitch;
        var totals = maxima + padded;
        var fresh = totals + padded;
        var constants = fresh + Registers.Whole<V, T>(3 * MaxRows);
        var sums = constants + AttentionWeights<V, T>.ConstantsSize;
        AttentionWeights<V, T>.LayConstants(constants);
        var keyColumns = sums + (nint)rows.Rows * valuePitch;
        var valueRows = keyColumns + columns;
        rows.Prepare(inPlace ? valueRows : valueRows + (nint)Keys * valuePitch);
        new Span<T>(maxima, padded).Fill(T.NegativeInfinity);
        new Span<T>(totals, padded).Clear();
        new Span<T>(sums, rows.Rows * valuePitch).Clear();

        var first = p->FirstKey(rows.Row);
        var end = p->EndKey(rows.Row + rows.Rows - 1);
        var keys = new AttentionKeys<V, T>();
        var loaded = false;
        for (var j = first; j < end; j = (j / Keys + 1) * Keys)
        {
            if (!keys.MoveTo(p, rows.Batch, j, Math.Min(end, (j / Keys + 1) * Keys), masks)) continue;
            keys.LayColumns(p->K, rows.Batch, rows.KeyHead, p->Width, keyColumns);
            var values = inPlace ? p->V.At(rows.Batch, keys.Start, rows.KeyHead) : valueRows;
            var pitch = inPlace ? p->V.Position : valuePitch;
            var finite = !inPlace && keys.LayRows(p->V, rows.Batch, rows.KeyHead, p->ValueWidth, 1, valueRows);
            // The next tile is asked for piece by piece: all at once would have to wait for one another. With few strips there is too
            // little to do in the meantime.
            var next = keys.Start + Keys;
            var piece = rows.Rows < FewestStrips * MaxRows ? 0 : (Keys * MaxRows + rows.Rows - 1) / rows.Rows;
            for (var strip = 0; strip < rows.Rows; strip += MaxRows)
            {
                var count = Math.Min(MaxRows, rows.Rows - strip);
                if (!loaded) rows.LoadQueries(strip, count);
                var nextEnd = Math.Min(end, next + piece);
                p->K.Prefetch(rows.Batch, next, nextEnd, rows.KeyHead, p->Width);
                var span = rows.Score(strip, count, keys, keyColumns, scores);
                p->V.Prefetch(rows.Batch, next, nextEnd, rows.KeyHead, p->ValueWidth);
                next = Math.Max(next, nextEnd);
                if (!loaded) rows.PrefetchQueries(strip + count, Math.Min(MaxRows, rows.Rows - strip - count));
                if (j + Keys >= end) rows.PrefetchOutputs(strip, count);
                if (span.IsEmpty) continue;
                var stripSums = sums + (nint)strip * valuePitch;
                Weigh(scores, count, span, maxima + strip, totals + strip, fresh, stripSums, valuePitch, constants);
                AttentionRows<V, T>.Accumulate(scores, count, span, span.Masked && !finite, values, pitch, valuePitch, stripSums, valuePitch);
            }

            loaded = true;
        }

        Finish(rows, maxima, totals, sums, valuePitch);
    }

    /// <summary>Scores into weights exp(s - m) with the maximum m so far; totals and sums so far are brought to it
    /// (equation 7 of the page). <paramref name="fresh"/>: room for three numbers per row.</summary>
    private static void Weigh(T* scores, int rows, in AttentionSpan span, T* maxima, T* totals, T* fresh, T* sums, int pitch, T* constants)
    {
        // Maxima of all rows first: their chains of dependent steps overlap. A score that is NaN may be passed over here;
        // its weight is NaN all the same.
        var s = scores;
        for (var r = 0; r < rows; r++, s += ScorePitch)
        {
            V left = V.Splat(maxima[r]), right = left;
            var x = span.First;
            for (; x + V.Count < span.End; x += 2 * V.Count)
            {
                left = V.MaxNative(left, V.Load(s + x));
                right = V.MaxNative(right, V.Load(s + x + V.Count));
            }

            if (x < span.End) left = V.MaxNative(left, V.Load(s + x));
            fresh[r] = V.MaxLane(V.MaxNative(left, right));
        }

        // As long as nothing was visible the maximum is -∞; shifting by 0 then leaves exp(-∞) = 0.
        T* shifts = fresh + MaxRows, added = shifts + MaxRows;
        for (var r = 0; r < rows; r++) shifts[r] = T.IsNegativeInfinity(fresh[r]) ? T.Zero : fresh[r];
        AttentionWeights<V, T>.Run(scores, rows, span.First, span.End, shifts, added, constants);
        for (var r = 0; r < rows; r += V.Count)
        {
            var n = Math.Min(V.Count, rows - r);
            var factor = LaneMath.Exp<V, T>(V.LoadPartial(maxima + r, n) - V.LoadPartial(shifts + r, n));
            V.StorePartial(V.MultiplyAdd(V.LoadPartial(totals + r, n), factor, V.LoadPartial(added + r, n)), totals + r, n);
            V.StorePartial(factor, shifts + r, n);
        }

        for (var r = 0; r < rows; r++, sums += pitch)
        {
            // Before anything was visible there is nothing to rescale.
            if (fresh[r] == maxima[r]) continue;
            var seen = !T.IsNegativeInfinity(maxima[r]);
            maxima[r] = fresh[r];
            if (!seen) continue;
            var factor = V.Splat(shifts[r]);
            for (var x = 0; x < pitch; x += V.Count) V.Store(V.Load(sums + x) * factor, sums + x);
        }
    }

    /// <summary>out = sums / total, lse = m + log total; both right for rows that saw nothing (equation 8).</summary>
    private static void Finish(in AttentionRows<V, T> rows, T* maxima, T* totals, T* sums, int pitch)
    {
        var p = rows.Problem;
        for (var r = 0; r < rows.Rows; r += V.Count)
        {
            var total = V.Load(totals + r);
            V.Store(V.Load(maxima + r) + LaneMath.Log<V, T>(total), maxima + r);
            V.Store(V.Select(V.Equal(total, V.Zero), V.Const(1), total), totals + r);
        }

        for (var r = 0; r < rows.Rows; r++, sums += pitch)
        {
            var place = p->Place(rows.Batch, rows.KeyHead, rows.Row + r);
            p->LogSumExp[place] = maxima[r];
            var to = p->Output + place * p->ValueWidth;
            var total = V.Splat(totals[r]);
            for (var x = 0; x < p->ValueWidth; x += V.Count)
                V.StorePartial(V.Load(sums + x) / total, to + x, Math.Min(V.Count, p->ValueWidth - x));
        }
    }
}
