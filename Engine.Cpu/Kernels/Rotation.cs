using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu
{
    public sealed unsafe partial class CpuBackend
    {
        /// <inheritdoc/>
        public void Rotate(Tensor x, Tensor cos, Tensor sin, bool interleaved, bool inverse, Tensor y)
        {
            ArgumentNullException.ThrowIfNull(x);
            ArgumentNullException.ThrowIfNull(cos);
            ArgumentNullException.ThrowIfNull(sin);
            ArgumentNullException.ThrowIfNull(y);
            if (x.DType == DType.Float32) Rotate<float>(x, cos, sin, interleaved, inverse, y);
            else Rotate<double>(x, cos, sin, interleaved, inverse, y);
        }

        private static void Rotate<T>(Tensor x, Tensor cos, Tensor sin, bool interleaved, bool inverse, Tensor y) where T : unmanaged
        {
            fixed (T* px = &x.HostElement<T>(), pc = &cos.HostElement<T>(), ps = &sin.HostElement<T>(), py = &y.HostElement<T>())
            {
                var rotation = new Rotation<T>
                {
                    X = px, Cos = pc, Sin = ps, Y = py,
                    Batch = x.Size(0), Length = x.Size(1), Heads = x.Size(2), Width = x.Size(3),
                    Pairs = cos.Size(2), OneTable = cos.Size(0) == 1,
                    Interleaved = interleaved, Inverse = inverse,
                };
                Isa.Run<T, Rotation<T>>(ref rotation);
            }
        }
    }
}

namespace Edifice.Engine.Cpu.Kernels
{
    /// <summary>(u, w) → (u cos - w sin, w cos + u sin) on pairs of channels, the other channels copied.</summary>
    /// <remarks>One product is rounded, the other goes into the sum by a fused operation: below 1.5 ulp of the pair's
    /// length.</remarks>
    internal unsafe struct Rotation<T> : ILanesAction<T> where T : unmanaged
    {
        public T* X, Cos, Sin, Y;
        public int Batch, Length, Heads, Width, Pairs;
        public bool OneTable, Interleaved, Inverse;

        public void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            // Tiles of whole positions, about 16 Ki elements.
            var positions = (long)Batch * Length;
            var elements = Math.Max(1, Heads * Width);
            var perTile = Math.Max(1, 16 * 1024 / elements);
            var body = new Tiles<V> { Rotation = this, PerTile = perTile, Positions = positions };
            WorkerPool.For((positions + perTile - 1) / perTile, 0.1 * sizeof(T) * elements * perTile, ref body);
        }

        private struct Tiles<V> : ITiles where V : unmanaged, ILanes<V, T>
        {
            public Rotation<T> Rotation;
            public long PerTile, Positions;

            public readonly void Run(long tile)
            {
                var r = Rotation;
                for (var p = tile * PerTile; p < Math.Min(Positions, (tile + 1) * PerTile); p++)
                {
                    var row = (r.OneTable ? p % r.Length : p) * r.Pairs;
                    for (var head = 0; head < r.Heads; head++)
                    {
                        var at = (p * r.Heads + head) * r.Width;
                        if (r.Interleaved) Neighbours(r.X + at, r.Cos + row, r.Sin + row, r.Y + at);
                        else Halves(r.X + at, r.Cos + row, r.Sin + row, r.Y + at);
                        var rest = r.Width - 2 * r.Pairs;
                        if (rest > 0) new Span<T>(r.X + at + 2 * r.Pairs, rest).CopyTo(new Span<T>(r.Y + at + 2 * r.Pairs, rest));
                    }
                }
            }

            private readonly void Halves(T* x, T* cos, T* sin, T* y)
            {
                int n = Rotation.Pairs, i = 0;
                var sign = V.Const(Rotation.Inverse ? -1 : 1);
                for (; i + V.Count <= n; i += V.Count)
                {
                    V u = V.Load(x + i), w = V.Load(x + n + i), c = V.Load(cos + i), s = sign * V.Load(sin + i);
                    V.Store(V.MultiplyAdd(-w, s, u * c), y + i);
                    V.Store(V.MultiplyAdd(u, s, w * c), y + n + i);
                }

                if (i == n) return;
                V ue = V.LoadPartial(x + i, n - i), we = V.LoadPartial(x + n + i, n - i);
                V ce = V.LoadPartial(cos + i, n - i), se = sign * V.LoadPartial(sin + i, n - i);
                V.StorePartial(V.MultiplyAdd(-we, se, ue * ce), y + i, n - i);
                V.StorePartial(V.MultiplyAdd(ue, se, we * ce), y + n + i, n - i);
            }

            private readonly void Neighbours(T* x, T* cos, T* sin, T* y)
            {
                int n = Rotation.Pairs, i = 0;
                var sign = V.Const(Rotation.Inverse ? -1 : 1);
                for (; i + V.Count <= n; i += V.Count, x += 2 * V.Count, y += 2 * V.Count)
                {
                    V low = V.Load(x), high = V.Load(x + V.Count);
                    Turn(low, high, V.Load(cos + i), sign * V.Load(sin + i), out low, out high);
                    V.Store(low, y);
                    V.Store(high, y + V.Count);
                }

                if (i == n) return;
                int first = Math.Min(2 * (n - i), V.Count), second = 2 * (n - i) - first;
                V lowEdge = V.LoadPartial(x, first), highEdge = V.LoadPartial(x + V.Count, second);
                Turn(lowEdge, highEdge, V.LoadPartial(cos + i, n - i), sign * V.LoadPartial(sin + i, n - i), out lowEdge, out highEdge);
                V.StorePartial(lowEdge, y, first);
                V.StorePartial(highEdge, y + V.Count, second);
            }

            [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.AggressiveInlining)]
            private static void Turn(V low, V high, V cos, V sin, out V outLow, out V outHigh)
            {
                V u = V.UnzipEven(low, high), w = V.UnzipOdd(low, high);
                V a = V.MultiplyAdd(-w, sin, u * cos), b = V.MultiplyAdd(u, sin, w * cos);
                outLow = V.ZipLow(a, b);
                outHigh = V.ZipHigh(a, b);
            }
        }
    }
}
