using System.Numerics;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void ArgReduce(bool max, Tensor x, int axis, Tensor y)
    {
        switch (x.DType)
        {
            case DType.Float32: ArgReduce<float>(max, x, axis, y); break;
            case DType.Float64: ArgReduce<double>(max, x, axis, y); break;
            case DType.Int32: ArgReduce<int>(max, x, axis, y); break;
            case DType.Int64: ArgReduce<long>(max, x, axis, y); break;
            default: throw TensorException.For("ArgReduce", "compares only f32, f64, i32 and i64: convert with To", x);
        }
    }

    private static unsafe void ArgReduce<T>(bool max, Tensor x, int axis, Tensor y) where T : unmanaged, INumber<T>
    {
        if (y.Count == 0) return;
        var extents = x.Shape.AsSpan();
        var lines = LineGrid.Over(extents, skip: 1u << axis, x.Strides, y.Strides);
        fixed (byte* px = &x.Storage.HostData, py = &y.Storage.HostData)
        {
            var along = new Run(extents[axis], x.Strides[axis], 0, 0);
            var action = new ArgReduceAction<T>(max, lines, along, (T*)px + x.Offset, (long*)py + y.Offset);
            Isa.Run<T, ArgReduceAction<T>>(ref action);
        }
    }

    private readonly unsafe struct ArgReduceAction<T>(bool max, LineGrid lines, Run along, T* x, long* y) : ILanesAction<T>
        where T : unmanaged, INumber<T>
    {
        private readonly LineGrid _lines = lines;

        public void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            if (max) Invoke<V, LargerWins<V, T>>();
            else Invoke<V, SmallerWins<V, T>>();
        }

        private void Invoke<V, TOrder>() where V : unmanaged, ILanes<V, T> where TOrder : IContest<V, T>
        {
            var outer = _lines;
            var run = outer.TakeInnermost();
            if (along.A != 1 && run.A == 1 && run.B == 1)
            {
                var tiles = new LineTiles(outer.Count, run.Extent, grain: 512);
                var body = new ArgColumns<V, T, TOrder>(outer, along, tiles, x, y);
                WorkerPool.For(tiles.Count, tiles.Elements * along.Extent * 0.2, ref body);
            }
            else
            {
                var tiles = new LineTiles(_lines.Count, along.Extent, splitLines: false);
                var body = new ArgRows<V, T, TOrder>(_lines, along, tiles, x, y);
                WorkerPool.For(tiles.Count, tiles.Elements * (along.A == 1 ? 0.2 : 1), ref body);
            }
        }
    }
}
