using System.Numerics;
using System.Numerics.Tensors;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void ScatterAdd(Tensor src, Tensor index, int axis, Tensor y) => ScatterAdd(src, index, index.Strides, axis, y);

    /// <inheritdoc/>
    public void IndexAdd(Tensor src, Tensor index, int axis, Tensor y) =>
        ScatterAdd(src, index, AlongAxis(index, axis, stackalloc long[y.Rank]), axis, y);

    private static void ScatterAdd(Tensor src, Tensor index, ReadOnlySpan<long> indexStrides, int axis, Tensor y)
    {
        switch (y.DType)
        {
            case DType.Float32: ScatterAdd<float>(src, index, indexStrides, axis, y); break;
            case DType.Float64: ScatterAdd<double>(src, index, indexStrides, axis, y); break;
            case DType.Int32: ScatterAdd<int>(src, index, indexStrides, axis, y); break;
            case DType.Int64: ScatterAdd<long>(src, index, indexStrides, axis, y); break;
            default: throw TensorException.For("ScatterAdd", "adds only f32, f64, i32 and i64: convert with To", y);
        }
    }

    private static unsafe void ScatterAdd<T>(Tensor src, Tensor index, ReadOnlySpan<long> indexStrides, int axis, Tensor y)
        where T : unmanaged, INumber<T>
    {
        if (src.Count == 0) return;

        // Two elements meet only if they differ on the axis alone, so everything else is free to go parallel. The axes
        // inside the scattered one make up the runs: their elements lie side by side and share an index if they can.
        var extents = src.Shape.AsSpan();
        var outer = LineGrid.Over(extents[..axis], skip: 0, y.Strides, src.Strides, indexStrides);
        var inner = LineGrid.Over(extents[(axis + 1)..], skip: 0,
            y.Strides[(axis + 1)..], src.Strides[(axis + 1)..], indexStrides[(axis + 1)..]);
        var run = inner.TakeInnermost();
        var along = new Run(extents[axis], y.Strides[axis], src.Strides[axis], indexStrides[axis]);
        var lines = outer.Count * inner.Count;

        // A narrow piece, for a single table of rows is the common case and its width is all there is to share out.
        var tiles = new LineTiles(lines, run.Extent, grain: 128);
        fixed (byte* ps = &src.Storage.HostData, pi = &index.Storage.HostData, py = &y.Storage.HostData)
        {
            var body = new ScatterAddTiles<T>(outer, inner, along, run, tiles,
                (T*)ps + src.Offset, (long*)pi + index.Offset, (T*)py + y.Offset);
            WorkerPool.For(tiles.Count, tiles.Elements * along.Extent * 1.0, ref body);
        }
    }

    private readonly unsafe struct ScatterAddTiles<T>(
        LineGrid outer, LineGrid inner, Run along, Run run, LineTiles tiles, T* src, long* index, T* y)
        : ITiles where T : unmanaged, INumber<T>
    {
        public void Run(long tile)
        {
            var (first, end, start, length) = tiles[tile];
            for (var line = first; line < end; line++)
            {
                var (outerLine, innerLine) = Math.DivRem(line, inner.Count);
                var (y0, s0, i0) = outer.Locate(outerLine);
                var (y1, s1, i1) = inner.Locate(innerLine);
                var to = y + y0 + y1 + start * run.A;
                var from = src + s0 + s1 + start * run.B;
                var which = index + i0 + i1 + start * run.C;
                if (length == 1)
                {
                    AddLine(to, from, which);
                    continue;
                }

                for (var i = 0; i < along.Extent; i++, from += along.B, which += along.C)
                {
                    if (run.C != 0) AddEach(to, from, which, length);
                    else AddRun(to + *which * along.A, from, length);
                }
            }
        }

        private void AddLine(T* to, T* from, long* which)
        {
            for (var i = 0; i < along.Extent; i++) to[which[i * along.C] * along.A] += from[i * along.B];
        }

        private void AddEach(T* to, T* from, long* which, int length)
        {
            for (var j = 0; j < length; j++)
                to[j * run.A + which[j * run.C] * along.A] += from[j * run.B];
        }

        private void AddRun(T* to, T* from, int length)
        {
            if (run.A == 1 && run.B == 1)
            {
                var sum = new Span<T>(to, length);
                TensorPrimitives.Add(sum, new ReadOnlySpan<T>(from, length), sum);
                return;
            }

            for (var j = 0; j < length; j++) to[j * run.A] += from[j * run.B];
        }
    }
}
