using System.Numerics;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>What the backward pass of attention reads and writes beside the operands of the forward pass.</summary>
internal unsafe struct AttentionGradients<T> where T : unmanaged
{
    /// <summary>Cotangent of the output.</summary>
    public HeadVectors<T> Output;

    /// <summary>Cotangents of the log-sum-exps, vectors of one element; not given: zero.</summary>
    public HeadVectors<T> LogSumExp;

    /// <summary>Results, contiguous in the order of q, k and v.</summary>
    public T* Q, K, V;
}

/// <summary>Gradients of attention, weights formed again from the log-sum-exps tile by tile (Dao et al. 2022; equations 9
/// and 10 of the page).</summary>
/// <remarks>A thread takes a key-value head with all its query rows. Tile after tile of keys, it visits the rows that
/// see the tile in ascending order and sums dk and dv, one chain of fused multiply-adds over the rows of all heads of the
/// group; dq gets one partial sum per tile. Rows that saw nothing enter with weight and cotangent 0, whatever they
/// hold.</remarks>
internal unsafe struct AttentionBackward<V, T> : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Keys = AttentionKeys<V, T>.Count;
    private const int ScorePitch = AttentionRows<V, T>.ScorePitch;

    // Rows whose weights are held at a time.
    private const int Strips = 8;

    private AttentionProblem<T>* _problem;
    private AttentionGradients<T>* _gradients;

    private static int MaxRows => MatMulTile<V, T>.MaxRows;

    private static int Panel => AttentionKeys<V, T>.Panel;

    /// <summary>Runs the whole problem.</summary>
    public static void Run(AttentionProblem<T>* p, AttentionGradients<T>* gradients)
    {
        var body = new AttentionBackward<V, T> { _problem = p, _gradients = gradients };
        var tiles = (long)p->Batch * p->KeyHeads;
        var work = p->Pairs * (5.0 * (p->Width + p->ValueWidth) / (sizeof(T) == 4 ? 60 : 30) + 0.2);
        WorkerPool.For(tiles, work / Math.Max(tiles, 1) + 500, ref body);
    }

    /// <summary>One key-value head of one batch row.</summary>
    public readonly void Run(long tile)
    {
        var p = _problem;
        int width = Registers.Whole<V, T>(p->Width), valueWidth = Registers.Whole<V, T>(p->ValueWidth);
        var most = Math.Min(Strips * MaxRows, p->Rows);
        var padded = Registers.Whole<V, T>(p->Rows);
        var columns = Registers.Whole<V, T>((int)AttentionKeys<V, T>.ColumnsSize(p->Width));
        var valueColumns = Registers.Whole<V, T>((int)AttentionKeys<V, T>.ColumnsSize(p->ValueWidth));
        using var scratch = new Scratch<T>(AttentionKeys<V, T>.BufferSize + 2L * padded + columns + valueColumns
            + (long)Keys * (2 * width + valueWidth) + (long)most * (2 * ScorePitch + valueWidth) + (long)MaxRows * width
            + AttentionRows<V, T>.BufferSize(p, most, width));
        var head = new Head
        {
            Problem = p, Gradients = _gradients, Batch = (int)(tile / p->KeyHeads), KeyHead = (int)(tile % p->KeyHeads),
            Width = width, ValueWidth = valueWidth, Masks = scratch.Pointer,
        };
        head.LogSumExps = head.Masks + AttentionKeys<V, T>.BufferSize;
        head.Offsets = head.LogSumExps + padded;
        head.KeyColumns = head.Offsets + padded;
        head.ValueColumns = head.KeyColumns + columns;
        head.KeyRows = head.ValueColumns + valueColumns;
        head.KeySums = head.KeyRows + (nint)Keys * width;
        head.ValueSums = head.KeySums + (nint)Keys * width;
        head.Weights = head.ValueSums + (nint)Keys * valueWidth;
        head.Slopes = head.Weights + (nint)most * ScorePitch;
        head.Cotangents = head.Slopes + (nint)most * ScorePitch;
        head.QuerySums = head.Cotangents + (nint)most * valueWidth;
        head.Rows = new AttentionRows<V, T> { Problem = p, Batch = head.Batch, KeyHead = head.KeyHead, Pitch = width };
        head.Rows.Prepare(head.QuerySums + (nint)MaxRows * width);
        head.PrepareRows();
        for (var j = 0; j < p->Keys; j += Keys) head.RunTile(j, Math.Min(j + Keys, p->Keys), most);
    }

    /// <summary>The work on one key-value head.</summary>
    private struct Head
    {
        public AttentionProblem<T>* Problem;
        public AttentionGradients<T>* Gradients;
        public int Batch, KeyHead, Width, ValueWidth;
        public AttentionRows<V, T> Rows;

        public T* Masks;

        /// <summary>Per row: its log-sum-exp, and δ minus the cotangent of the log-sum-exp (0 for rows that saw nothing).</summary>
        public T* LogSumExps, Offsets;

        /// <summary>The tile of keys and values as columns, and of keys as rows.</summary>
        public T* KeyColumns, ValueColumns, KeyRows;

        /// <summary>dk and dv of the tile.</summary>
        public T* KeySums, ValueSums;

        /// <summary>For some rows: weights, dS and cotangents of the output. dq of a strip.</summary>
        public T* Weights, Slopes, Cotangents, QuerySums;

        private readonly bool SawNothing(int row) => T.IsNegativeInfinity(LogSumExps[row]);

        /// <summary>Equation 9's δ, and zeros into dq.</summary>
        public readonly void PrepareRows()
        {
            var p = Problem;
            for (var row = 0; row < p->Rows; row++)
            {
                var place = p->Place(Batch, KeyHead, row);
                int position = row / p->Sharing, head = KeyHead * p->Sharing + row % p->Sharing;
                LogSumExps[row] = p->LogSumExp[place];
                new Span<T>(Gradients->Q + place * p->Width, p->Width).Clear();
                Offsets[row] = T.Zero;
                if (SawNothing(row)) continue;
                var cotangent = Gradients->Output.At(Batch, position, head);
                var output = p->Output + place * p->ValueWidth;
                var sum = V.Zero;
                for (var x = 0; x < p->ValueWidth; x += V.Count)
                {
                    var n = Math.Min(V.Count, p->ValueWidth - x);
                    sum = V.MultiplyAdd(V.LoadPartial(cotangent + x, n), V.LoadPartial(output + x, n), sum);
                }

                Offsets[row] = V.Sum(sum);
                if (Gradients->LogSumExp.Start != null) Offsets[row] -= *Gradients->LogSumExp.At(Batch, position, head);
            }
        }

        public void RunTile(int first, int end, int most)
        {
            var p = Problem;
            new Span<T>(KeySums, Keys * Width).Clear();
            new Span<T>(ValueSums, Keys * ValueWidth).Clear();
            var keys = new AttentionKeys<V, T>();
            if (keys.MoveTo(p, Batch, first, end, Masks))
            {
                keys.LayColumns(p->K, Batch, KeyHead, p->Width, KeyColumns);
                keys.LayColumns(p->V, Batch, KeyHead, p->ValueWidth, ValueColumns);
                var finite = keys.LayRows(p->K, Batch, KeyHead, p->Width, KeyRows);
                var endRow = EndRow(end);
                for (var row = FirstRow(first); row < endRow; row += most)
                {
                    Rows.Row = row;
                    Rows.Rows = Math.Min(most, endRow - row);
                    LoadRows();
                    for (var strip = 0; strip < Rows.Rows; strip += MaxRows)
                        RunStrip(strip, Math.Min(MaxRows, Rows.Rows - strip), keys, finite);
                    SumOverRows(keys);
                }
            }

            for (var j = first; j < end; j++)
            {
                var place = ((nint)Batch * p->Keys + j) * p->KeyHeads + KeyHead;
                Copy(KeySums + (nint)(j - first) * Width, Gradients->K + place * p->Width, p->Width);
                Copy(ValueSums + (nint)(j - first) * ValueWidth, Gradients->V + place * p->ValueWidth, p->ValueWidth);
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

        /// <summary>Copies queries (times the scale) and cotangents; zeros for rows that saw nothing.</summary>
        private readonly void LoadRows()
        {
            var p = Problem;
            Rows.LoadQueries();
            for (var r = 0; r < Rows.Rows; r++)
            {
                var row = Rows.Row + r;
                var to = Cotangents + (nint)r * ValueWidth;
                if (SawNothing(row))
                {
                    new Span<T>(to, ValueWidth).Clear();
                    new Span<T>(Rows.Queries + (nint)r * Width, Width).Clear();
                    continue;
                }

                var from = Gradients->Output.At(Batch, row / p->Sharing, KeyHead * p->Sharing + row % p->Sharing);
                for (var x = 0; x < ValueWidth; x += V.Count)
                    V.Store(V.LoadPartial(from + x, Math.Min(V.Count, p->ValueWidth - x)), to + x);
            }
        }

        /// <summary>Weights and dS of a strip, and its share of dq.</summary>
        private readonly void RunStrip(int strip, int rows, in AttentionKeys<V, T> keys, bool finite)
        {
            var p = Problem;
            T* weights = Weights + (nint)strip * ScorePitch, slopes = Slopes + (nint)strip * ScorePitch;
            var span = Rows.Score(strip, rows, keys, KeyColumns, weights);
            for (var x = span.First; x < span.End; x += Panel)
                MatMulTile<V, T>.Run(rows, 2, Cotangents + (nint)strip * ValueWidth, ValueWidth, 1, ValueColumns + (nint)x * p->ValueWidth, Panel, slopes + x, ScorePitch, p->ValueWidth, false);
            for (var r = 0; r < rows; r++)
            {
                T* w = weights + r * ScorePitch, s = slopes + r * ScorePitch;
                var row = Rows.Row + strip + r;
                var shift = V.Splat(SawNothing(row) ? T.Zero : LogSumExps[row]);
                var offset = V.Splat(Offsets[row]);
                for (var x = 0; x < Keys; x += V.Count)
                {
                    if (x < span.First || x >= span.End)
                    {
                        V.Store(V.Zero, w + x);
                        V.Store(V.Zero, s + x);
                        continue;
                    }

                    // A weight of 0 stays without effect when the value behind it is not finite.
                    var weight = LaneMath.Exp<V, T>(V.Load(w + x) - shift);
                    V.Store(weight, w + x);
                    V.Store(V.AndNot(weight * (V.Load(s + x) - offset), V.Equal(weight, V.Zero)), s + x);
                }
            }

            if (span.IsEmpty) return;
            new Span<T>(QuerySums, rows * Width).Clear();
            AttentionRows<V, T>.Accumulate(slopes, rows, span, span.Masked && !finite, KeyRows, Width, Width, QuerySums, Width);
            var scale = V.Const(p->Spec.Scale);
            for (var r = 0; r < rows; r++)
            {
                var to = Gradients->Q + p->Place(Batch, KeyHead, Rows.Row + strip + r) * p->Width;
                for (var x = 0; x < p->Width; x += V.Count)
                {
                    var n = Math.Min(V.Count, p->Width - x);
                    V.StorePartial(V.MultiplyAdd(V.Load(QuerySums + (nint)r * Width + x), scale, V.LoadPartial(to + x, n)), to + x, n);
                }
            }
        }

        /// <summary>dv += Pᵀ dout and dk += dSᵀ (scale q), strips of keys by the rows that may see them.</summary>
        private readonly void SumOverRows(in AttentionKeys<V, T> keys)
        {
            for (var key = 0; key < keys.End - keys.Start; key += MaxRows)
            {
                var count = Math.Min(MaxRows, keys.End - keys.Start - key);
                var skip = Math.Max(0, FirstRow(keys.Start + key) - Rows.Row);
                var rows = Math.Min(Rows.Rows, EndRow(keys.Start + key + count) - Rows.Row) - skip;
                if (rows <= 0) continue;
                var at = (nint)skip * ScorePitch + key;
                Sum(Weights + at, count, Cotangents + (nint)skip * ValueWidth, ValueWidth, ValueSums + (nint)key * ValueWidth, rows);
                Sum(Slopes + at, count, Rows.Queries + (nint)skip * Width, Width, KeySums + (nint)key * Width, rows);
            }
        }

        private static void Sum(T* weights, int keys, T* vectors, int width, T* sums, int rows)
        {
            for (var x = 0; x < width; x += Panel)
                MatMulTile<V, T>.Run(keys, width - x > V.Count ? 2 : 1, weights, 1, ScorePitch, vectors + x, width, sums + x, width, rows, true);
        }
    }
}
