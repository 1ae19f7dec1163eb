using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>The one skeleton of the elementwise kernels: y = op(a, b, c) over tensors of one shape and dtype.</summary>
/// <remarks>
/// <para>Every element goes through the same lane code, tails by a partial load and store, strided operands by way of a
/// small block on the stack: its bits depend neither on strides nor on its position. The result may be one of the
/// operands itself.</para>
/// </remarks>
internal static unsafe class Elementwise
{
    /// <summary>Results of at least this many bytes are written past the caches: they would not stay there, and the
    /// memory is spared reading each line before it is overwritten.</summary>
    public const long NonTemporalFrom = 16L << 20;

    /// <summary>y = op(a, b, c). Operands the op does not read may be null.</summary>
    [SkipLocalsInit]
    public static void Run<TOp, T>(Tensor? a, Tensor? b, Tensor? c, Tensor y, double p = 0, double q = 0)
        where TOp : IElementwiseOp
        where T : unmanaged
    {
        a ??= y;
        b ??= y;
        c ??= y;
        fixed (byte* pa = &a.Storage.HostData, pb = &b.Storage.HostData, pc = &c.Storage.HostData, py = &y.Storage.HostData)
        {
            T* xa = (T*)pa + a.Offset, xb = (T*)pb + b.Offset, xc = (T*)pc + c.Offset, xy = (T*)py + y.Offset;
            if (y.IsContiguous
                && ((TOp.Operands & 1) == 0 || a.IsContiguous)
                && ((TOp.Operands & 2) == 0 || b.IsContiguous)
                && ((TOp.Operands & 4) == 0 || c.IsContiguous))
            {
                Contiguous<TOp, T>(xa, xb, xc, xy, y.Count, p, q);
                return;
            }

            var nest = new LoopNest(y.Layout, sizeof(T));
            var at = stackalloc byte*[LoopNest.MaxOperands] { (byte*)xy, (byte*)xa, (byte*)xb, (byte*)xc };
            nest.Set(1, (TOp.Operands & 1) != 0 ? a.Layout : y.Layout, sizeof(T));
            nest.Set(2, (TOp.Operands & 2) != 0 ? b.Layout : y.Layout, sizeof(T));
            nest.Set(3, (TOp.Operands & 4) != 0 ? c.Layout : y.Layout, sizeof(T));
            Strided<TOp, T>(ref nest, at, p, q);
        }
    }

    /// <summary>y = op(a, s), or op(s, a), as <see cref="Run"/> for an operand of stride 0.</summary>
    [SkipLocalsInit]
    public static void RunScalar<TOp, T>(Tensor a, T s, bool scalarFirst, Tensor y)
        where TOp : IElementwiseOp
        where T : unmanaged
    {
        fixed (byte* pa = &a.Storage.HostData, py = &y.Storage.HostData)
        {
            T* xa = (T*)pa + a.Offset, xy = (T*)py + y.Offset;
            if (y.Count <= LoopNest.TileElements && y.IsContiguous && a.IsContiguous)
            {
                if (scalarFirst) Direct<TOp, T>(&s, 0, xa, 1, xa, 0, xy, y.Count, 0, 0);
                else Direct<TOp, T>(xa, 1, &s, 0, xa, 0, xy, y.Count, 0, 0);
                return;
            }

            var nest = new LoopNest(y.Layout, sizeof(T));
            byte* first = scalarFirst ? (byte*)&s : (byte*)xa, second = scalarFirst ? (byte*)xa : (byte*)&s;
            var at = stackalloc byte*[LoopNest.MaxOperands] { (byte*)xy, first, second, (byte*)xy };
            nest.Set(scalarFirst ? 2 : 1, a.Layout, sizeof(T));
            nest.Set(3, y.Layout, sizeof(T));
            Strided<TOp, T>(ref nest, at, 0, 0);
        }
    }

