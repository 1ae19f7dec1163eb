using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>y = x̂ weight + bias per row, in three visits of a row in the cache.</summary>
/// <remarks>Layer: c = the row's mean rounded to the element type, d = x - c; the mean is c + Σ d / n and the variance
/// (Σ d² - (Σ d)²/n) / n, so neither the rounding of c nor a large mean costs digits. RMS: the same with c = 0 and the
/// mean square. No finite row overflows while its mean does not: a row of 10³⁰ in float has squares beyond the range, and is summed
/// again in double.</remarks>
internal readonly unsafe struct NormTiles<V, T>(
    LineTiles rows, bool layer, T* x, T* weight, T* bias, double eps, T* y, T* mean, T* rstd) : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, INumber<T>
{
    public void Run(long tile)
    {
        var (row, end, _, n) = rows[tile];
        for (; row < end; row++)
        {
            var from = x + row * n;
            var center = layer ? T.CreateTruncating(RowSum.Of<V, T, EntryTerm<V, T>>(n, new(from)) / n) : T.Zero;
            var (d, square) = DeviationSums.Of<V, T>(from, n, center);
            var shift = layer ? d / n : 0;
            var scale = 1 / Math.Sqrt(Math.Max(0, square / n - shift * shift) + eps);
            if (!(scale > 0 && square / n + eps > Smallest)) (shift, scale) = OutOfRange(from, n, center, square);
            RowMap.Run<V, T, NormTerm<V, T>>(
                n, new(from, center, T.CreateTruncating(scale), T.CreateTruncating(-shift * scale), weight, bias), y + row * n);
            if (mean is not null) mean[row] = T.CreateTruncating(double.CreateTruncating(center) + shift);
            if (rstd is not null) rstd[row] = T.CreateTruncating(scale);
        }
    }

    /// <summary>Mean squares below it may have lost digits to underflow.</summary>
    private static double Smallest => sizeof(T) == sizeof(float) ? 1e-30 : 1e-290;

    /// <summary>Shift and scale of a row whose squares are too large for the element type, or too small for it beside eps.</summary>
    private (double Shift, double Scale) OutOfRange(T* from, int n, T center, double square)
    {
        var unit = DeviationSums.UnitOf<T>(square);
        var (d, scaled) = DeviationSums.Scaled(from, n, center, unit);
        var shift = layer ? d / n : 0;
        return (shift / unit, unit / Math.Sqrt(Math.Max(0, scaled / n - shift * shift) + eps * unit * unit));
    }
}

/// <summary>((x - c) r + s) weight + bias.</summary>
internal readonly unsafe struct NormTerm<V, T>(T* x, T center, T scale, T shift, T* weight, T* bias) : IRowTerm<V, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At(int i, int n)
    {
        var v = V.MultiplyAdd(RowLanes.Load<V, T>(x + i, n) - V.Splat(center), V.Splat(scale), V.Splat(shift));
        if (weight is not null) v *= RowLanes.Load<V, T>(weight + i, n);
        if (bias is not null) v += RowLanes.Load<V, T>(bias + i, n);
        return v;
    }
}

