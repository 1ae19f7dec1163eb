using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>y = e^(x-m) / Σ e^(x-m) or (x - m) - ln Σ e^(x-m) per row, m the row's largest entry: three visits of a row that
/// is in the cache, one of memory. A row of -∞ alone, or with +∞ or NaN in it, is NaN.</summary>
internal readonly unsafe struct SoftmaxTiles<V, T>(LineTiles rows, T* x, T* y, bool log) : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
{
    public void Run(long tile)
    {
        var (row, end, _, n) = rows[tile];
        for (; row < end; row++)
        {
            T* from = x + row * n, to = y + row * n;
            var max = FoldReduction<V, T, T, T, MaxFold<V, T>>.Row(from, n);
            if (log)
            {
                var sum = RowSum.Of<V, T, ExponentialTerm<V, T>>(n, new(from, max));
                RowMap.Run<V, T, LogSoftmaxTerm<V, T>>(n, new(from, max, T.CreateTruncating(Math.Log(sum))), to);
            }
            else
            {
                var sum = RowSum.Of<V, T, StoredExponentialTerm<V, T>>(n, new(from, max, to));
                RowMap.Run<V, T, AffineTerm<V, T>>(n, new(to, T.CreateTruncating(1 / sum), T.Zero), to);
            }
        }
    }
}

/// <summary>Softmax: dx = y (g - Σ y g). Log-softmax: dx = g - e^y Σ g. Two visits of a row in the cache.</summary>
internal readonly unsafe struct SoftmaxVjpTiles<V, T>(LineTiles rows, T* g, T* y, T* dx, bool log) : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, INumber<T>
{
    public void Run(long tile)
    {
        var (row, end, _, n) = rows[tile];
        for (; row < end; row++)
        {
            T* gRow = g + row * n, yRow = y + row * n, to = dx + row * n;
            if (log)
            {
                var sum = RowSum.Of<V, T, EntryTerm<V, T>>(n, new(gRow));
                RowMap.Run<V, T, LogSoftmaxVjpTerm<V, T>>(n, new(gRow, yRow, T.CreateTruncating(sum)), to);
            }
            else
            {
                var dot = RowSum.Of<V, T, ProductTerm<V, T>>(n, new(yRow, gRow));
                RowMap.Run<V, T, SoftmaxVjpTerm<V, T>>(n, new(gRow, yRow, T.CreateTruncating(dot)), to);
            }
        }
    }
}

/// <summary>(x - m) - ln Σ e^(x-m).</summary>
internal readonly unsafe struct LogSoftmaxTerm<V, T>(T* x, T max, T logSum) : IRowTerm<V, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At(int i, int n) => RowLanes.Load<V, T>(x + i, n) - V.Splat(max) - V.Splat(logSum);
}

/// <summary>y (g - Σ y g).</summary>
internal readonly unsafe struct SoftmaxVjpTerm<V, T>(T* g, T* y, T dot) : IRowTerm<V, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At(int i, int n) => RowLanes.Load<V, T>(y + i, n) * (RowLanes.Load<V, T>(g + i, n) - V.Splat(dot));
}

/// <summary>g - e^y Σ g.</summary>
internal readonly unsafe struct LogSoftmaxVjpTerm<V, T>(T* g, T* y, T sum) : IRowTerm<V, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At(int i, int n) =>
        RowLanes.Load<V, T>(g + i, n) - LaneMath.Exp<V, T>(RowLanes.Load<V, T>(y + i, n)) * V.Splat(sum);
}
