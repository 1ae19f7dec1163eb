using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Random(RandomKernel kernel, ulong seed, ulong offset, double p0, double p1, Tensor y)
    {
        fixed (byte* py = &y.Storage.HostData)
        {
            if (y.DType == DType.Float32) Draw(kernel, seed, offset, p0, p1, First<float>(py, y), y.Count);
            else Draw(kernel, seed, offset, p0, p1, First<double>(py, y), y.Count);
        }
    }

    /// <inheritdoc/>
    public void Dropout(Tensor x, double p, ulong seed, ulong offset, Tensor y)
    {
        fixed (byte* px = &x.Storage.HostData, py = &y.Storage.HostData)
        {
            if (y.DType == DType.Float32) Drop(First<float>(px, x), p, seed, offset, First<float>(py, y), y.Count);
            else Drop(First<double>(px, x), p, seed, offset, First<double>(py, y), y.Count);
        }
    }

    private static void Draw<T>(RandomKernel kernel, ulong seed, ulong offset, double p0, double p1, T* y, long count)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (kernel == RandomKernel.Uniform) DrawElements(seed, offset, count, new UniformDraw<T>(p0, p1, y), 1.5);
        else DrawElements(seed, offset, count, new NormalDraw<T>(p0, p1, y), 8);
    }

    private static void Drop<T>(T* x, double p, ulong seed, ulong offset, T* y, long count) where T : unmanaged, INumber<T> =>
        DrawElements(seed, offset, count, new DropoutDraw<T>(x, p, y), 1.5);

    private static void DrawElements<TDraw>(ulong seed, ulong offset, long count, TDraw draw, double nanosecondsPerElement)
        where TDraw : unmanaged, IDraw
    {
        if (count == 0) return;
        var action = new DrawAction<TDraw>(seed, offset, count, draw, nanosecondsPerElement);
        Isa.Run<long, DrawAction<TDraw>>(ref action);
    }

    private readonly struct DrawAction<TDraw>(ulong seed, ulong offset, long count, TDraw draw, double nanosecondsPerElement)
        : ILanesAction<long> where TDraw : unmanaged, IDraw
    {
        public void Invoke<V>() where V : unmanaged, ILanes<V, long>
        {
            var body = new DrawTiles<V, TDraw>(seed, offset, count, draw);
            WorkerPool.For(body.Tiles, DrawTiles<V, TDraw>.ElementsPerTile * nanosecondsPerElement, ref body);
        }
    }
}
