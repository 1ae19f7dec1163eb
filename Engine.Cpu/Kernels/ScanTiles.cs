using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>A recurrence in two registers of state: lanes are lines.</summary>
internal interface IRunning<V> where V : unmanaged, ILanes<V, double>
{
    /// <summary>The state before the first entry.</summary>
    static abstract V StartA { get; }

    /// <summary>The state before the first entry.</summary>
    static abstract V StartB { get; }

    /// <summary>The first register after x.</summary>
    static abstract V NextA(V a, V b, V x);

    /// <summary>The second register after x, from the state before it.</summary>
    static abstract V NextB(V a, V b, V x);

    /// <summary>What the state stands for.</summary>
    static abstract V Value(V a, V b);
}

/// <summary>Running sum.</summary>
internal readonly struct RunningSum<V> : IRunning<V> where V : unmanaged, ILanes<V, double>
{
    public static V StartA => V.Zero;
    public static V StartB => V.Zero;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V NextA(V a, V b, V x) => a + x;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V NextB(V a, V b, V x) => b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Value(V a, V b) => a;
}

/// <summary>Running product.</summary>
internal readonly struct RunningProduct<V> : IRunning<V> where V : unmanaged, ILanes<V, double>
{
    public static V StartA => V.Const(1);
    public static V StartB => V.Zero;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V NextA(V a, V b, V x) => a * x;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V NextB(V a, V b, V x) => b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Value(V a, V b) => a;
}

