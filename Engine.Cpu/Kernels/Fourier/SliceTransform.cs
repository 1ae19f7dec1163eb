using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>The real part of the two-dimensional transform of real slices [L, H].</summary>
/// <remarks>
/// <para>First the columns. A register holds V.Count of them side by side; two such groups ride together as the real and
/// the imaginary parts of one complex transform Z, from which A_k = (Z_k + conj Z_(L-k))/2 and
/// B_k = (Z_k - conj Z_(L-k))/(2i). Rows k ≤ L/2 are kept.</para>
/// <para>Then the rows: a complex transform of length H each, of which the real part is kept. The other half is
/// out[L - k, H - m] = out[k, m]. In all about 2.5 L H log₂(L H) operations.</para>
/// <para>Error: a few ulp times log₂(L H), relative to the slice's largest output.</para>
/// </remarks>
internal readonly unsafe struct SliceTransform<V, T>(int length, int width)
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    private readonly int _length = length, _width = width;

    // Rows of the half-transformed slice are padded to whole pairs of registers.
    private nint HalfStride => (_width + 2 * V.Count - 1) / (2 * V.Count) * (2 * V.Count);

    private int HalfRows => _length / 2 + 1;

    private long HalfPlane => HalfRows * HalfStride + V.Count;

    /// <summary>Transforms <paramref name="count"/> slices.</summary>
    public void Run(T* x, T* y, long count)
    {
        // 0.25 ns per point and level is about what one thread takes.
        var cost = 0.25 * _length * _width * Math.Log2((double)_length * _width + 1);
        if (count >= WorkerPool.Threads)
        {
            var slices = new WholeSlices { Transform = this, X = x, Y = y };
            WorkerPool.For(count, cost, ref slices);
            return;
        }

        using var half = new Scratch<T>(2 * HalfPlane);
        for (var i = 0L; i < count; i++)
        {
            var columns = new Columns { Transform = this, X = x + i * _length * _width, Half = half.Pointer };
            var blocks = HalfStride / (2 * V.Count);
            WorkerPool.For(blocks, cost / 2 / blocks, ref columns);
            var rows = new Rows { Transform = this, Half = half.Pointer, Y = y + i * _length * _width };
            var groups = rows.Groups;
            WorkerPool.For(groups, cost / 2 / groups, ref rows);
        }
    }

    /// <summary>Tiles of one slice each.</summary>
    private struct WholeSlices : ITiles
    {
        public SliceTransform<V, T> Transform;
        public T* X, Y;

        public readonly void Run(long tile)
        {
            using var half = new Scratch<T>(2 * Transform.HalfPlane);
            var offset = tile * Transform._length * Transform._width;
            var columns = new Columns { Transform = Transform, X = X + offset, Half = half.Pointer };
            var blocks = Transform.HalfStride / (2 * V.Count);
            for (var i = 0; i < blocks; i++) columns.Run(i);
            var rows = new Rows { Transform = Transform, Half = half.Pointer, Y = Y + offset };
            var groups = rows.Groups;
            for (var i = 0; i < groups; i++) rows.Run(i);
        }
    }

    /// <summary>Tiles of two registers of columns each.</summary>
    private struct Columns : ITiles
    {
        public SliceTransform<V, T> Transform;
        public T* X, Half;

        public readonly void Run(long tile)
        {
            int length = Transform._length, width = Transform._width, w = V.Count;
            var plan = LanePlan<V, T>.For(length);
            using var scratch = new Scratch<T>(4L * w * length + plan.ScratchElements);
            var z = LaneRows<T>.Packed(scratch.Pointer, w);
            var first = (int)tile * 2 * w;
            var source = new LaneRows<T>(X + first, w, width);
            if (first + 2 * w > width)
            {
                var edge = LaneRows<T>.Packed(scratch.Pointer + 2L * w * length, w);
                for (var i = 0; i < length; i++) Pad(source.From(i).Re, width - first, edge.From(i).Re);
                source = edge;
            }

            plan.Transform(source, z, scratch.Pointer + 4L * w * length);
            Separate(z, Half + first);
        }

        private static void Pad(T* row, int count, T* padded)
        {
            V.Store(V.LoadPartial(row, Math.Min(count, V.Count)), padded);
            V.Store(V.LoadPartial(row + V.Count, Math.Max(count - V.Count, 0)), padded + V.Count);
        }

        private readonly void Separate(LaneRows<T> z, T* re)
        {
            var stride = Transform.HalfStride;
            var im = re + Transform.HalfPlane;
            var half = V.Const(0.5);
            for (var k = 0; k < Transform.HalfRows; k++, re += stride, im += stride)
            {
                T* p = z.From(k).Re, q = z.From(k == 0 ? 0 : Transform._length - k).Re;
                V pr = half * V.Load(p), pi = half * V.Load(p + z.Im), qr = half * V.Load(q), qi = half * V.Load(q + z.Im);
                V.Store(pr + qr, re);
                V.Store(pi - qi, im);
                V.Store(pi + qi, re + V.Count);
                V.Store(qr - pr, im + V.Count);
            }
        }
    }

    /// <summary>Tiles of as many rows as the row plan takes at a time.</summary>
    private struct Rows : ITiles
    {
        public SliceTransform<V, T> Transform;
        public T* Half, Y;

        public readonly int Groups
        {
            get
            {
                var atOnce = RowPlan<V, T>.For(Transform._width).Rows;
                return (Transform.HalfRows + atOnce - 1) / atOnce;
            }
        }

        public readonly void Run(long tile)
        {
            var width = Transform._width;
            var plan = RowPlan<V, T>.For(width);
            var first = (int)tile * plan.Rows;
            var rows = Math.Min(plan.Rows, Transform.HalfRows - first);
            using var scratch = new Scratch<T>((long)plan.Rows * width + plan.ScratchElements);
            var stride = Transform.HalfStride;
            var imaginary = scratch.Pointer; // of the result: not wanted
            plan.Transform(Half + first * stride, Half + Transform.HalfPlane + first * stride, stride,
                Y + (long)first * width, imaginary, width, rows, scratch.Pointer + (long)plan.Rows * width);
            for (var k = first; k < first + rows; k++)
                if (k != 0 && 2 * k != Transform._length) Mirror(Y + (long)k * width, Y + (long)(Transform._length - k) * width, width);
        }

        private static void Mirror(T* row, T* mirrored, int width)
        {
            mirrored[0] = row[0];
            var m = 1;
            for (; m + V.Count <= width; m += V.Count) V.Store(V.Reverse(V.Load(row + m)), mirrored + width - m - V.Count + 1);
            for (; m < width; m++) mirrored[width - m] = row[m];
        }
    }
}
