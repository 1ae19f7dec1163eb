using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>An associative operation on lanes, applied to a function of the elements.</summary>
internal unsafe interface IFold<V, TIn, TPartial, TOut>
    where V : unmanaged, ILanes<V, TPartial>
    where TIn : unmanaged
    where TPartial : unmanaged
{
    /// <summary>What changes nothing.</summary>
    static abstract V Identity { get; }

    /// <summary>The function of <c>V.Count</c> elements.</summary>
    static abstract V Load(TIn* p);

    /// <summary>The function of n elements; the other lanes are arbitrary.</summary>
    static abstract V LoadPartial(TIn* p, int n);

    /// <summary>The operation.</summary>
    static abstract V Combine(V a, V b);

    /// <summary>True where <see cref="CombineNumbers"/> is cheaper than <see cref="Combine"/>. Float only.</summary>
    static virtual bool HasCombineNumbers => false;

    /// <summary>The operation where neither is NaN.</summary>
    static virtual V CombineNumbers(V a, V b) => throw new NotSupportedException();

    /// <summary>The operation over all lanes, in a fixed tree.</summary>
    static abstract TPartial Across(V v);

    /// <summary>The result from the total over n entries.</summary>
    static abstract TOut Finish(TPartial total, long n);

    /// <summary>The result over no entries.</summary>
    static abstract TOut Empty { get; }
}

