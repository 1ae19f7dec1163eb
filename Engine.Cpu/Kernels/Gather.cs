using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void Gather(Tensor x, Tensor index, int axis, Tensor y) => Gather(x, index, index.Strides, axis, y);

    /// <inheritdoc/>
    public void IndexSelect(Tensor x, Tensor index, int axis, Tensor y) =>
        Gather(x, index, AlongAxis(index, axis, stackalloc long[y.Rank]), axis, y);

    /// <summary>Strides that read a one-dimensional index as one of full rank which changes along one axis only.</summary>
    private static ReadOnlySpan<long> AlongAxis(Tensor index, int axis, Span<long> strides)
    {
        strides.Clear();
        strides[axis] = index.Strides[0];
        return strides;
    }

    private static unsafe void Gather(Tensor x, Tensor index, ReadOnlySpan<long> indexStrides, int axis, Tensor y)
    {
        if (y.Count == 0) return;

        // The index replaces the position on the axis, so there x itself stands still.
        Span<long> xStrides = stackalloc long[x.Rank];
        x.Strides.CopyTo(xStrides);
        var step = xStrides[axis];
        xStrides[axis] = 0;
        var lines = LineGrid.Over(y.Shape.AsSpan(), skip: 0, y.Strides, xStrides, indexStrides);
        var run = lines.TakeInnermost();

        fixed (byte* px = &x.Storage.HostData, pi = &index.Storage.HostData, py = &y.Storage.HostData)
        {
            switch (x.DType.SizeOf())
            {
                case 1: Gather<byte>(lines, run, step, px, x.Offset, (long*)pi + index.Offset, py, y.Offset); break;
                case 2: Gather<ushort>(lines, run, step, px, x.Offset, (long*)pi + index.Offset, py, y.Offset); break;
                case 4: Gather<uint>(lines, run, step, px, x.Offset, (long*)pi + index.Offset, py, y.Offset); break;
                default: Gather<ulong>(lines, run, step, px, x.Offset, (long*)pi + index.Offset, py, y.Offset); break;
            }
        }
    }

    private static unsafe void Gather<T>(
        in LineGrid lines, Run run, long step, byte* x, long xOffset, long* index, byte* y, long yOffset) where T : unmanaged
    {
        var tiles = new LineTiles(lines.Count, run.Extent);
        var body = new GatherTiles<T>(lines, run, tiles, step, (T*)x + xOffset, index, (T*)y + yOffset);
        WorkerPool.For(tiles.Count, tiles.Elements * 1.0, ref body);
    }

    private readonly unsafe struct GatherTiles<T>(LineGrid lines, Run run, LineTiles tiles, long step, T* x, long* index, T* y)
        : ITiles where T : unmanaged
    {
        public void Run(long tile)
        {
            var (first, end, start, length) = tiles[tile];
            for (var line = first; line < end; line++)
            {
                var (yAt, xAt, indexAt) = lines.Locate(line);
                var to = y + yAt + start * run.A;
                var from = x + xAt + start * run.B;
                var which = index + indexAt + start * run.C;
                if (run.C != 0) Pick(to, from, which, length);
                else Copy(to, from + *which * step, length);
            }
        }

        private void Pick(T* to, T* from, long* which, int length)
        {
            for (var j = 0; j < length; j++)
                to[j * run.A] = from[j * run.B + which[j * run.C] * step];
        }

        private void Copy(T* to, T* from, int length)
        {
            if (run.A == 1 && run.B == 1)
            {
                new ReadOnlySpan<T>(from, length).CopyTo(new Span<T>(to, length));
                return;
            }

            for (var j = 0; j < length; j++) to[j * run.A] = from[j * run.B];
        }
    }
}
