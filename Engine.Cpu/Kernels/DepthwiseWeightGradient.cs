using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>dweight[c, j] = Σ_b,t g[b, t, c] x[b, t + j - left, c] and dbias[c] = Σ_b,t g[b, t, c], with the same taps left
/// out as in the convolution.</summary>
/// <remarks>Stretches of time are summed in ascending time by fused operations; the stretches' sums are added as a
/// binary tree. The tree depends on the shape alone. Error: about (128 + log₂ stretches) roundings of Σ|g x| at worst.</remarks>
internal unsafe struct DepthwiseWeightGradient<T> : ILanesAction<T> where T : unmanaged
{
    /// <summary>[B, YLength, C] and [B, XLength, C].</summary>
    public T* G, X;

    /// <summary>[C, K] and [C]; null: not wanted.</summary>
    public T* DWeight, DBias;

    /// <summary>As in <see cref="DepthwiseConvolution{T}"/>.</summary>
    public int* XSegments, YSegments;

    public long SegmentStride;
    public int Batch, XLength, YLength, Channels, Taps, Left;

    private const int RowsAtOnce = 16;

    public readonly void Invoke<V>() where V : unmanaged, ILanes<V, T>
    {
        // Each stretch has a row of sums per tap and one for the bias, [K + 1, C].
        var stretches = new TimeStretches(Batch, YLength);
        var size = (long)(Taps + 1) * Channels;
        using var sums = new Scratch<T>(stretches.Count * size);
        var split = new ChannelTiles(1, Channels, 4 * V.Count);
        var body = new Tiles<V> { Gradient = this, Split = split, Stretches = stretches, Sums = sums.Pointer };
        var perStep = split.NanosecondsPerStep(2 * sizeof(T)) * (1 + 0.5 * Taps);
        WorkerPool.For(split.Count * stretches.Count, perStep * TimeStretches.Most, ref body);

        StretchSums<V, T>.Fold(sums.Pointer, stretches.Count, size);
        Write(sums.Pointer, stretches.Count > 0);
    }

    private readonly void Write(T* sums, bool any)
    {
        if (DWeight != null)
            for (var c = 0; c < Channels; c++)
                for (var j = 0; j < Taps; j++) DWeight[(long)c * Taps + j] = any ? sums[(long)j * Channels + c] : default;
        if (DBias != null)
            for (var c = 0; c < Channels; c++) DBias[c] = any ? sums[(long)Taps * Channels + c] : default;
    }

    private struct Tiles<V> : ITiles where V : unmanaged, ILanes<V, T>
    {
        public DepthwiseWeightGradient<T> Gradient;
        public ChannelTiles Split;
        public TimeStretches Stretches;
        public T* Sums;

        public readonly void Run(long tile)
        {
            var stretch = tile / Split.Count;
            var (_, first, channels) = Split[tile % Split.Count];
            var sums = Sums + stretch * (Gradient.Taps + 1) * Gradient.Channels + first;
            for (var j = 0; j <= Gradient.Taps; j++) new Span<T>(sums + (long)j * Gradient.Channels, channels).Clear();
            var (row, start, end) = Stretches[stretch];

            // A few rows at a time, all channels of the tile over them: they stay in the first cache.
            for (; start < end; start += RowsAtOnce)
            {
                var stop = Math.Min(start + RowsAtOnce, end);
                var c = 0;
                for (; c + V.Count <= channels; c += V.Count) Column<WholeColumns<V, T>>(row, start, stop, first + c, V.Count, sums + c);
                if (c < channels) Column<EdgeColumns<V, T>>(row, start, stop, first + c, channels - c, sums + c);
            }
        }

        private readonly void Column<TColumns>(int row, int start, int end, int channel, int count, T* sums) where TColumns : struct, IColumns<V, T>
        {
            nint width = Gradient.Channels;
            if (Gradient.DWeight != null)
            {
                var j = 0;
                for (; j + 4 <= Gradient.Taps; j += 4) FourTaps<TColumns>(row, start, end, j, channel, count, sums + j * width);
                for (; j < Gradient.Taps; j++) OneTap<TColumns>(row, start, end, j, channel, count, sums + j * width);
            }

            sums += Gradient.Taps * width;
            var bias = TColumns.Load(sums, count);
            var g = Gradient.G + ((long)row * Gradient.YLength + start) * width + channel;
            for (var t = start; t < end; t++, g += width) bias += TColumns.Load(g, count);
            TColumns.Store(bias, sums, count);
        }

        /// <summary>Four taps over one reading of g where all four lie inside x and segments do not matter; elsewhere each by
        /// itself. A sum gets its terms in ascending time either way.</summary>
        private readonly void FourTaps<TColumns>(int row, int start, int end, int j, int channel, int count, T* sums)
            where TColumns : struct, IColumns<V, T>
        {
            nint width = Gradient.Channels;
            if (Gradient.XSegments != null || start + j < Gradient.Left || end + j + 3 - Gradient.Left > Gradient.XLength)
            {
                for (var k = 0; k < 4; k++) OneTap<TColumns>(row, start, end, j + k, channel, count, sums + k * width);
                return;
            }

            V s0 = TColumns.Load(sums, count), s1 = TColumns.Load(sums + width, count);
            V s2 = TColumns.Load(sums + 2 * width, count), s3 = TColumns.Load(sums + 3 * width, count);
            var g = Gradient.G + ((long)row * Gradient.YLength + start) * width + channel;
            var x = Gradient.X + ((long)row * Gradient.XLength + start + j - Gradient.Left) * width + channel;
            for (var t = start; t < end; t++, g += width, x += width)
            {
                var gt = TColumns.Load(g, count);
                s0 = V.MultiplyAdd(gt, TColumns.Load(x, count), s0);
                s1 = V.MultiplyAdd(gt, TColumns.Load(x + width, count), s1);
                s2 = V.MultiplyAdd(gt, TColumns.Load(x + 2 * width, count), s2);
                s3 = V.MultiplyAdd(gt, TColumns.Load(x + 3 * width, count), s3);
            }

            TColumns.Store(s0, sums, count);
            TColumns.Store(s1, sums + width, count);
            TColumns.Store(s2, sums + 2 * width, count);
            TColumns.Store(s3, sums + 3 * width, count);
        }

        private readonly void OneTap<TColumns>(int row, int start, int end, int j, int channel, int count, T* sums)
            where TColumns : struct, IColumns<V, T>
        {
            nint width = Gradient.Channels;
            var from = Math.Max(start, Gradient.Left - j);
            var to = Math.Min(end, Gradient.XLength + Gradient.Left - j);
            var sum = TColumns.Load(sums, count);
            var g = Gradient.G + ((long)row * Gradient.YLength + from) * width + channel;
            var x = Gradient.X + ((long)row * Gradient.XLength + from + j - Gradient.Left) * width + channel;
            for (var t = from; t < to; t++, g += width, x += width)
            {
                if (Gradient.XSegments != null && !SameSegment(row, t, j)) continue;
                sum = V.MultiplyAdd(TColumns.Load(g, count), TColumns.Load(x, count), sum);
            }

            TColumns.Store(sum, sums, count);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly bool SameSegment(int row, int t, int j)
        {
            var at = row * Gradient.SegmentStride;
            return Gradient.XSegments[at + t + j - Gradient.Left] == Gradient.YSegments[at + t];
        }
    }
}