/// <summary>Running ln Σ eˣ: a is the largest entry so far, b = Σ e^(x - a).</summary>
/// <remarks>Of e^(a-a') and e^(x-a') one is always 1, so one exponential of -|x - a| serves both. Equal infinities count as
/// no distance, for ∞ - ∞ has no value; the sum of a run of -∞ then counts them, which ln turns into -∞ all the same.</remarks>
internal readonly struct RunningLogSumExp<V> : IRunning<V> where V : unmanaged, ILanes<V, double>
{
    public static V StartA => V.Const(double.NegativeInfinity);
    public static V StartB => V.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V NextA(V a, V b, V x) => V.Max(a, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V NextB(V a, V b, V x)
    {
        var distance = V.AndNot(x - a, V.Equal(x, a));
        var e = LaneMath.Exp<V, double>(-V.Abs(distance));
        return V.Select(V.Less(a, x), V.MultiplyAdd(b, e, V.Const(1)), b + e);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Value(V a, V b) => a + LaneMath.Log<V, double>(b);
}

/// <summary>Scans lines that lie side by side, or are brought there: lanes across the lines.</summary>
internal readonly unsafe struct ScanColumnTiles<V, T, TScan>(
    bool exclusive, LineGrid outer, Run across, Run along, LineTiles tiles, T* x, T* y) : ITiles
    where V : unmanaged, ILanes<V, double>
    where T : unmanaged
    where TScan : IRunning<V>
{
    // Steps per visit of a register: its state stays in registers meanwhile, and the visited rows in the cache.
    private const int Steps = 16;

    // Lines that are laid side by side at a time, and how many entries before its turn a line is asked for.
    private const int Beside = 16, Ahead = 8 * Steps;

    private readonly LineGrid _outer = outer;

    [SkipLocalsInit]
    public void Run(long tile)
    {
        var (first, end, start, length) = tiles[tile];
        var states = stackalloc double[2 * (length + V.Count)];
        for (var line = first; line < end; line++)
        {
            var (xAt, yAt, _) = _outer.Locate(line);
            T* from = x + xAt + start * across.A, to = y + yAt + start * across.B;
            if (across.A == 1 && across.B == 1) ScanBeside(from, to, length, states);
            else for (var c = 0; c < length; c += Beside) ScanApart(from + c * across.A, to + c * across.B, Math.Min(Beside, length - c), states);
        }
    }

    /// <summary>Lines whose entries of one step lie side by side.</summary>
    private void ScanBeside(T* from, T* to, int length, double* states)
    {
        Start(states, length);
        for (var step = 0; step < along.Extent; step += Steps)
        {
            var steps = Math.Min(Steps, along.Extent - step);
            var state = states;
            for (var c = 0; c < length; c += V.Count, state += 2 * V.Count)
                Advance(from + c + step * along.A, along.A, to + c + step * along.B, along.B, steps, Math.Min(V.Count, length - c), state);
        }
    }

    /// <summary>Up to <see cref="Beside"/> lines, laid side by side some steps at a time.</summary>
    [SkipLocalsInit]
    private void ScanApart(T* from, T* to, int length, double* states)
    {
        var beside = stackalloc T[Steps * Beside];
        var turned = along.A == along.B && Math.Abs(along.A) == 1;
        long lineA = across.A * sizeof(T), lineB = across.B * sizeof(T);
        Start(states, length);
        for (var step = 0; step < along.Extent; step += Steps, from += Steps * along.A, to += Steps * along.B)
        {
            // Entries that follow one another in memory are turned as they lie there, also when they are walked backwards.
            var steps = Math.Min(Steps, along.Extent - step);
            var back = turned && along.A < 0 ? steps - 1 : 0;
            if (turned)
            {
                // The lines are too many streams for the processor to see what comes.
                for (var line = 0; line < length; line++) CacheHint.Prefetch(from + line * across.A + Ahead * along.A);
                Strides.Turn((byte*)(from - back), lineA, (byte*)beside, length * sizeof(T), steps, length, sizeof(T));
            }
            else
            {
                for (var i = 0; i < steps; i++) Strides.Gather((byte*)(from + i * along.A), lineA, beside + i * length, length);
            }

            var first = beside + back * length;
            var next = back > 0 ? -length : length;
            var state = states;
            for (var c = 0; c < length; c += V.Count, state += 2 * V.Count)
                Advance(first + c, next, first + c, next, steps, Math.Min(V.Count, length - c), state);

            if (turned)
                Strides.Turn((byte*)beside, length * sizeof(T), (byte*)(to - back), lineB, length, steps, sizeof(T));
            else
                for (var i = 0; i < steps; i++) Strides.Scatter(beside + i * length, (byte*)(to + i * along.B), lineB, length);
        }
    }

    private static void Start(double* states, int length)
    {
        for (var c = 0; c < length; c += V.Count, states += 2 * V.Count)
        {
            V.Store(TScan.StartA, states);
            V.Store(TScan.StartB, states + V.Count);
        }
    }

    private void Advance(T* p, long pStep, T* q, long qStep, int steps, int n, double* state)
    {
        if (n == V.Count) AdvanceLanes(p, pStep, q, qStep, steps, V.Count, state);
        else AdvanceLanes(p, pStep, q, qStep, steps, n, state);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AdvanceLanes(T* p, long pStep, T* q, long qStep, int steps, int n, double* state)
    {
        V a = V.Load(state), b = V.Load(state + V.Count);
        for (var i = 0; i < steps; i++, p += pStep, q += qStep)
        {
            var entry = Widening.Load<V, T>(p, n);
            var before = a;
            b = TScan.NextB(a, b, entry);
            a = TScan.NextA(a, b, entry);
            Widening.Store(exclusive ? before : TScan.Value(a, b), q, n);
        }

        V.Store(a, state);
        V.Store(b, state + V.Count);
    }
}

/// <summary>Running sums and products of lines one entry after the other, four lines at a time: the sum of each waits for
/// its last addition, and four of them wait together.</summary>
internal readonly unsafe struct ScanLineTiles<T, TRunning>(
    bool product, bool exclusive, LineGrid lines, Run along, LineTiles tiles, T* x, T* y) : ITiles
    where T : unmanaged, INumber<T>
    where TRunning : unmanaged, INumber<TRunning>
{
    private readonly LineGrid _lines = lines;

    public void Run(long tile)
    {
        var (line, end, _, _) = tiles[tile];
        for (; line <= end - 4; line += 4) Four(line);
        for (; line < end; line++) One(line);
    }

    private void One(long line)
    {
        var (xAt, yAt, _) = _lines.Locate(line);
        T* p = x + xAt, q = y + yAt;
        var a = Start;
        for (var i = 0; i < along.Extent; i++, p += along.A, q += along.B) *q = Step(ref a, *p);
    }

    private void Four(long line)
    {
        var (x0, y0, _) = _lines.Locate(line);
        var (x1, y1, _) = _lines.Locate(line + 1);
        var (x2, y2, _) = _lines.Locate(line + 2);
        var (x3, y3, _) = _lines.Locate(line + 3);
        T* p = x, q = y;
        TRunning a = Start, b = Start, c = Start, d = Start;
        for (var i = 0; i < along.Extent; i++, p += along.A, q += along.B)
        {
            q[y0] = Step(ref a, p[x0]);
            q[y1] = Step(ref b, p[x1]);
            q[y2] = Step(ref c, p[x2]);
            q[y3] = Step(ref d, p[x3]);
        }
    }

    private TRunning Start => product ? TRunning.One : TRunning.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private T Step(ref TRunning running, T entry)
    {
        var before = running;
        running = product ? before * TRunning.CreateTruncating(entry) : before + TRunning.CreateTruncating(entry);
        return T.CreateTruncating(exclusive ? before : running);
    }
}