    /// <summary>y[i] = op(a[i], b[i], c[i]) for i below n.</summary>
    public static void Contiguous<TOp, T>(T* a, T* b, T* c, T* y, long n, double p, double q)
        where TOp : IElementwiseOp
        where T : unmanaged
    {
        if (n <= LoopNest.TileElements)
        {
            Direct<TOp, T>(a, 1, b, 1, c, 1, y, n, p, q);
            return;
        }

        var tiles = new ContiguousTiles<TOp, T>(a, b, c, y, n, p, q);
        var count = (n + LoopNest.TileElements - 1) / LoopNest.TileElements;
        WorkerPool.For(count, LoopNest.TileElements * Cost<TOp, T>(), ref tiles);
    }

    private static double Cost<TOp, T>() where TOp : IElementwiseOp where T : unmanaged => TOp.Nanoseconds * sizeof(T) / 4;

    private static void Strided<TOp, T>(ref LoopNest nest, byte** at, double p, double q)
        where TOp : IElementwiseOp
        where T : unmanaged
    {
        if (Isa.Has512)
        {
            var row = new StagedRow<TOp, Lanes512<T>, T>(p, q);
            nest.Run(at, Cost<TOp, T>(), ref row);
        }
        else if (Isa.Has256)
        {
            var row = new StagedRow<TOp, Lanes256<T>, T>(p, q);
            nest.Run(at, Cost<TOp, T>(), ref row);
        }
        else
        {
            var row = new StagedRow<TOp, Lanes128<T>, T>(p, q);
            nest.Run(at, Cost<TOp, T>(), ref row);
        }
    }

    /// <summary>One run in the widest registers. An operand with step 0 is one element for all, with step 1 an array.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Direct<TOp, T>(T* a, int stepA, T* b, int stepB, T* c, int stepC, T* y, long n, double p, double q)
        where TOp : IElementwiseOp
        where T : unmanaged
    {
        if (Isa.Has512) Loop<TOp, Lanes512<T>, T>(a, stepA, b, stepB, c, stepC, y, n, p, q);
        else if (Isa.Has256) Loop<TOp, Lanes256<T>, T>(a, stepA, b, stepB, c, stepC, y, n, p, q);
        else Loop<TOp, Lanes128<T>, T>(a, stepA, b, stepB, c, stepC, y, n, p, q);
    }

    [SkipLocalsInit]
    private static void Loop<TOp, V, T>(T* a, int stepA, T* b, int stepB, T* c, int stepC, T* y, long n, double p, double q)
        where TOp : IElementwiseOp
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
    {
        // One element for all becomes a register's worth of memory that is read over and over.
        V splatA, splatB, splatC;
        if (stepA == 0 && (TOp.Operands & 1) != 0) { splatA = V.Splat(*a); a = (T*)&splatA; }
        if (stepB == 0 && (TOp.Operands & 2) != 0) { splatB = V.Splat(*b); b = (T*)&splatB; }
        if (stepC == 0 && (TOp.Operands & 4) != 0) { splatC = V.Splat(*c); c = (T*)&splatC; }
        V vp = V.Const(p), vq = V.Const(q);
        nint nextA = stepA * V.Count, nextB = stepB * V.Count, nextC = stepC * V.Count;
        for (; n >= V.Count; n -= V.Count)
        {
            V.Store(TOp.Invoke<V, T>(
                (TOp.Operands & 1) != 0 ? V.Load(a) : default,
                (TOp.Operands & 2) != 0 ? V.Load(b) : default,
                (TOp.Operands & 4) != 0 ? V.Load(c) : default, vp, vq), y);
            a += nextA;
            b += nextB;
            c += nextC;
            y += V.Count;
        }

        if (n == 0) return;
        var rest = (int)n;
        V.StorePartial(TOp.Invoke<V, T>(
            (TOp.Operands & 1) != 0 ? V.LoadPartial(a, rest) : default,
            (TOp.Operands & 2) != 0 ? V.LoadPartial(b, rest) : default,
            (TOp.Operands & 4) != 0 ? V.LoadPartial(c, rest) : default, vp, vq), y, rest);
    }

