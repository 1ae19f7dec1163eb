using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void Scan(ScanKernel kernel, Tensor x, int axis, bool reverse, bool exclusive, Tensor y)
    {
        switch (x.DType)
        {
            // Floats run in double: a sum of n terms then carries an error of n ε(double), far below ε(float).
            case DType.Float32: ScanFloats<float>(kernel, x, axis, reverse, exclusive, y); break;
            case DType.Float64: ScanFloats<double>(kernel, x, axis, reverse, exclusive, y); break;
            case DType.Int32 when kernel != ScanKernel.LogSumExp: ScanLines<int, int>(kernel, x, axis, reverse, exclusive, y); break;
            case DType.Int64 when kernel != ScanKernel.LogSumExp: ScanLines<long, long>(kernel, x, axis, reverse, exclusive, y); break;
            default: throw TensorException.For($"Scan.{kernel}", "no such scan for this dtype: convert with To", x);
        }
    }

    /// <summary>The axis as it is walked: from the last entry down when reversed.</summary>
    private static (Run Along, long XStart, long YStart) Walk(Tensor x, Tensor y, int axis, bool reverse)
    {
        var n = x.Shape.AsSpan()[axis];
        long sx = x.Strides[axis], sy = y.Strides[axis];
        return reverse
            ? (new Run(n, -sx, -sy, 0), x.Offset + (n - 1) * sx, y.Offset + (n - 1) * sy)
            : (new Run(n, sx, sy, 0), x.Offset, y.Offset);
    }

    /// <summary>So many lines are worth a register, whose lanes they are; the bits are the same.</summary>
    private const int LinesInLanes = 4;

    private static unsafe void ScanFloats<T>(ScanKernel kernel, Tensor x, int axis, bool reverse, bool exclusive, Tensor y)
        where T : unmanaged, INumber<T>
    {
        if (x.Count == 0) return;
        var lines = LineGrid.Over(x.Shape.AsSpan(), skip: 1u << axis, x.Strides, y.Strides);
        var outer = lines;
        var across = outer.TakeInnermost();
        if (across.Extent < LinesInLanes && kernel != ScanKernel.LogSumExp)
        {
            ScanLines<T, double>(kernel, x, axis, reverse, exclusive, y);
            return;
        }

        var (along, xStart, yStart) = Walk(x, y, axis, reverse);
        fixed (byte* px = &x.Storage.HostData, py = &y.Storage.HostData)
        {
            var action = new ScanAction<T>(kernel, exclusive, outer, across, along, (T*)px + xStart, (T*)py + yStart);
            Isa.Run<double, ScanAction<T>>(ref action);
        }
    }

    private static unsafe void ScanLines<T, TRunning>(ScanKernel kernel, Tensor x, int axis, bool reverse, bool exclusive, Tensor y)
        where T : unmanaged, INumber<T>
        where TRunning : unmanaged, INumber<TRunning>
    {
        if (x.Count == 0) return;
        var lines = LineGrid.Over(x.Shape.AsSpan(), skip: 1u << axis, x.Strides, y.Strides);
        var (along, xStart, yStart) = Walk(x, y, axis, reverse);
        var tiles = new LineTiles(lines.Count, along.Extent, splitLines: false);
        fixed (byte* px = &x.Storage.HostData, py = &y.Storage.HostData)
        {
            var body = new ScanLineTiles<T, TRunning>(
                kernel == ScanKernel.Prod, exclusive, lines, along, tiles, (T*)px + xStart, (T*)py + yStart);
            WorkerPool.For(tiles.Count, tiles.Elements * 1.0, ref body);
        }
    }

    private readonly unsafe struct ScanAction<T>(
        ScanKernel kernel, bool exclusive, LineGrid outer, Run across, Run along, T* x, T* y) : ILanesAction<double>
        where T : unmanaged
    {
        private readonly LineGrid _outer = outer;

        public void Invoke<V>() where V : unmanaged, ILanes<V, double>
        {
            switch (kernel)
            {
                case ScanKernel.Sum: Invoke<V, RunningSum<V>>(0.4); break;
                case ScanKernel.Prod: Invoke<V, RunningProduct<V>>(0.4); break;
                default: Invoke<V, RunningLogSumExp<V>>(5); break;
            }
        }

        private void Invoke<V, TScan>(double nanosecondsPerEntry) where V : unmanaged, ILanes<V, double> where TScan : IRunning<V>
        {
            // A tile is a few registers of lines, whatever their number; short lines that lie apart are cheap and more of them.
            var grain = across is { A: 1, B: 1 } ? 128 : 16 * Math.Clamp(LineTiles.Grain / 16 / along.Extent, 1, 64);
            var tiles = new LineTiles(_outer.Count, across.Extent, grain);
            var body = new ScanColumnTiles<V, T, TScan>(exclusive, _outer, across, along, tiles, x, y);
            WorkerPool.For(tiles.Count, tiles.Elements * along.Extent * nanosecondsPerEntry, ref body);
        }
    }
}
