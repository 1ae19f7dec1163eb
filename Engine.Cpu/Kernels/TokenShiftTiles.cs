using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>The extents of a token shift; a tile is one batch row and a stretch of its steps, all channels wide.</summary>
internal readonly record struct TokenShiftGeometry(int Batch, int Length, int Width, int Mixes)
{
    public TimeStretches Stretches => new(Batch, Length);

    /// <summary>Elements of one mix's output, and so the way from one to the next.</summary>
    public long Plane => (long)Batch * Length * Width;

    /// <summary>Where a step lies.</summary>
    public long At(int row, int t) => ((long)row * Length + t) * Width;

    /// <summary>The step before, in x or, before the first, in the state; null: zeros.</summary>
    public unsafe T* Before<T>(T* x, T* initial, int row, int t) where T : unmanaged =>
        t > 0 ? x + At(row, t - 1) : initial == null ? null : initial + (long)row * Width;

    public double NanosecondsPerTile(int bytes) => 0.015 * TimeStretches.Most * Width * (Mixes + 2.0) * bytes;
}

/// <summary>y[m] = x + (previous - x) mix[m], one fused operation per element behind the difference.</summary>
internal unsafe struct TokenShiftForward<T> : ILanesAction<T> where T : unmanaged
{
    public TokenShiftGeometry Geometry;

    /// <summary>[B, L, D], [M, D], [B, D] or null, [M, B, L, D].</summary>
    public T* X, Mix, Initial, Y;

    public readonly void Invoke<V>() where V : unmanaged, ILanes<V, T>
    {
        var body = new Tiles<V> { Shift = this };
        WorkerPool.For(Geometry.Stretches.Count, Geometry.NanosecondsPerTile(sizeof(T)), ref body);
    }

    private struct Tiles<V> : ITiles where V : unmanaged, ILanes<V, T>
    {
        public TokenShiftForward<T> Shift;

        public readonly void Run(long tile)
        {
            var (row, start, end) = Shift.Geometry.Stretches[tile];
            int width = Shift.Geometry.Width, whole = width / V.Count * V.Count;
            for (var t = start; t < end; t++)
            {
                var at = Shift.Geometry.At(row, t);
                var previous = Shift.Geometry.Before(Shift.X, Shift.Initial, row, t);
                for (var c = 0; c < whole; c += V.Count) Step<WholeColumns<V, T>>(at, previous, c, V.Count);
                if (whole < width) Step<EdgeColumns<V, T>>(at, previous, whole, width - whole);
            }
        }

        private readonly void Step<TColumns>(long at, T* previous, int c, int count) where TColumns : struct, IColumns<V, T>
        {
            var x = TColumns.Load(Shift.X + at + c, count);
            var change = (previous == null ? V.Zero : TColumns.Load(previous + c, count)) - x;
            T* mix = Shift.Mix + c, y = Shift.Y + at + c;
            for (var m = 0; m < Shift.Geometry.Mixes; m++, mix += Shift.Geometry.Width, y += Shift.Geometry.Plane)
                TColumns.Store(V.MultiplyAdd(change, TColumns.Load(mix, count), x), y, count);
        }
    }
}

/// <summary>dx_t = Σ_m dy[m]_t - dy[m]_t mix[m] + dy[m]_{t+1} mix[m], dmix[m] = Σ_{b,t} dy[m]_t (x_{t-1} - x_t),
/// dinitial = Σ_m dy[m]_0 mix[m].</summary>
/// <remarks>A stretch's sum for dmix runs in ascending time; the stretches' sums are added as a binary tree that depends on
/// the shape alone. Error: about (128 + log₂ stretches) roundings of Σ|terms| at worst.</remarks>
internal unsafe struct TokenShiftBackward<T> : ILanesAction<T> where T : unmanaged
{
    public TokenShiftGeometry Geometry;

