using System.Numerics;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void Softmax(Tensor x, Tensor y, bool log)
    {
        if (x.DType == DType.Float32) Softmax<float>(x, y, log);
        else Softmax<double>(x, y, log);
    }

    /// <inheritdoc/>
    public void SoftmaxVjp(Tensor g, Tensor y, Tensor dx, bool log)
    {
        if (y.DType == DType.Float32) SoftmaxVjp<float>(g, y, dx, log);
        else SoftmaxVjp<double>(g, y, dx, log);
    }

    private static unsafe void Softmax<T>(Tensor x, Tensor y, bool log) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
    {
        fixed (byte* px = &x.Storage.HostData, py = &y.Storage.HostData)
        {
            var rows = RowsOf(x);
            var action = new SoftmaxAction<T>(rows, (T*)px + x.Offset, (T*)py + y.Offset, log);
            Isa.Run<T, SoftmaxAction<T>>(ref action);
        }
    }

    private static unsafe void SoftmaxVjp<T>(Tensor g, Tensor y, Tensor dx, bool log) where T : unmanaged, INumber<T>
    {
        fixed (byte* pg = &g.Storage.HostData, py = &y.Storage.HostData, pd = &dx.Storage.HostData)
        {
            var action = new SoftmaxVjpAction<T>(RowsOf(y), (T*)pg + g.Offset, (T*)py + y.Offset, (T*)pd + dx.Offset, log);
            Isa.Run<T, SoftmaxVjpAction<T>>(ref action);
        }
    }

    /// <summary>The rows of a contiguous tensor, never cut: what is worked out for a row holds for all of it.</summary>
    private static LineTiles RowsOf(Tensor x)
    {
        var n = x.Rank == 0 ? 1 : x.Shape[^1];
        return new LineTiles(n == 0 ? 0 : x.Count / n, n, splitLines: false);
    }

    private readonly unsafe struct SoftmaxAction<T>(LineTiles rows, T* x, T* y, bool log) : ILanesAction<T>
        where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
    {
        public void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            var body = new SoftmaxTiles<V, T>(rows, x, y, log);
            WorkerPool.For(rows.Count, rows.Elements * 0.7, ref body);
        }
    }

    private readonly unsafe struct SoftmaxVjpAction<T>(LineTiles rows, T* g, T* y, T* dx, bool log) : ILanesAction<T>
        where T : unmanaged, INumber<T>
    {
        public void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            var body = new SoftmaxVjpTiles<V, T>(rows, g, y, dx, log);
            WorkerPool.For(rows.Count, rows.Elements * 0.4, ref body);
        }
    }
}
