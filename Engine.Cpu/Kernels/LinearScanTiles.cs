using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>h_t = a_t h_{t-1} + b_t, one fused operation per step and channel; nothing is divided, so a may be 0.</summary>
/// <remarks>A tile is one batch row and up to sixteen registers of channels. Whole registers are done row after row: memory
/// is read as it lies, and the state is the row of h just written. The last channels, fewer than a register, keep
/// their state in a register (a masked store cannot be forwarded to the next step's load). Time is not split: the order of
/// operations is that of the equation.</remarks>
internal unsafe struct LinearScan<T>(int batch, int length, int width) : ILanesAction<T> where T : unmanaged
{
    public T* A, B, Initial, H;
    public bool Reverse;
    private readonly int _batch = batch, _length = length, _width = width;

    public readonly void Invoke<V>() where V : unmanaged, ILanes<V, T>
    {
        var split = new ChannelTiles(_batch, _width, 16 * V.Count);
        var body = new Tiles<V> { Scan = this, Split = split };
        WorkerPool.For(split.Count, _length * split.NanosecondsPerStep(3 * sizeof(T)), ref body);
    }

    private struct Tiles<V> : ITiles where V : unmanaged, ILanes<V, T>
    {
        public LinearScan<T> Scan;
        public ChannelTiles Split;

        public readonly void Run(long tile)
        {
            var (row, first, channels) = Split[tile];
            var whole = channels / V.Count * V.Count;
            if (whole > 0) Whole(row, first, whole);
            if (whole < channels) Edge(row, first + whole, channels - whole);
        }

        private readonly void Whole(int row, int first, int channels)
        {
            var (at, step) = Start(row, first);
            var state = Scan.Initial == null ? null : Scan.Initial + (long)row * Scan._width + first;
            for (var t = 0; t < Scan._length; t++, at += step)
            {
                T* a = Scan.A + at, b = Scan.B + at, h = Scan.H + at;
                for (var c = 0; c < channels; c += V.Count)
                {
                    var before = state == null ? V.Zero : V.Load(state + c);
                    V.Store(V.MultiplyAdd(V.Load(a + c), before, V.Load(b + c)), h + c);
                }

                state = h;
            }
        }

        private readonly void Edge(int row, int first, int channels)
        {
            var (at, step) = Start(row, first);
            var state = Scan.Initial == null ? V.Zero : V.LoadPartial(Scan.Initial + (long)row * Scan._width + first, channels);
            for (var t = 0; t < Scan._length; t++, at += step)
            {
                state = V.MultiplyAdd(V.LoadPartial(Scan.A + at, channels), state, V.LoadPartial(Scan.B + at, channels));
                V.StorePartial(state, Scan.H + at, channels);
            }
        }

        /// <summary>Where the first step lies, and the way to the next.</summary>
        private readonly (long At, nint Step) Start(int row, int channel) =>
            (((long)row * Scan._length + (Scan.Reverse ? Scan._length - 1 : 0)) * Scan._width + channel, Scan.Reverse ? -Scan._width : Scan._width);
    }
}

/// <summary>The adjoint: λ_t = dh_t + a_{t+1} λ_{t+1} from the last step down (dfinal in place of the last term),
/// db_t = λ_t, da_t = λ_t h_{t-1}, dinitial = a_0 λ_0. Tiles as in <see cref="LinearScan{T}"/>.</summary>
internal unsafe struct LinearScanBackward<T>(int batch, int length, int width) : ILanesAction<T> where T : unmanaged
{
    public T* DH, DFinal, A, H, Initial, DA, DB, DInitial;
    private readonly int _batch = batch, _length = length, _width = width;

    public readonly void Invoke<V>() where V : unmanaged, ILanes<V, T>
    {
        var split = new ChannelTiles(_batch, _width, 16 * V.Count);
        var body = new Tiles<V> { Scan = this, Split = split };
        WorkerPool.For(split.Count, _length * split.NanosecondsPerStep(5 * sizeof(T)), ref body);
    }

    private struct Tiles<V> : ITiles where V : unmanaged, ILanes<V, T>
    {
        public LinearScanBackward<T> Scan;
        public ChannelTiles Split;

        public readonly void Run(long tile)
        {
            var (row, first, channels) = Split[tile];
            var whole = channels / V.Count * V.Count;
            if (whole > 0) Whole(row, first, whole);
            if (whole < channels) Edge(row, first + whole, channels - whole);
        }

        private readonly void Whole(int row, int first, int channels)
        {
            int width = Scan._width, last = Scan._length - 1;
            var ends = (long)row * width + first;
            var at = ((long)row * Scan._length + last) * width + first;
            for (var t = last; t >= 0; t--, at -= width)
            {
                T* dh = Scan.DH + at, after = Scan.A + at + width, da = Scan.DA + at, db = Scan.DB + at;
                var before = t > 0 ? Scan.H + at - width : Scan.Initial == null ? null : Scan.Initial + ends;
                for (var c = 0; c < channels; c += V.Count)
                {
                    var lambda = V.Load(dh + c);
                    if (t < last) lambda = V.MultiplyAdd(V.Load(after + c), V.Load(db + width + c), lambda);
                    else if (Scan.DFinal != null) lambda += V.Load(Scan.DFinal + ends + c);
                    V.Store(lambda, db + c);
                    V.Store(before == null ? V.Zero : lambda * V.Load(before + c), da + c);
                }
            }

            if (Scan.DInitial == null) return;
            at += width;
            for (var c = 0; c < channels; c += V.Count)
            {
                var initial = last >= 0 ? V.Load(Scan.A + at + c) * V.Load(Scan.DB + at + c)
                    : Scan.DFinal != null ? V.Load(Scan.DFinal + ends + c)
                    : V.Zero;
                V.Store(initial, Scan.DInitial + ends + c);
            }
        }

        private readonly void Edge(int row, int first, int channels)
        {
            int width = Scan._width, last = Scan._length - 1;
            var ends = (long)row * width + first;
            var at = ((long)row * Scan._length + last) * width + first;
            V lambda = Scan.DFinal == null ? V.Zero : V.LoadPartial(Scan.DFinal + ends, channels), after = V.Const(1);
            for (var t = last; t >= 0; t--, at -= width)
            {
                // With after = 1 the last step is dh + dfinal, as in whole registers.
                var dh = V.LoadPartial(Scan.DH + at, channels);
                lambda = t == last && Scan.DFinal == null ? dh : V.MultiplyAdd(after, lambda, dh);
                after = V.LoadPartial(Scan.A + at, channels);
                V.StorePartial(lambda, Scan.DB + at, channels);
                var product = t > 0 ? lambda * V.LoadPartial(Scan.H + at - width, channels)
                    : Scan.Initial != null ? lambda * V.LoadPartial(Scan.Initial + ends, channels)
                    : V.Zero;
                V.StorePartial(product, Scan.DA + at, channels);
            }

            if (Scan.DInitial != null) V.StorePartial(after * lambda, Scan.DInitial + ends, channels);
        }
    }
}
