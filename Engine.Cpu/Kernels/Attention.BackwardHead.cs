using System.Numerics;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>The work of the backward pass on one key-value head of one batch row.</summary>
internal unsafe struct AttentionBackwardHead<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Keys = AttentionKeys<V, T>.Count;
    private const int ScorePitch = AttentionRows<V, T>.ScorePitch;

    // Rows whose weights are held at a time: with a tile of keys of width 64 they fill three quarters of a second-level cache of 1 MB.
    private const int Strips = 12;

    public AttentionProblem<T>* Problem;
    public AttentionGradients<T>* Gradients;
    public int Batch, KeyHead;

    /// <summary>Per row: its log-sum-exp, and δ minus the cotangent of the log-sum-exp (both 0 for rows that saw nothing).</summary>
    public T* Shifts, Offsets;

    /// <summary>The first row that this tile of keys, and the one before it, has not done with yet; null: nobody waits, or there is nobody to wait for.</summary>
    public int* Reached, ReachedBefore;

    private int _width, _valueWidth, _most;
    private AttentionRows<V, T> _rows;

    // Distance of neighbouring rows of dq where they are whole registers equally far apart: then they are summed in place. Otherwise 0.
    private nint _queryPitch;

    private T* _masks, _constants;

    // The tile of keys and values as columns, and of keys times the scale as rows.
    private T* _keyColumns, _valueColumns, _keyRows;

    // dk and dv of the tile.
    private T* _keySums, _valueSums;

    // For some rows: weights, dS and cotangents of the output. dq of a strip.
    private T* _weights, _slopes, _cotangents, _querySums;

    private static int MaxRows => MatMulTile<V, T>.MaxRows;

    private static int Panel => AttentionKeys<V, T>.Panel;

    /// <summary>Some tiles of keys, in order.</summary>
    public void Run(int firstTile, int tiles)
    {
        var p = Problem;
        _width = Registers.Whole<V, T>(p->Width);
        _valueWidth = Registers.Whole<V, T>(p->ValueWidth);
        if (_width == p->Width) _queryPitch = p->Sharing == 1 ? (nint)p->Heads * _width : p->KeyHeads == 1 ? _width : 0;
        _most = Math.Min(Strips * MaxRows, p->Rows);
        var columns = Registers.Whole<V, T>((int)AttentionKeys<V, T>.ColumnsSize(p->Width));
        var valueColumns = Registers.Whole<V, T>((int)AttentionKeys<V, T>.ColumnsSize(p->ValueWidth));
        using var scratch = new Scratch<T>(AttentionKeys<V, T>.BufferSize + AttentionWeights<V, T>.ConstantsSize + columns + valueColumns
            + (long)Keys * (2 * _width + _valueWidth) + (long)_most * (2 * ScorePitch + _valueWidth) + (long)MaxRows * _width
            + AttentionRows<V, T>.BufferSize(p, _most, _width));
        _masks = scratch.Pointer;
        _constants = _masks + AttentionKeys<V, T>.BufferSize;
        _keyColumns = _constants + AttentionWeights<V, T>.ConstantsSize;
        _valueColumns = _keyColumns + columns;
        _keyRows = _valueColumns + valueColumns;
        _keySums = _keyRows + (nint)Keys * _width;
        _valueSums = _keySums + (nint)Keys * _width;
        _weights = _valueSums + (nint)Keys * _valueWidth;
        _slopes = _weights + (nint)_most * ScorePitch;
        _cotangents = _slopes + (nint)_most * ScorePitch;
        _querySums = _cotangents + (nint)_most * _valueWidth;
        AttentionWeights<V, T>.LayConstants(_constants);
        _rows = new AttentionRows<V, T> { Problem = p, Batch = Batch, KeyHead = KeyHead, Pitch = _width };
        _rows.Prepare(_querySums + (nint)MaxRows * _width);
        for (var tile = firstTile; tile < firstTile + tiles; tile++) RunTile(tile * Keys, Math.Min((tile + 1) * Keys, p->Keys));
    }

    /// <summary>Waits until the tile of keys before this one is past a row.</summary>
    public readonly void WaitFor(int row)
    {
        if (ReachedBefore == null) return;
        var spin = new SpinWait();
        while (Volatile.Read(ref *ReachedBefore) < row) spin.SpinOnce(sleep1Threshold: -1);
    }

    private void RunTile(int first, int end)
    {
        var p = Problem;
        new Span<T>(_keySums, Keys * _width).Clear();
        new Span<T>(_valueSums, Keys * _valueWidth).Clear();
        var keys = new AttentionKeys<V, T>();
        var endRow = EndRow(end);
        if (keys.MoveTo(p, Batch, first, end, _masks) && FirstRow(first) < endRow)
        {
            keys.LayColumns(p->K, Batch, KeyHead, p->Width, _keyColumns);
            keys.LayColumns(p->V, Batch, KeyHead, p->ValueWidth, _valueColumns);
            var finite = keys.LayRows(p->K, Batch, KeyHead, p->Width, p->Spec.Scale, _keyRows);
            for (var row = FirstRow(first); row < endRow; row += _most)
            {
                _rows.Row = row;
                _rows.Rows = Math.Min(_most, endRow - row);
                WaitFor(row + _rows.Rows);
                for (var strip = 0; strip < _rows.Rows; strip += MaxRows)
                {
                    var count = Math.Min(MaxRows, _rows.Rows - strip);
                    LoadRows(strip, count);
                    RunStrip(strip, count, keys, finite, Math.Min(MaxRows, endRow - (row + strip + count)));
                }

                if (Reached != null) Volatile.Write(ref *Reached, row + _rows.Rows);
                SumOverRows(keys);
            }
        }

        for (var j = first; j < end; j++)
        {
            var place = ((nint)Batch * p->Keys + j) * p->KeyHeads + KeyHead;
            Copy(_keySums + (nint)(j - first) * _width, Gradients->K + place * p->Width, p->Width);
            Copy(_valueSums + (nint)(j - first) * _valueWidth, Gradients->V + place * p->ValueWidth, p->ValueWidth);
        }
    }

    /// <summary>The first row that may see keys from <paramref name="key"/> on.</summary>
    private readonly int FirstRow(int key) => !Problem->Spec.Causal ? 0
        : (int)Math.Clamp(((long)key - Problem->Spec.QueryOffset) * Problem->Sharing, 0, Problem->Rows);

    /// <summary>One past the last row that may see keys before <paramref name="end"/>.</summary>
    private readonly int EndRow(int end) => Problem->Spec.Window <= 0 ? Problem->Rows
        : (int)Math.Clamp(((long)end - 1 + Problem->Spec.Window - Problem->Spec.QueryOffset) * Problem->Sharing, 0, Problem->Rows);

    private static void Copy(T* from, T* to, int width)
    {
        for (var x = 0; x < width; x += V.Count) V.StorePartial(V.Load(from + x), to + x, Math.Min(V.Count, width - x));
    }

    private readonly T* Cotangent(int row) =>
        Gradients->Output.At(Batch, row / Problem->Sharing, KeyHead * Problem->Sharing + row % Problem->Sharing);

    /// <summary>Copies queries (times the scale) and cotangents of a strip; zeros for rows that saw nothing.</summary>
    private readonly void LoadRows(int strip, int rows)
    {
        var p = Problem;
        _rows.LoadQueries(strip, rows);
        for (var r = strip; r < strip + rows; r++)
        {
            var row = _rows.Row + r;
            var to = _cotangents + (nint)r * _valueWidth;
            if (p->SawNothing(p->Place(Batch, KeyHead, row)))
            {
                new Span<T>(to, _valueWidth).Clear();
                new Span<T>(_rows.Queries + (nint)r * _width, _width).Clear();
                continue;
            }

            var from = Cotangent(row);
            for (var x = 0; x < _valueWidth; x += V.Count)
                V.Store(V.LoadPartial(from + x, Math.Min(V.Count, p->ValueWidth - x)), to + x);
        }
    }

    /// <summary>Weights and dS of a strip, and its share of dq. Asks for what the next strip reads, in turns: all at once would have to
    /// wait for one another.</summary>
    private readonly void RunStrip(int strip, int rows, in AttentionKeys<V, T> keys, bool finite, int nextRows)
    {
        var p = Problem;
        int row = _rows.Row + strip, next = row + rows;
        for (var r = next; r < next + nextRows; r++) CacheHint.Prefetch(p->Query(Batch, KeyHead, r), p->Width * sizeof(T));
        T* weights = _weights + (nint)strip * ScorePitch, slopes = _slopes + (nint)strip * ScorePitch;
        var span = _rows.Score(strip, rows, keys, _keyColumns, weights);
        for (var r = next; r < next + nextRows; r++) CacheHint.Prefetch(Cotangent(r), p->ValueWidth * sizeof(T));
        for (var x = span.First; x < span.End; x += Panel)
        {
            MatMulTile<V, T>.Run(rows, span.End - x > V.Count ? 2 : 1, _cotangents + (nint)strip * _valueWidth, _valueWidth, 1,
                _valueColumns + (nint)x * p->ValueWidth, Panel, slopes + x, ScorePitch, p->ValueWidth, false);
        }

        for (var r = 0; r < rows; r++)
        {
            new Span<T>(weights + r * ScorePitch, span.First).Clear();
            new Span<T>(weights + r * ScorePitch + span.End, Keys - span.End).Clear();
            new Span<T>(slopes + r * ScorePitch, span.First).Clear();
            new Span<T>(slopes + r * ScorePitch + span.End, Keys - span.End).Clear();
        }

        for (var r = next; r < next + nextRows; r++)
            CacheHint.Prefetch(Gradients->Q + p->Place(Batch, KeyHead, r) * p->Width, p->Width * sizeof(T));
        if (span.IsEmpty) return;
        AttentionWeights<V, T>.RunWithSlopes(weights, slopes, rows, span.First, span.End, Shifts + row, Offsets + row, _constants);
        if (_queryPitch > 0)
        {
            var sums = Gradients->Q + p->Place(Batch, KeyHead, row) * p->Width;
            AttentionRows<V, T>.Accumulate(slopes, rows, span, span.Masked && !finite, _keyRows, _width, _width, sums, _queryPitch);
            return;
        }

        for (var r = 0; r < rows; r++)
        {
            var from = Gradients->Q + p->Place(Batch, KeyHead, row + r) * p->Width;
            for (var x = 0; x < p->Width; x += V.Count)
                V.Store(V.LoadPartial(from + x, Math.Min(V.Count, p->Width - x)), _querySums + (nint)r * _width + x);
        }

        AttentionRows<V, T>.Accumulate(slopes, rows, span, span.Masked && !finite, _keyRows, _width, _width, _querySums, _width);
        for (var r = 0; r < rows; r++)
            Copy(_querySums + (nint)r * _width, Gradients->Q + p->Place(Batch, KeyHead, row + r) * p->Width, p->Width);
    }

    /// <summary>dv += Pᵀ dout and dk += dSᵀ (scale q), strips of keys by the rows that may see them.</summary>
    private readonly void SumOverRows(in AttentionKeys<V, T> keys)
    {
        // Strips of equal height (to one key): a short last one would run at a fraction of the speed.
        var all = keys.End - keys.Start;
        var strips = (all + MaxRows - 1) / MaxRows;
        for (var strip = 0; strip < strips; strip++)
        {
            var key = all * strip / strips;
            var count = all * (strip + 1) / strips - key;
            var skip = Math.Max(0, FirstRow(keys.Start + key) - _rows.Row);
            var rows = Math.Min(_rows.Rows, EndRow(keys.Start + key + count) - _rows.Row) - skip;
            if (rows <= 0) continue;
            var at = (nint)skip * ScorePitch + key;
            Sum(_weights + at, count, _cotangents + (nint)skip * _valueWidth, _valueWidth, _valueSums + (nint)key * _valueWidth, rows);
            Sum(_slopes + at, count, _rows.Queries + (nint)skip * _width, _width, _keySums + (nint)key * _width, rows);
        }
    }

    private static void Sum(T* weights, int keys, T* vectors, int width, T* sums, int rows)
    {
        for (var x = 0; x < width; x += Panel)
            MatMulTile<V, T>.Run(keys, width - x > V.Count ? 2 : 1, weights, 1, ScorePitch, vectors + x, width, sums + x, width, rows, true);
    }
}
