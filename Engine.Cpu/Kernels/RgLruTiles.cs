using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Extents and operands of a real-gated linear recurrent unit.</summary>
internal unsafe struct RealGatedOperands<T> where T : unmanaged
{
    /// <summary>Registers of channels in a tile: enough for a cache line or more of each operand, few enough that one batch row
    /// is shared out.</summary>
    public const int Registers = 4;

    public int Batch, Length, Width;

    /// <summary>[B, L, D] three times, [D], [B, D] or null, [B, L, D].</summary>
    public T* X, GateX, GateA, Rate, Initial, H;

    /// <summary>[B, L], or null.</summary>
    public byte* Reset;

    /// <summary>True where a new segment begins.</summary>
    public readonly bool Starts(int row, int t) => Reset != null && Reset[(long)row * Length + t] != 0;

    /// <summary>What a tile needs, roughly, per step.</summary>
    public static double Nanoseconds(int channels, int bytes) => 0.12 * channels * bytes;
}

/// <summary>One element of the unit: what both passes form from its inputs.</summary>
/// <remarks>log a = -rate ρ with ρ = σ(gate); m = √(-expm1(2 log a)): near a = 1 no digit of 1 - a² is lost.</remarks>
internal readonly struct RealGate<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V A(V logA) => LaneMath.Exp<V, T>(logA);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Multiplier(V logA) => V.Sqrt(-LaneMath.Expm1<V, T>(logA + logA));
}

/// <summary>h_t = a_t h_{t-1} + m_t σ(gateX_t) x_t, at a reset h_t = σ(gateX_t) x_t, in one pass. A tile is one batch row and a few
/// registers of channels; its state is in memory that never leaves the innermost cache.</summary>
internal unsafe struct RealGatedForward<T> : ILanesAction<T> where T : unmanaged
{
    public RealGatedOperands<T> Operands;

    public readonly void Invoke<V>() where V : unmanaged, ILanes<V, T>
    {
        var most = RealGatedOperands<T>.Registers * V.Count;
        var body = new Tiles<V> { Unit = Operands, Split = new(Operands.Batch, Operands.Width, most) };
        WorkerPool.For(body.Split.Count, Operands.Length * RealGatedOperands<T>.Nanoseconds(Math.Min(most, Operands.Width), sizeof(T)), ref body);
    }

    private struct Tiles<V> : ITiles where V : unmanaged, ILanes<V, T>
    {
        public RealGatedOperands<T> Unit;
        public ChannelTiles Split;

        public readonly void Run(long tile)
        {
            var (row, first, channels) = Split[tile];
            // Whole registers: a masked store cannot be forwarded to the next step's load.
            var state = stackalloc V[RealGatedOperands<T>.Registers];
            var whole = channels / V.Count * V.Count;
            for (var c = 0; c < channels; c += V.Count)
                state[c / V.Count] = Unit.Initial == null ? V.Zero : V.LoadPartial(Unit.Initial + (long)row * Unit.Width + first + c, Math.Min(V.Count, channels - c));
            for (var t = 0; t < Unit.Length; t++)
            {
                var at = ((long)row * Unit.Length + t) * Unit.Width + first;
                var starts = Unit.Starts(row, t);
                for (var c = 0; c < whole; c += V.Count) Step<WholeColumns<V, T>>(state + c / V.Count, at + c, first + c, V.Count, starts);
                if (whole < channels) Step<EdgeColumns<V, T>>(state + whole / V.Count, at + whole, first + whole, channels - whole, starts);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Step<TColumns>(V* state, long at, int channel, int count, bool starts) where TColumns : struct, IColumns<V, T>
        {
            var h = LaneMath.Sigmoid<V, T>(TColumns.Load(Unit.GateX + at, count)) * TColumns.Load(Unit.X + at, count);
            if (!starts)
            {
                var logA = -(LaneMath.Sigmoid<V, T>(TColumns.Load(Unit.GateA + at, count)) * TColumns.Load(Unit.Rate + channel, count));
                h = V.MultiplyAdd(RealGate<V, T>.A(logA), *state, RealGate<V, T>.Multiplier(logA) * h);
            }

            *state = h;
            TColumns.Store(h, Unit.H + at, count);
        }
    }
}

/// <summary>The adjoint, from the last step down; nothing but h was kept. With e = dh_t + R, y = σ(gateX) x: dy = e m;
/// dlog a = a e h_{t-1} - 2 a² e y / max(2 m, 1e-3); R = a e; at a reset dy = e, dlog a = R = 0.</summary>
/// <remarks>drate[c] = -Σ dlog a ρ: over stretches of steps in descending time, the stretches' sums added as a binary tree that depends on
/// the shape alone. Error: about (128 + log₂ stretches) roundings of Σ|terms| at worst.</remarks>
internal unsafe struct RealGatedBackward<T> : ILanesAction<T> where T : unmanaged
{
    public RealGatedOperands<T> Operands;
    public T* DH, DX, DGateX, DGateA, DRate, DInitial;

