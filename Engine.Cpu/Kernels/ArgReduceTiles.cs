using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Which of two entries is the more extreme. An equal entry does not win, so the first one stays; a NaN wins over
/// every number.</summary>
internal interface IContest<V, T> where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    /// <summary>Mask of the lanes where the challenger wins.</summary>
    static abstract V Wins(V challenger, V holder);

    /// <summary>Whether the challenger wins.</summary>
    static abstract bool Wins(T challenger, T holder);
}

/// <summary>The largest wins.</summary>
internal readonly struct LargerWins<V, T> : IContest<V, T> where V : unmanaged, ILanes<V, T> where T : unmanaged, INumber<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Wins(V challenger, V holder) =>
        V.Less(holder, challenger) | V.AndNot(V.IsNaN(challenger), V.IsNaN(holder));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Wins(T challenger, T holder) => challenger > holder || (T.IsNaN(challenger) && !T.IsNaN(holder));
}

/// <summary>The smallest wins.</summary>
internal readonly struct SmallerWins<V, T> : IContest<V, T> where V : unmanaged, ILanes<V, T> where T : unmanaged, INumber<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Wins(V challenger, V holder) =>
        V.Less(challenger, holder) | V.AndNot(V.IsNaN(challenger), V.IsNaN(holder));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Wins(T challenger, T holder) => challenger < holder || (T.IsNaN(challenger) && !T.IsNaN(holder));
}

/// <summary>First index of the extreme along lines: lanes along the line where its entries are neighbours, else one by
/// one. Nothing is rounded, so how a line is cut cannot show.</summary>
internal readonly unsafe struct ArgRows<V, T, TOrder>(LineGrid lines, Run along, LineTiles tiles, T* x, long* y) : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, INumber<T>
    where TOrder : IContest<V, T>
{
    private readonly LineGrid _lines = lines;

    public void Run(long tile)
    {
        var (first, end, _, n) = tiles[tile];
        for (var line = first; line < end; line++)
        {
            var (xAt, yAt, _) = _lines.Locate(line);
            y[yAt] = along.A == 1 && n >= 2 * V.Count ? InLanes(x + xAt, n) : OneByOne(x + xAt, n, 1, *(x + xAt), 0);
        }
    }

    private long OneByOne(T* p, int n, int from, T best, long at)
    {
        for (var i = from; i < n; i++)
        {
            var entry = p[i * along.A];
            if (TOrder.Wins(entry, best)) (best, at) = (entry, i);
        }

        return at;
    }

    private long InLanes(T* p, int n)
    {
        // Two contests side by side hide the latency of one; each lane remembers in which step its best entry came.
        V best0 = V.Load(p), best1 = V.Load(p + V.Count);
        V at0 = V.Zero, at1 = V.Zero, step = V.Zero;
        var whole = n / (2 * V.Count) * (2 * V.Count);
        for (var i = 2 * V.Count; i < whole; i += 2 * V.Count)
        {
            step = V.AddBits(step, V.ConstBits(1));
            V entry0 = V.Load(p + i), entry1 = V.Load(p + i + V.Count);
            V wins0 = TOrder.Wins(entry0, best0), wins1 = TOrder.Wins(entry1, best1);
            best0 = V.Select(wins0, entry0, best0);
            best1 = V.Select(wins1, entry1, best1);
            at0 = V.Select(wins0, step, at0);
            at1 = V.Select(wins1, step, at1);
        }

        var finalists = stackalloc T[2 * V.Count];
        var steps = stackalloc T[2 * V.Count];
        V.Store(best0, finalists);
        V.Store(best1, finalists + V.Count);
        V.Store(at0, steps);
        V.Store(at1, steps + V.Count);
        var best = finalists[0];
        var at = LaneIndex.Read(steps) * (2 * V.Count);
        for (var lane = 1; lane < 2 * V.Count; lane++)
        {
            var index = LaneIndex.Read(steps + lane) * (2 * V.Count) + lane;
            var entry = finalists[lane];
            if (TOrder.Wins(entry, best) || (index < at && !TOrder.Wins(best, entry))) (best, at) = (entry, index);
        }

        return OneByOne(p, n, whole, best, at);
    }
}

/// <summary>First index of the extreme along lines that lie side by side: lanes across the lines.</summary>
internal readonly unsafe struct ArgColumns<V, T, TOrder>(LineGrid outer, Run along, LineTiles tiles, T* x, long* y) : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, INumber<T>
    where TOrder : IContest<V, T>
{
    private readonly LineGrid _outer = outer;

    public void Run(long tile)
    {
        var (first, end, start, length) = tiles[tile];
        for (var line = first; line < end; line++)
        {
            var (xAt, yAt, _) = _outer.Locate(line);
            var from = x + xAt + start;
            var to = y + yAt + start;
            var c = 0;
            for (; c <= length - 2 * V.Count; c += 2 * V.Count) TwoRegisters(from + c, to + c);
            for (; c < length; c += V.Count) OneRegister(from + c, to + c, Math.Min(V.Count, length - c));
        }
    }

    private void TwoRegisters(T* p, long* to)
    {
        V best0 = V.Load(p), best1 = V.Load(p + V.Count);
        V at0 = V.Zero, at1 = V.Zero, step = V.Zero;
        for (var i = 1; i < along.Extent; i++)
        {
            p += along.A;
            step = V.AddBits(step, V.ConstBits(1));
            V entry0 = V.Load(p), entry1 = V.Load(p + V.Count);
            V wins0 = TOrder.Wins(entry0, best0), wins1 = TOrder.Wins(entry1, best1);
            best0 = V.Select(wins0, entry0, best0);
            best1 = V.Select(wins1, entry1, best1);
            at0 = V.Select(wins0, step, at0);
            at1 = V.Select(wins1, step, at1);
        }

        Write(at0, to, V.Count);
        Write(at1, to + V.Count, V.Count);
    }

    private void OneRegister(T* p, long* to, int n)
    {
        V best = V.LoadPartial(p, n), at = V.Zero, step = V.Zero;
        for (var i = 1; i < along.Extent; i++)
        {
            p += along.A;
            step = V.AddBits(step, V.ConstBits(1));
            var entry = V.LoadPartial(p, n);
            var wins = TOrder.Wins(entry, best);
            best = V.Select(wins, entry, best);
            at = V.Select(wins, step, at);
        }

        Write(at, to, n);
    }

    private static void Write(V at, long* to, int n)
    {
        var steps = stackalloc T[V.Count];
        V.Store(at, steps);
        for (var lane = 0; lane < n; lane++) to[lane] = LaneIndex.Read(steps + lane);
    }
}

/// <summary>Integers kept in the bits of lanes of any element type.</summary>
internal static unsafe class LaneIndex
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Read<T>(T* lane) where T : unmanaged => sizeof(T) == 4 ? *(uint*)lane : *(long*)lane;
}