/// <summary>Reduction by a fold: four registers of running partial results along a row, eight rows at a time down columns.</summary>
internal readonly unsafe struct FoldReduction<V, TIn, TPartial, TOut, TFold> : IReduction<TIn, TPartial, TOut>
    where V : unmanaged, ILanes<V, TPartial>
    where TIn : unmanaged
    where TPartial : unmanaged
    where TOut : unmanaged
    where TFold : IFold<V, TIn, TPartial, TOut>
{
    private const int RowsAtOnce = 8;

    public static int Planes => 1;

    public static TOut Empty => TFold.Empty;

    public static void Row(TIn* x, int n, TPartial* partial, int planeStride) => *partial = Row(x, n);

    public static TPartial Row(TIn* x, int n)
    {
        if (TFold.HasCombineNumbers)
        {
            var numbers = RowOfNumbers(x, n, out var exact);
            if (exact) return numbers;
        }

        V a = TFold.Identity, b = a, c = a, d = a;
        var i = 0;
        for (; i <= n - 4 * V.Count; i += 4 * V.Count)
        {
            a = TFold.Combine(a, TFold.Load(x + i));
            b = TFold.Combine(b, TFold.Load(x + i + V.Count));
            c = TFold.Combine(c, TFold.Load(x + i + 2 * V.Count));
            d = TFold.Combine(d, TFold.Load(x + i + 3 * V.Count));
        }

        for (; i <= n - V.Count; i += V.Count) a = TFold.Combine(a, TFold.Load(x + i));
        if (i < n) b = TFold.Combine(b, Last(x + i, n - i));
        return TFold.Across(TFold.Combine(TFold.Combine(a, b), TFold.Combine(c, d)));
    }

    /// <summary>The row by the cheaper operation: exact unless there is a NaN, of which a sum of all entries tells, for it is NaN then (and
    /// when infinities of both signs meet).</summary>
    private static TPartial RowOfNumbers(TIn* x, int n, out bool exact)
    {
        V a = TFold.Identity, b = a, c = a, d = a;
        V sumA = V.Zero, sumB = sumA, sumC = sumA, sumD = sumA;
        var i = 0;
        for (; i <= n - 4 * V.Count; i += 4 * V.Count)
        {
            V p = TFold.Load(x + i), q = TFold.Load(x + i + V.Count);
            V r = TFold.Load(x + i + 2 * V.Count), s = TFold.Load(x + i + 3 * V.Count);
            a = TFold.CombineNumbers(a, p);
            b = TFold.CombineNumbers(b, q);
            c = TFold.CombineNumbers(c, r);
            d = TFold.CombineNumbers(d, s);
            sumA += p;
            sumB += q;
            sumC += r;
            sumD += s;
        }

        for (; i <= n - V.Count; i += V.Count)
        {
            var p = TFold.Load(x + i);
            a = TFold.CombineNumbers(a, p);
            sumA += p;
        }

        if (i < n)
        {
            var q = Last(x + i, n - i);
            b = TFold.CombineNumbers(b, q);
            sumB += q;
        }

        var all = TFold.CombineNumbers(TFold.CombineNumbers(a, b), TFold.CombineNumbers(c, d));
        exact = !V.Any(V.IsNaN((sumA + sumB) + (sumC + sumD)));
        return TFold.Across(all);
    }

    /// <summary>The last entries of a row; what changes nothing in the lanes that are left.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Last(TIn* x, int n) => V.Select(RowLanes.First<V, TPartial>(n), TFold.LoadPartial(x, n), TFold.Identity);

    public static void Columns(TIn* x, long rowStride, int rows, int columns, TPartial* partial, int planeStride)
    {
        var whole = rows & -RowsAtOnce;
        for (var r = 0; r < whole; r += RowsAtOnce) EightRows(x + r * rowStride, rowStride, columns, partial, first: r == 0);
        for (var r = whole; r < rows; r++) OneRow(x + r * rowStride, columns, partial, first: r == 0);
    }

    private static void EightRows(TIn* x, long stride, int columns, TPartial* partial, bool first)
    {
        var start = TFold.Identity;
        var c = 0;
        for (; c <= columns - V.Count; c += V.Count)
        {
            var eight = TFold.Combine(Four(x + c, stride), Four(x + c + 4 * stride, stride));
            V.Store(TFold.Combine(first ? start : V.Load(partial + c), eight), partial + c);
        }

        if (c < columns)
        {
            var n = columns - c;
            var eight = TFold.Combine(FourPartial(x + c, stride, n), FourPartial(x + c + 4 * stride, stride, n));
            V.StorePartial(TFold.Combine(first ? start : V.LoadPartial(partial + c, n), eight), partial + c, n);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Four(TIn* p, long stride) => TFold.Combine(
        TFold.Combine(TFold.Load(p), TFold.Load(p + stride)),
        TFold.Combine(TFold.Load(p + 2 * stride), TFold.Load(p + 3 * stride)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V FourPartial(TIn* p, long stride, int n) => TFold.Combine(
        TFold.Combine(TFold.LoadPartial(p, n), TFold.LoadPartial(p + stride, n)),
        TFold.Combine(TFold.LoadPartial(p + 2 * stride, n), TFold.LoadPartial(p + 3 * stride, n)));

    private static void OneRow(TIn* x, int columns, TPartial* partial, bool first)
    {
        var start = TFold.Identity;
        var c = 0;
        for (; c <= columns - V.Count; c += V.Count)
            V.Store(TFold.Combine(first ? start : V.Load(partial + c), TFold.Load(x + c)), partial + c);
        if (c == columns) return;
        var n = columns - c;
        V.StorePartial(TFold.Combine(first ? start : V.LoadPartial(partial + c, n), TFold.LoadPartial(x + c, n)), partial + c, n);
    }

    public static void Merge(TPartial* a, long na, TPartial* b, long nb, int columns, int planeStride)
    {
        for (var c = 0; c < columns; c += V.Count)
        {
            var n = Math.Min(V.Count, columns - c);
            V.StorePartial(TFold.Combine(V.LoadPartial(a + c, n), V.LoadPartial(b + c, n)), a + c, n);
        }
    }

    public static void Finish(TPartial* partial, long n, double p, int columns, int planeStride, TOut* y)
    {
        for (var c = 0; c < columns; c++) y[c] = TFold.Finish(partial[c], n);
    }
}