    /// <summary>Shapes as in <see cref="TokenShiftForward{T}"/>; DInitial null: not wanted.</summary>
    public T* DY, X, Mix, Initial, DX, DMix, DInitial;

    public readonly void Invoke<V>() where V : unmanaged, ILanes<V, T>
    {
        var size = (long)Geometry.Mixes * Geometry.Width;
        var stretches = Geometry.Stretches.Count;
        using var sums = new Scratch<T>(Math.Max(1, stretches * size));
        var body = new Tiles<V> { Shift = this, Sums = sums.Pointer };
        WorkerPool.For(stretches, 2 * Geometry.NanosecondsPerTile(sizeof(T)), ref body);
        StretchSums<V, T>.Fold(sums.Pointer, stretches, size);
        var total = new Span<T>(DMix, (int)size);
        if (stretches == 0) total.Clear();
        else new Span<T>(sums.Pointer, (int)size).CopyTo(total);
    }

    private struct Tiles<V> : ITiles where V : unmanaged, ILanes<V, T>
    {
        public TokenShiftBackward<T> Shift;
        public T* Sums;

        public readonly void Run(long tile)
        {
            var (row, start, end) = Shift.Geometry.Stretches[tile];
            int width = Shift.Geometry.Width, whole = width / V.Count * V.Count;
            var sums = Sums + tile * Shift.Geometry.Mixes * width;
            new Span<T>(sums, Shift.Geometry.Mixes * width).Clear();
            for (var t = start; t < end; t++)
            {
                var at = Shift.Geometry.At(row, t);
                var previous = Shift.Geometry.Before(Shift.X, Shift.Initial, row, t);
                var last = t == Shift.Geometry.Length - 1;
                for (var c = 0; c < whole; c += V.Count) Step<WholeColumns<V, T>>(at, previous, last, c, V.Count, sums);
                if (whole < width) Step<EdgeColumns<V, T>>(at, previous, last, whole, width - whole, sums);
            }

            if (start > 0 || Shift.DInitial == null) return;
            var first = Shift.DY + Shift.Geometry.At(row, 0);
            for (var c = 0; c < whole; c += V.Count) Begin<WholeColumns<V, T>>(row, first, c, V.Count);
            if (whole < width) Begin<EdgeColumns<V, T>>(row, first, whole, width - whole);
        }

        private readonly void Step<TColumns>(long at, T* previous, bool last, int c, int count, T* sums) where TColumns : struct, IColumns<V, T>
        {
            var change = (previous == null ? V.Zero : TColumns.Load(previous + c, count)) - TColumns.Load(Shift.X + at + c, count);
            int width = Shift.Geometry.Width;
            T* mix = Shift.Mix + c, dy = Shift.DY + at + c;
            sums += c;
            var dx = V.Zero;
            for (var m = 0; m < Shift.Geometry.Mixes; m++, mix += width, sums += width, dy += Shift.Geometry.Plane)
            {
                V g = TColumns.Load(dy, count), w = TColumns.Load(mix, count);
                dx += g;
                dx = V.MultiplyAdd(last ? V.Zero - g : TColumns.Load(dy + width, count) - g, w, dx);
                TColumns.Store(V.MultiplyAdd(g, change, TColumns.Load(sums, count)), sums, count);
            }

            TColumns.Store(dx, Shift.DX + at + c, count);
        }

        private readonly void Begin<TColumns>(int row, T* dy, int c, int count) where TColumns : struct, IColumns<V, T>
        {
            int width = Shift.Geometry.Width;
            var mix = Shift.Mix + c;
            dy += c;
            var sum = V.Zero;
            for (var m = 0; m < Shift.Geometry.Mixes; m++, mix += width, dy += Shift.Geometry.Plane)
                sum = V.MultiplyAdd(TColumns.Load(dy, count), TColumns.Load(mix, count), sum);
            TColumns.Store(sum, Shift.DInitial + (long)row * width + c, count);
        }
    }
}