    private static void LoopNonTemporal<TOp, V, T>(T* a, T* b, T* c, T* y, long n, double p, double q)
        where TOp : IElementwiseOp
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
    {
        // Up to the first whole register of the result, and after the last, by the ordinary loop.
        var head = ((-(nint)y) & (sizeof(V) - 1)) / sizeof(T);
        Loop<TOp, V, T>(a, 1, b, 1, c, 1, y, head, p, q);
        V vp = V.Const(p), vq = V.Const(q);
        nint i = head;
        for (; i + V.Count <= n; i += V.Count)
            V.StoreNonTemporal(TOp.Invoke<V, T>(
                (TOp.Operands & 1) != 0 ? V.Load(a + i) : default,
                (TOp.Operands & 2) != 0 ? V.Load(b + i) : default,
                (TOp.Operands & 4) != 0 ? V.Load(c + i) : default, vp, vq), y + i);
        if (Sse.IsSupported) Sse.StoreFence();
        Loop<TOp, V, T>(a + i, 1, b + i, 1, c + i, 1, y + i, n - i, p, q);
    }

    private readonly struct ContiguousTiles<TOp, T>(T* a, T* b, T* c, T* y, long n, double p, double q) : ITiles
        where TOp : IElementwiseOp
        where T : unmanaged
    {
        // A result that is an operand too is in the caches by being read.
        private readonly bool _nonTemporal = n * sizeof(T) >= NonTemporalFrom && (nint)y % sizeof(T) == 0
            && ((TOp.Operands & 1) == 0 || y != a) && ((TOp.Operands & 2) == 0 || y != b) && ((TOp.Operands & 4) == 0 || y != c);

        public void Run(long tile)
        {
            var start = tile * LoopNest.TileElements;
            var count = Math.Min(LoopNest.TileElements, n - start);
            if (!_nonTemporal) Direct<TOp, T>(a + start, 1, b + start, 1, c + start, 1, y + start, count, p, q);
            else if (Isa.Has512) LoopNonTemporal<TOp, Lanes512<T>, T>(a + start, b + start, c + start, y + start, count, p, q);
            else if (Isa.Has256) LoopNonTemporal<TOp, Lanes256<T>, T>(a + start, b + start, c + start, y + start, count, p, q);
            else LoopNonTemporal<TOp, Lanes128<T>, T>(a + start, b + start, c + start, y + start, count, p, q);
        }
    }

    /// <summary>A row whose operands may have any step: what does not lie in a run is collected into blocks on the stack.</summary>
    private readonly struct StagedRow<TOp, V, T>(double p, double q) : IRow
        where TOp : IElementwiseOp
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
    {
        private const int Block = 256;

        [SkipLocalsInit]
        public void Run(byte** at, long* step, long count)
        {
            byte* y = at[0], a = at[1], b = at[2], c = at[3];
            if (step[0] == sizeof(T) && IsRunOrOne(0b001, step[1]) && IsRunOrOne(0b010, step[2]) && IsRunOrOne(0b100, step[3]))
            {
                Loop<TOp, V, T>((T*)a, Step(step[1]), (T*)b, Step(step[2]), (T*)c, Step(step[3]), (T*)y, count, p, q);
                return;
            }

            T* blockA = stackalloc T[Block], blockB = stackalloc T[Block], blockC = stackalloc T[Block], blockY = stackalloc T[Block];
            for (long done = 0; done < count; done += Block)
            {
                var n = (int)Math.Min(Block, count - done);
                var xa = (T*)a;
                var xb = (T*)b;
                var xc = (T*)c;
                if (!IsRunOrOne(0b001, step[1])) Strides.Gather(a, step[1], xa = blockA, n);
                if (!IsRunOrOne(0b010, step[2])) Strides.Gather(b, step[2], xb = blockB, n);
                if (!IsRunOrOne(0b100, step[3])) Strides.Gather(c, step[3], xc = blockC, n);
                var direct = step[0] == sizeof(T);
                Loop<TOp, V, T>(xa, Step(step[1]), xb, Step(step[2]), xc, Step(step[3]), direct ? (T*)y : blockY, n, p, q);
                if (!direct) Strides.Scatter(blockY, y, step[0], n);
                a += n * step[1];
                b += n * step[2];
                c += n * step[3];
                y += n * step[0];
            }
        }

        private static bool IsRunOrOne(int operand, long step) => (TOp.Operands & operand) == 0 || step == sizeof(T) || step == 0;

        private static int Step(long step) => step == 0 ? 0 : 1;
    }
}