/// <summary>Backward of <see cref="NormTiles{V,T}"/>: dx = r (y - mean y - x̂ mean(y x̂)) with y = g weight (RMS: without mean y),
/// and for each tile of rows the sums of g x̂ and of g per column. Two visits of a row in the cache.</summary>
/// <remarks>The kept mean is rounded to the element type; Σ d of this pass tells by how much, so x̂ is as exact as in the
/// forward pass.</remarks>
internal readonly unsafe struct NormVjpTiles<V, T>(
    long rows, int n, bool layer, T* g, T* x, T* weight, T* mean, T* rstd, T* dx, T* partials) : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, INumber<T>
{
    /// <summary>Rows whose column sums are added up one by one; tiles then meet in a tree.</summary>
    public const int RowsPerTile = 64;

    public void Run(long tile)
    {
        var end = Math.Min(rows, (tile + 1) * RowsPerTile);
        T* weightSums = null, biasSums = null;
        if (partials is not null)
        {
            weightSums = partials + tile * 2 * n;
            biasSums = weightSums + n;
            new Span<T>(weightSums, 2 * n).Clear();
        }

        for (var row = tile * RowsPerTile; row < end; row++)
        {
            T* xRow = x + row * n, gRow = g + row * n;
            var center = layer ? mean[row] : T.Zero;
            var r = double.CreateTruncating(rstd[row]);
            double d = 0, y = 0, yd = 0;
            if (layer || dx is not null) (d, y, yd) = DeviationSums.Of<V, T>(xRow, gRow, weight, n, center);
            // Sums of y x̂ instead of y d, where those leave the range.
            var unit = 1.0;
            if (!double.IsFinite(d + y + yd) && double.IsFinite(r)) (d, y, yd) = DeviationSums.Scaled(xRow, gRow, weight, n, center, unit = r);
            if (!layer) d = y = 0;
            var shift = d / n / unit;
            var (rT, shiftT) = (T.CreateTruncating(r), T.CreateTruncating(-shift * r));
            if (dx is not null)
            {
                T meanY = T.CreateTruncating(y / n), meanYNormal = T.CreateTruncating(r / unit * (yd - shift * unit * y) / n);
                RowMap.Run<V, T, NormVjpTerm<V, T>>(
                    n, new(xRow, gRow, weight, center, rT, shiftT, meanY, meanYNormal), dx + row * n);
            }

            if (weightSums is not null) AddColumns(xRow, gRow, center, rT, shiftT, weightSums, biasSums);
        }
    }

    private void AddColumns(T* xRow, T* gRow, T center, T r, T shift, T* weightSums, T* biasSums)
    {
        V c = V.Splat(center), scale = V.Splat(r), s = V.Splat(shift);
        var i = 0;
        for (; i <= n - V.Count; i += V.Count)
        {
            var gs = V.Load(gRow + i);
            var normal = V.MultiplyAdd(V.Load(xRow + i) - c, scale, s);
            V.Store(V.MultiplyAdd(gs, normal, V.Load(weightSums + i)), weightSums + i);
            V.Store(gs + V.Load(biasSums + i), biasSums + i);
        }

        if (i == n) return;
        var left = n - i;
        var gLast = V.LoadPartial(gRow + i, left);
        var normalLast = V.MultiplyAdd(V.LoadPartial(xRow + i, left) - c, scale, s);
        V.StorePartial(V.MultiplyAdd(gLast, normalLast, V.LoadPartial(weightSums + i, left)), weightSums + i, left);
        V.StorePartial(gLast + V.LoadPartial(biasSums + i, left), biasSums + i, left);
    }
}

/// <summary>r (y - mean y - x̂ mean(y x̂)) with y = g weight, x̂ = (x - c) r + s.</summary>
internal readonly unsafe struct NormVjpTerm<V, T>(T* x, T* g, T* weight, T center, T r, T shift, T meanY, T meanYNormal)
    : IRowTerm<V, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At(int i, int n)
    {
        var scale = V.Splat(r);
        var normal = V.MultiplyAdd(RowLanes.Load<V, T>(x + i, n) - V.Splat(center), scale, V.Splat(shift));
        var y = RowLanes.Load<V, T>(g + i, n);
        if (weight is not null) y *= RowLanes.Load<V, T>(weight + i, n);
        return V.MultiplyAdd(-normal, V.Splat(meanYNormal), y - V.Splat(meanY)) * scale;
    }
}

/// <summary>Adds the column sums of all tiles in a binary tree, in place, a piece of the columns per tile of work.</summary>
internal readonly unsafe struct TreeOfTiles<V, T>(T* partials, long tiles, int length) : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    public const int Piece = 256;

    public void Run(long piece)
    {
        var start = (int)piece * Piece;
        var count = Math.Min(Piece, length - start);
        for (long step = 1; step < tiles; step *= 2)
            for (long tile = 0; tile + step < tiles; tile += 2 * step)
                Add(partials + tile * length + start, partials + (tile + step) * length + start, count);
    }

    private static void Add(T* a, T* b, int count)
    {
        for (var i = 0; i < count; i += V.Count)
        {
            var n = Math.Min(V.Count, count - i);
            V.StorePartial(V.LoadPartial(a + i, n) + V.LoadPartial(b + i, n), a + i, n);
        }
    }
}
