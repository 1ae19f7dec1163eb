using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public unsafe void Reduce(ReduceKernel kernel, Tensor x, ReadOnlySpan<int> axes, Tensor y, double p)
    {
        if (y.Count == 0) return;
        var geometry = ReduceGeometry.Of(x, axes, y);
        fixed (byte* px = &x.Storage.HostData, py = &y.Storage.HostData)
        {
            var from = px + (x.Offset + geometry.Start) * x.DType.SizeOf();
            var to = py + y.Offset * y.DType.SizeOf();
            switch (x.DType)
            {
                case DType.Float32 when kernel == ReduceKernel.Norm2: ReduceWide<float>(geometry, from, to); break;
                case DType.Float64 when kernel == ReduceKernel.Norm2: ReduceWide<double>(geometry, from, to); break;
                case DType.Float32: ReduceFloat<float>(kernel, geometry, from, to, p); break;
                case DType.Float64: ReduceFloat<double>(kernel, geometry, from, to, p); break;
                case DType.Int32: ReduceInteger<int>(kernel, geometry, from, to); break;
                case DType.Int64: ReduceInteger<long>(kernel, geometry, from, to); break;
                case DType.Bool when kernel is ReduceKernel.Any or ReduceKernel.All: ReduceBool(kernel, geometry, from, to); break;
                default: throw TensorException.For($"Reduce.{kernel}", "no such reduction for this dtype: convert with To", x);
            }
        }
    }

    private static unsafe void ReduceFloat<T>(ReduceKernel kernel, in ReduceGeometry geometry, byte* x, byte* y, double p)
        where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
    {
        var action = new FloatReduction<T>(kernel, geometry, (T*)x, (T*)y, p);
        Isa.Run<T, FloatReduction<T>>(ref action);
    }

    private static unsafe void ReduceWide<T>(in ReduceGeometry geometry, byte* x, byte* y)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var action = new WideReduction<T>(geometry, (T*)x, (T*)y);
        Isa.Run<double, WideReduction<T>>(ref action);
    }

    private static unsafe void ReduceInteger<T>(ReduceKernel kernel, in ReduceGeometry geometry, byte* x, byte* y)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var action = new IntegerReduction<T>(kernel, geometry, (T*)x, (T*)y);
        Isa.Run<T, IntegerReduction<T>>(ref action);
    }

    private static unsafe void ReduceBool(ReduceKernel kernel, in ReduceGeometry geometry, byte* x, byte* y)
    {
        var action = new BoolReduction(kernel, geometry, x, y);
        Isa.Run<byte, BoolReduction>(ref action);
    }

    private static unsafe void RunReduction<TIn, TPartial, TOut, TReduction>(
        in ReduceGeometry geometry, TIn* x, TOut* y, double p, double nanosecondsPerEntry)
        where TIn : unmanaged
        where TPartial : unmanaged
        where TOut : unmanaged
        where TReduction : IReduction<TIn, TPartial, TOut>
    {
        if (geometry.EntriesPerResult == 0)
            for (long i = 0, n = geometry.Kept.Count * geometry.Columns.Extent; i < n; i++) y[i] = TReduction.Empty;
        else if (geometry.ByRows)
            RowReducer<TIn, TPartial, TOut, TReduction>.Run(geometry, x, y, p, nanosecondsPerEntry);
        else
            ColumnReducer<TIn, TPartial, TOut, TReduction>.Run(geometry, x, y, p, nanosecondsPerEntry);
    }

    private readonly unsafe struct FloatReduction<T>(ReduceKernel kernel, ReduceGeometry geometry, T* x, T* y, double p)
        : ILanesAction<T> where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
    {
        private readonly ReduceGeometry _geometry = geometry;

        public void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            switch (kernel)
            {
                case ReduceKernel.Sum: Fold<V, SumFold<V, T>>(); break;
                case ReduceKernel.Mean: Fold<V, MeanFold<V, T>>(); break;
                case ReduceKernel.Prod: Fold<V, ProductFold<V, T>>(); break;
                case ReduceKernel.Max: Fold<V, MaxFold<V, T>>(); break;
                case ReduceKernel.Min: Fold<V, MinFold<V, T>>(); break;
                case ReduceKernel.Norm1: Fold<V, AbsoluteSumFold<V, T>>(); break;
                case ReduceKernel.NormInf: Fold<V, AbsoluteMaxFold<V, T>>(); break;
                case ReduceKernel.Variance: RunReduction<T, double, T, VarianceReduction<V, T>>(_geometry, x, y, p, 0.3); break;
                case ReduceKernel.LogSumExp: RunReduction<T, T, T, LogSumExpReduction<V, T>>(_geometry, x, y, p, 0.6); break;
                default: throw new TensorException($"Reduce: {kernel} needs bool elements");
            }
        }

        private void Fold<V, TFold>() where V : unmanaged, ILanes<V, T> where TFold : IFold<V, T, T, T> =>
            RunReduction<T, T, T, FoldReduction<V, T, T, T, TFold>>(_geometry, x, y, p, 0.15);
    }

    private readonly unsafe struct WideReduction<T>(ReduceGeometry geometry, T* x, T* y)
        : ILanesAction<double> where T : unmanaged, IFloatingPointIeee754<T>
    {
        private readonly ReduceGeometry _geometry = geometry;

        public void Invoke<V>() where V : unmanaged, ILanes<V, double> =>
            RunReduction<T, double, T, FoldReduction<V, T, double, T, EuclideanFold<V, T>>>(_geometry, x, y, 0, 0.2);
    }

    private readonly unsafe struct IntegerReduction<T>(ReduceKernel kernel, ReduceGeometry geometry, T* x, T* y)
        : ILanesAction<T> where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        private readonly ReduceGeometry _geometry = geometry;

        public void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            switch (kernel)
            {
                case ReduceKernel.Sum: Fold<V, SumFold<V, T>>(); break;
                case ReduceKernel.Prod: Fold<V, ProductFold<V, T>>(); break;
                case ReduceKernel.Max: Fold<V, MaxFold<V, T>>(); break;
                case ReduceKernel.Min: Fold<V, MinFold<V, T>>(); break;
                default: throw new TensorException($"Reduce: {kernel} needs floating-point elements: convert with To");
            }
        }

        private void Fold<V, TFold>() where V : unmanaged, ILanes<V, T> where TFold : IFold<V, T, T, T> =>
            RunReduction<T, T, T, FoldReduction<V, T, T, T, TFold>>(_geometry, x, y, 0, 0.15);
    }

    private readonly unsafe struct BoolReduction(ReduceKernel kernel, ReduceGeometry geometry, byte* x, byte* y) : ILanesAction<byte>
    {
        private readonly ReduceGeometry _geometry = geometry;

        public void Invoke<V>() where V : unmanaged, ILanes<V, byte>
        {
            if (kernel == ReduceKernel.Any) Fold<V, SomeFold<V>>();
            else Fold<V, EveryFold<V>>();
        }

        private void Fold<V, TFold>() where V : unmanaged, ILanes<V, byte> where TFold : IFold<V, byte, byte, byte> =>
            RunReduction<byte, byte, byte, FoldReduction<V, byte, byte, byte, TFold>>(_geometry, x, y, 0, 0.05);
    }
}
