using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>y_t = bias + Σ_j w_j x_(t + j - left) for each channel by itself; x is zero outside its length.</summary>
/// <remarks>Taps are added in ascending j, one fused operation each, on top of the bias; taps outside x and taps of another
/// segment are left out. A tile is a stretch of outputs of one batch row and some registers of channels.</remarks>
internal unsafe struct DepthwiseConvolution<T> : ILanesAction<T> where T : unmanaged
{
    /// <summary>[B, XLength, C], [B, YLength, C].</summary>
    public T* X, Y;

    /// <summary>[K, C]; [C] or null.</summary>
    public T* Weight, Bias;

    /// <summary>Null, or a row per batch row: tap x_i counts for output y_t only where XSegments[i] = YSegments[t].</summary>
    public int* XSegments, YSegments;

    public long SegmentStride;
    public int Batch, XLength, YLength, Channels, Taps, Left;

    private const int TileLength = 64;

    public readonly void Invoke<V>() where V : unmanaged, ILanes<V, T>
    {
        var split = new ChannelTiles(Batch, Channels, 4 * V.Count);
        var stretches = (YLength + TileLength - 1) / TileLength;
        var body = new Tiles<V> { Conv = this, Split = split, Stretches = stretches };
        var perStep = split.NanosecondsPerStep(2 * sizeof(T)) * (1 + 0.5 * Taps);
        WorkerPool.For(split.Count * stretches, perStep * TileLength, ref body);
    }

    private struct Tiles<V> : ITiles where V : unmanaged, ILanes<V, T>
    {
        public DepthwiseConvolution<T> Conv;
        public ChannelTiles Split;
        public int Stretches;

        public readonly void Run(long tile)
        {
            var (row, first, channels) = Split[tile / Stretches];
            var start = (int)(tile % Stretches) * TileLength;
            var end = Math.Min(start + TileLength, Conv.YLength);

            // Outputs whose taps all lie inside x, four at a time so that four sums are under way at once.
            int inside = Math.Max(start, Conv.Left), insideEnd = Math.Min(end, Conv.XLength + Conv.Left - Conv.Taps + 1);
            if (Conv.XSegments != null || inside + 4 > insideEnd)
            {
                for (var t = start; t < end; t++) Position(row, t, first, channels);
                return;
            }

            for (var t = start; t < inside; t++) Position(row, t, first, channels);
            for (; inside + 4 <= insideEnd; inside += 4) FourPositions(row, inside, first, channels);
            for (var t = inside; t < end; t++) Position(row, t, first, channels);
        }

        private readonly void Position(int row, int t, int first, int channels)
        {
            var c = 0;
            for (; c + V.Count <= channels; c += V.Count) One<WholeColumns<V, T>>(row, t, first + c, V.Count);
            if (c < channels) One<EdgeColumns<V, T>>(row, t, first + c, channels - c);
        }

        private readonly void FourPositions(int row, int t, int first, int channels)
        {
            var c = 0;
            for (; c + V.Count <= channels; c += V.Count) Four<WholeColumns<V, T>>(row, t, first + c, V.Count);
            if (c < channels) Four<EdgeColumns<V, T>>(row, t, first + c, channels - c);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void One<TColumns>(int row, int t, int channel, int count) where TColumns : struct, IColumns<V, T>
        {
            var width = Conv.Channels;
            var sum = Conv.Bias == null ? V.Zero : TColumns.Load(Conv.Bias + channel, count);
            var from = t - Conv.Left;
            var x = Conv.X + ((long)row * Conv.XLength + from) * width + channel;
            int j = Math.Max(0, -from), end = Math.Min(Conv.Taps, Conv.XLength - from);
            if (Conv.XSegments == null)
            {
                for (; j < end; j++) sum = Add<TColumns>(sum, x, j, channel, count);
            }
            else
            {
                var segments = Conv.XSegments + row * Conv.SegmentStride + from;
                var own = Conv.YSegments[row * Conv.SegmentStride + t];
                for (; j < end; j++)
                    if (segments[j] == own) sum = Add<TColumns>(sum, x, j, channel, count);
            }

            TColumns.Store(sum, Conv.Y + ((long)row * Conv.YLength + t) * width + channel, count);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly V Add<TColumns>(V sum, T* x, int j, int channel, int count) where TColumns : struct, IColumns<V, T> =>
            V.MultiplyAdd(TColumns.Load(Conv.Weight + (long)j * Conv.Channels + channel, count), TColumns.Load(x + (long)j * Conv.Channels, count), sum);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Four<TColumns>(int row, int t, int channel, int count) where TColumns : struct, IColumns<V, T>
        {
            nint width = Conv.Channels;
            var s0 = Conv.Bias == null ? V.Zero : TColumns.Load(Conv.Bias + channel, count);
            V s1 = s0, s2 = s0, s3 = s0;
            var x = Conv.X + ((long)row * Conv.XLength + t - Conv.Left) * width + channel;
            var weight = Conv.Weight + channel;
            for (var j = 0; j < Conv.Taps; j++, weight += width, x += width)
            {
                var w = TColumns.Load(weight, count);
                s0 = V.MultiplyAdd(w, TColumns.Load(x, count), s0);
                s1 = V.MultiplyAdd(w, TColumns.Load(x + width, count), s1);
                s2 = V.MultiplyAdd(w, TColumns.Load(x + 2 * width, count), s2);
                s3 = V.MultiplyAdd(w, TColumns.Load(x + 3 * width, count), s3);
            }

            var y = Conv.Y + ((long)row * Conv.YLength + t) * width + channel;
            TColumns.Store(s0, y, count);
            TColumns.Store(s1, y + width, count);
            TColumns.Store(s2, y + 2 * width, count);
            TColumns.Store(s3, y + 3 * width, count);
        }
    }
}
