using System.Numerics;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>The query rows that one thread works on, and their scores against a tile of keys.</summary>
internal unsafe struct AttentionRows<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Keys = AttentionKeys<V, T>.Count;

    /// <summary>Distance of rows of scores; no power of two, so that a column of scores spreads over the cache.</summary>
    public const int ScorePitch = Keys + 16;

    public AttentionProblem<T>* Problem;

    public int Batch, KeyHead;

    /// <summary>The first row and how many.</summary>
    public int Row, Rows;

    /// <summary>Query vectors times the scale, rows <see cref="Pitch"/> apart.</summary>
    public T* Queries;

    public int Pitch;

    /// <summary>The numbers 0 … of the columns of a tile.</summary>
    public T* Iota;

    /// <summary>Minus the slope of the distance bias for each head of the group.</summary>
    public T* Slopes;

    /// <summary>Elements of memory for <see cref="Queries"/>, <see cref="Iota"/> and <see cref="Slopes"/>.</summary>
    public static long BufferSize(AttentionProblem<T>* p, int rows, int pitch) => Keys + Registers.Whole<V, T>(p->Sharing) + (long)rows * pitch;

    /// <summary>Fills what stays the same for all rows of a key-value head.</summary>
    /// <param name="buffer">Room for <see cref="BufferSize"/> elements.</param>
    public void Prepare(T* buffer)
    {
        Iota = buffer;
        Slopes = Iota + Keys;
        Queries = Slopes + Registers.Whole<V, T>(Problem->Sharing);
        for (var x = 0; x < Keys; x++) Iota[x] = T.CreateTruncating(x);
        for (var head = 0; Problem->Spec.Alibi && head < Problem->Sharing; head++)
            Slopes[head] = T.CreateTruncating(-Alibi.Slope(KeyHead * Problem->Sharing + head, Problem->Heads));
    }

    /// <summary>Copies the query vectors of a strip and multiplies them by the scale.</summary>
    public readonly void LoadQueries(int strip, int rows)
    {
        var p = Problem;
        var scale = V.Const(p->Spec.Scale);
        for (var r = strip; r < strip + rows; r++)
        {
            var from = p->Query(Batch, KeyHead, Row + r);
            var to = Queries + (nint)r * Pitch;
            for (var x = 0; x < p->Width; x += V.Count)
                V.StorePartial(V.LoadPartial(from + x, Math.Min(V.Count, p->Width - x)) * scale, to + x, Math.Min(V.Count, Pitch - x));
        }
    }

    /// <summary>Asks for the query vectors of some rows ahead of their use.</summary>
    public readonly void PrefetchQueries(int first, int rows)
    {
        for (var r = first; r < first + rows; r++) CacheHint.Prefetch(Problem->Query(Batch, KeyHead, Row + r), Problem->Width * sizeof(T));
    }

    /// <summary>Asks for the places of the outputs of some rows.</summary>
    public readonly void PrefetchOutputs(int first, int rows)
    {
        for (var r = first; r < first + rows; r++)
            CacheHint.Prefetch(Problem->Output + Problem->Place(Batch, KeyHead, Row + r) * Problem->ValueWidth, Problem->ValueWidth * sizeof(T));
    }

    /// <summary>Scores of a strip of rows, masked keys -∞, rows <see cref="ScorePitch"/> apart.</summary>
    /// <param name="strip">First row of the strip, counted from <see cref="Row"/>.</param>
    /// <param name="rows">How many, at most <see cref="MatMulTile{V,T}.MaxRows"/>.</param>
    /// <param name="keys">The tile.</param>
    /// <param name="columns">The tile's vectors as columns.</param>
    /// <param name="scores">The result, from <see cref="AttentionSpan.First"/> to <see cref="AttentionSpan.End"/>.</param>
    public readonly AttentionSpan Score(int strip, int rows, in AttentionKeys<V, T> keys, T* columns, T* scores)
    {
        var p = Problem;
        var panel = AttentionKeys<V, T>.Panel;
        var top = Row + strip;
        var first = Math.Max(keys.First, p->FirstKey(top));
        var end = Math.Min(keys.End, p->EndKey(top + rows - 1));
        if (first >= end) return default;

        var segments = SegmentsOf(top, rows, keys, out var hidden);
        if (hidden) return default;

        var span = new AttentionSpan { FirstKey = first - keys.Start, EndKey = end - keys.Start };
        span.First = span.FirstKey / panel * panel;
        span.End = Registers.Whole<V, T>(span.EndKey);
        // Rows see more keys, and later ones, the further down they are.
        span.Masked = segments || keys.Shown != null || p->FirstKey(top + rows - 1) > first || p->EndKey(top) < end;
        for (var x = span.First; x < span.End; x += panel)
            MatMulTile<V, T>.Run(rows, span.End - x > V.Count ? 2 : 1, Queries + (nint)strip * Pitch, Pitch, 1, columns + (nint)x * p->Width, panel, scores + x, ScorePitch, p->Width, false);
        if (p->Spec.Alibi) AddDistances(top, rows, keys, span, scores);
        if (segments || keys.Shown != null)
        {
            Mask(top, rows, keys, segments, span.First, span.End, scores);
            return span;
        }

        // Only registers that hold keys before the first of the last row or after the last of the first.
        var left = Math.Min(span.End, Registers.Whole<V, T>(Math.Max(keys.First, p->FirstKey(top + rows - 1)) - keys.Start));
        var right = Math.Max(left, (Math.Min(keys.End, p->EndKey(top)) - keys.Start) / V.Count * V.Count);
        if (span.First < left) Mask(top, rows, keys, false, span.First, left, scores);
        if (right < span.End) Mask(top, rows, keys, false, right, span.End, scores);
        return span;
    }

    /// <summary>True when segments hide some of the tile from some of the rows; <paramref name="hidden"/>: all from all.</summary>
    private readonly bool SegmentsOf(int top, int rows, in AttentionKeys<V, T> keys, out bool hidden)
    {
        hidden = false;
        if (keys.Segments == null) return false;
        int low = int.MaxValue, high = int.MinValue;
        for (var r = top; r < top + rows; r++)
        {
            var segment = Segment(r);
            low = Math.Min(low, segment);
            high = Math.Max(high, segment);
        }

        hidden = high < keys.LowSegment || low > keys.HighSegment;
        return low != high || keys.LowSegment != keys.HighSegment;
    }

    private readonly int Segment(int row) => Problem->QuerySegments.At(Batch, row / Problem->Sharing);

    /// <summary>Subtracts slope · |p - j| (equation 2 of the page).</summary>
    private readonly void AddDistances(int top, int rows, in AttentionKeys<V, T> keys, in AttentionSpan span, T* scores)
    {
        var p = Problem;
        for (var r = 0; r < rows; r++, scores += ScorePitch)
        {
            var slope = V.Splat(Slopes[(top + r) % p->Sharing]);
            var position = V.Const((double)p->Spec.QueryOffset + (top + r) / p->Sharing - keys.Start);
            for (var x = span.First; x < span.End; x += V.Count)
                V.Store(V.MultiplyAdd(slope, V.Abs(position - V.Load(Iota + x)), V.Load(scores + x)), scores + x);
        }
    }

    /// <summary>Sets the scores of keys that rows must not see to -∞, in some columns, before any maximum is taken.</summary>
    private readonly void Mask(int top, int rows, in AttentionKeys<V, T> keys, bool segments, int begin, int stop, T* scores)
    {
        for (var r = 0; r < rows; r++) Mask(top + r, keys, segments, begin, stop, scores + r * ScorePitch);
    }

    private readonly void Mask(int row, in AttentionKeys<V, T> keys, bool segments, int begin, int stop, T* scores)
    {
        var first = V.Const(Math.Max(keys.First, Problem->FirstKey(row)) - keys.Start);
        var end = V.Const(Math.Min(keys.End, Problem->EndKey(row)) - keys.Start);
        var hidden = V.Const(double.NegativeInfinity);
        var segment = V.Zero;
        if (segments)
        {
            T bits;
            AttentionKeys<V, T>.SetBits(&bits, Segment(row));
            segment = V.Splat(bits);
        }

        for (var x = begin; x < stop; x += V.Count)
        {
            var column = V.Load(Iota + x);
            var seen = V.LessOrEqual(first, column) & V.Less(column, end);
            if (keys.Shown != null) seen &= V.Load(keys.Shown + x);
            if (segments)
            {
                // Equal bits: the difference is 0. Half of it beside it, no other difference reads as zero, not even -0.
                var difference = V.SubtractBits(V.Load(keys.Segments + x), segment);
                seen &= V.Equal(difference | V.ShiftRight(difference, 1), V.Zero);
            }

            V.Store(V.Select(seen, V.Load(scores + x), hidden), scores + x);
        }
    }

    /// <summary>C += W X for a strip of weights over a span of keys.</summary>
    /// <param name="weights">Rows <see cref="ScorePitch"/> apart; 0 where masked.</param>
    /// <param name="rows">How many.</param>
    /// <param name="span">The columns that hold weights.</param>
    /// <param name="masked">Weights may be 0 because keys are hidden, while X holds elements that are not finite: these must not
    /// reach the sum, so only the runs of other weights enter.</param>
    /// <param name="vectors">X, rows <paramref name="pitch"/> apart.</param>
    /// <param name="pitch">Distance of X's rows.</param>
    /// <param name="width">Columns of X and C in whole registers.</param>
    /// <param name="sums">C.</param>
    /// <param name="sumsPitch">Distance of C's rows.</param>
    public static void Accumulate(T* weights, int rows, AttentionSpan span, bool masked, T* vectors, nint pitch, int width, T* sums, nint sumsPitch)
    {
        if (!masked)
        {
            Accumulate(weights, rows, span.FirstKey, span.EndKey, vectors, pitch, width, sums, sumsPitch);
            return;
        }

        for (var r = 0; r < rows; r++, weights += ScorePitch, sums += sumsPitch)
        {
            for (var first = span.FirstKey; first < span.EndKey;)
            {
                if (weights[first] == T.Zero)
                {
                    first++;
                    continue;
                }

                var end = first + 1;
                while (end < span.EndKey && weights[end] != T.Zero) end++;
                Accumulate(weights, 1, first, end, vectors, pitch, width, sums, sumsPitch);
                first = end;
            }
        }
    }

    private static void Accumulate(T* weights, int rows, int first, int end, T* vectors, nint pitch, int width, T* sums, nint sumsPitch)
    {
        for (var x = 0; x < width; x += 2 * V.Count)
        {
            MatMulTile<V, T>.Run(rows, width - x > V.Count ? 2 : 1, weights + first, ScorePitch, 1, vectors + first * pitch + x, pitch,
                sums + x, sumsPitch, end - first, true);
        }
    }
}

/// <summary>The columns of a tile of keys that a strip of rows looks at, counted from the tile's start.</summary>
internal struct AttentionSpan
{
    /// <summary>The scores that are formed: from the border of a panel, whole registers.</summary>
    public int First, End;

    /// <summary>The keys that some row of the strip may see, as far as their positions tell.</summary>
    public int FirstKey, EndKey;

    /// <summary>Some of these keys are hidden from some of the rows.</summary>
    public bool Masked;

    public readonly bool IsEmpty => First == End;
}