    public readonly void Invoke<V>() where V : unmanaged, ILanes<V, T>
    {
        var most = RealGatedOperands<T>.Registers * V.Count;
        var stretches = new TimeStretches(Operands.Batch, Operands.Length);
        using var sums = new Scratch<T>(Math.Max(1, stretches.Count * Operands.Width));
        var body = new Tiles<V> { Pass = this, Split = new(Operands.Batch, Operands.Width, most), Stretches = stretches, Sums = sums.Pointer };
        WorkerPool.For(body.Split.Count, 2 * Operands.Length * RealGatedOperands<T>.Nanoseconds(Math.Min(most, Operands.Width), sizeof(T)), ref body);
        StretchSums<V, T>.Fold(sums.Pointer, stretches.Count, Operands.Width);
        var total = new Span<T>(DRate, Operands.Width);
        if (stretches.Count == 0) total.Clear();
        else new Span<T>(sums.Pointer, Operands.Width).CopyTo(total);
    }

    private struct Tiles<V> : ITiles where V : unmanaged, ILanes<V, T>
    {
        public RealGatedBackward<T> Pass;
        public ChannelTiles Split;
        public TimeStretches Stretches;
        public T* Sums;

        public readonly void Run(long tile)
        {
            var (row, first, channels) = Split[tile];
            ref readonly var unit = ref Pass.Operands;
            var rest = stackalloc V[2 * RealGatedOperands<T>.Registers];
            var sums = rest + RealGatedOperands<T>.Registers;
            for (var r = 0; r < 2 * RealGatedOperands<T>.Registers; r++) rest[r] = V.Zero;
            var whole = channels / V.Count * V.Count;
            for (var t = unit.Length - 1; t >= 0; t--)
            {
                var at = ((long)row * unit.Length + t) * unit.Width + first;
                var before = t > 0 ? unit.H + at - unit.Width : unit.Initial == null ? null : unit.Initial + (long)row * unit.Width + first;
                var starts = unit.Starts(row, t);
                for (var c = 0; c < whole; c += V.Count)
                    Step<WholeColumns<V, T>>(rest + c / V.Count, sums + c / V.Count, at + c, before == null ? null : before + c, first + c, V.Count, starts);
                if (whole < channels)
                    Step<EdgeColumns<V, T>>(rest + whole / V.Count, sums + whole / V.Count, at + whole, before == null ? null : before + whole, first + whole, channels - whole, starts);
                if (t % TimeStretches.Most != 0) continue;
                Flush(sums, Sums + Stretches.Of(row, t) * unit.Width + first, channels, clear: true);
            }

            if (Pass.DInitial != null) Flush(rest, Pass.DInitial + (long)row * unit.Width + first, channels, clear: false);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Step<TColumns>(V* rest, V* sum, long at, T* before, int channel, int count, bool starts) where TColumns : struct, IColumns<V, T>
        {
            ref readonly var unit = ref Pass.Operands;
            V x = TColumns.Load(unit.X + at, count), i = LaneMath.Sigmoid<V, T>(TColumns.Load(unit.GateX + at, count));
            V e = TColumns.Load(Pass.DH + at, count) + *rest, dy = e, dgate = V.Zero;
            if (starts)
            {
                *rest = V.Zero;
            }
            else
            {
                V rate = TColumns.Load(unit.Rate + channel, count), rho = LaneMath.Sigmoid<V, T>(TColumns.Load(unit.GateA + at, count));
                var logA = -(rho * rate);
                V a = RealGate<V, T>.A(logA), m = RealGate<V, T>.Multiplier(logA);
                dy = e * m;
                *rest = a * e;
                // The derivative of the square root is held at 1000, which is part of the definition.
                var dLog = V.Const(-2) * (a * a) * (e * (i * x)) / V.Max(m + m, V.Const(1e-3));
                if (before != null) dLog = V.MultiplyAdd(a * e, TColumns.Load(before, count), dLog);
                var share = dLog * rho;
                *sum -= share;
                dgate = -(share * rate * (V.Const(1) - rho));
            }

            TColumns.Store(dgate, Pass.DGateA + at, count);
            TColumns.Store(dy * i, Pass.DX + at, count);
            TColumns.Store(dy * x * (i * (V.Const(1) - i)), Pass.DGateX + at, count);
        }

        private static void Flush(V* from, T* to, int channels, bool clear)
        {
            for (var c = 0; c < channels; c += V.Count, from++)
            {
                V.StorePartial(*from, to + c, Math.Min(V.Count, channels - c));
                if (clear) *from = V.Zero;
            }
        }
    }
}
