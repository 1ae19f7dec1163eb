using System.Numerics;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>A tile of keys: which of them may be seen at all, and their vectors laid out for products.</summary>
/// <remarks>Borders lie at fixed multiples of <see cref="Count"/>, so that a query's running maximum meets the same tiles
/// whatever is computed beside it.</remarks>
internal unsafe struct AttentionKeys<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Keys per tile.</summary>
    public const int Count = 256;

    /// <summary>First key of the tile's place, on a border; the first that is wanted; one past the last.</summary>
    public int Start, First, End;

    /// <summary>A mask lane per key from <see cref="Start"/> on, set where the key mask shows it; null where it hides
    /// none.</summary>
    public T* Shown;

    /// <summary>A segment number per key from <see cref="Start"/> on, as bits; null without segments.</summary>
    public T* Segments;

    /// <summary>The smallest and the largest segment number.</summary>
    public int LowSegment, HighSegment;

    /// <summary>Elements of memory for masks.</summary>
    public const int BufferSize = 2 * Count;

    /// <summary>Columns of a panel of vectors laid out as columns.</summary>
    public static int Panel => MatMulTile<V, T>.MaxColumns;

    /// <summary>Elements for <see cref="LayColumns"/>.</summary>
    public static long ColumnsSize(int width) => (long)Count * width + MatMulPack<V, T>.Slack;

    /// <summary>Goes to the keys from <paramref name="first"/> to <paramref name="end"/>, which lie in one tile.</summary>
    /// <returns>False when the key mask hides all of them.</returns>
    public bool MoveTo(AttentionProblem<T>* p, int batch, int first, int end, T* buffer)
    {
        Start = first / Count * Count;
        First = first;
        End = end;
        Shown = null;
        Segments = null;
        if (p->KeyMask.IsGiven)
        {
            var shown = 0;
            for (var j = first; j < end; j++)
            {
                var real = p->KeyMask.At(batch, j) != 0;
                SetBits(buffer + (j - Start), real ? -1 : 0);
                if (real) shown++;
            }

            if (shown == 0) return false;
            if (shown < end - first) Shown = buffer;
        }

        if (p->KeySegments.IsGiven)
        {
            Segments = buffer + Count;
            LowSegment = int.MaxValue;
            HighSegment = int.MinValue;
            for (var j = first; j < end; j++)
            {
                var segment = p->KeySegments.At(batch, j);
                SetBits(Segments + (j - Start), segment);
                LowSegment = Math.Min(LowSegment, segment);
                HighSegment = Math.Max(HighSegment, segment);
            }
        }

        return true;
    }

    /// <summary>Writes an integer into the bits of an element.</summary>
    public static void SetBits(T* p, int bits)
    {
        if (sizeof(T) == 4) *(int*)p = bits;
        else *(long*)p = bits;
    }

    /// <summary>Lays the tile's vectors out as columns, in panels: the right factor of q kᵀ.</summary>
    public readonly void LayColumns(in HeadVectors<T> source, int batch, int head, int width, T* destination)
    {
        for (var column = (First - Start) / Panel * Panel; column < End - Start; column += Panel)
        {
            MatMulPack<V, T>.Run(source.At(batch, Start + column, head), 1, source.Position, width,
                Math.Min(Panel, End - Start - column), destination + (nint)column * width, Panel);
        }
    }

    /// <summary>Lays the tile's vectors, times a scale, out as rows: the right factor of p v.</summary>
    /// <returns>True when all elements are finite: then a weight of 0 wipes a vector out.</returns>
    public readonly bool LayRows(in HeadVectors<T> source, int batch, int head, int width, double scale, T* destination)
    {
        var factor = V.Const(scale);
        var pitch = Registers.Whole<V, T>(width);
        var poison = V.Zero;
        for (var j = First; j < End; j++)
        {
            var from = source.At(batch, j, head);
            var to = destination + (nint)(j - Start) * pitch;
            var x = 0;
            for (; x + V.Count <= width; x += V.Count)
            {
                var v = V.Load(from + x) * factor;
                poison = V.MultiplyAdd(v, V.Zero, poison); // NaN from the first element on that is not finite
                V.Store(v, to + x);
            }

            if (x == width) continue;
            var rest = V.LoadPartial(from + x, width - x) * factor;
            poison = V.MultiplyAdd(rest, V.Zero, poison);
            V.Store(rest, to + x);
        }

        return !V.Any(V.IsNaN(poison));
    }
}
