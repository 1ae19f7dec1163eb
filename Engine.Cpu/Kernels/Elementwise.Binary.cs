using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    /// <exception cref="TensorException">An integer division by zero, or a dtype without arithmetic.</exception>
    public void Zip(BinaryKernel kernel, Tensor a, Tensor b, Tensor y)
    {
        if (kernel == BinaryKernel.Divide && !a.DType.IsFloating()) RefuseZeros(b, a, b);
        if (!(a.DType switch
        {
            DType.Float32 => Choose<float, ZipCall<float>>(kernel, new(a, b, y)),
            DType.Float64 => Choose<double, ZipCall<double>>(kernel, new(a, b, y)),
            DType.Int32 => ChooseForIntegers<int, ZipCall<int>>(kernel, new(a, b, y)),
            DType.Int64 => ChooseForIntegers<long, ZipCall<long>>(kernel, new(a, b, y)),
            _ => false,
        })) throw NoKernel(kernel, a, b);
    }

    /// <inheritdoc/>
    /// <exception cref="TensorException">An integer division by zero, or a dtype without arithmetic.</exception>
    public void ZipScalar(BinaryKernel kernel, Tensor a, double s, bool scalarFirst, Tensor y)
    {
        if (kernel == BinaryKernel.Divide && !a.DType.IsFloating())
        {
            if (scalarFirst) RefuseZeros(a, a);
            else if (Math.Truncate(s) == 0) throw DivisionByZero(a);
        }

        if (!(a.DType switch
        {
            DType.Float32 => Choose<float, ZipScalarCall<float>>(kernel, new(a, (float)s, scalarFirst, y)),
            DType.Float64 => Choose<double, ZipScalarCall<double>>(kernel, new(a, s, scalarFirst, y)),
            DType.Int32 => ChooseForIntegers<int, ZipScalarCall<int>>(kernel, new(a, (int)s, scalarFirst, y)),
            DType.Int64 => ChooseForIntegers<long, ZipScalarCall<long>>(kernel, new(a, (long)s, scalarFirst, y)),
            _ => false,
        })) throw NoKernel(kernel, a);
    }

    /// <inheritdoc/>
    public void Axpy(double alpha, Tensor x, Tensor y)
    {
        switch (x.DType)
        {
            case DType.Float32: Elementwise.Run<ScaledSum, float>(x, y, null, y, alpha); break;
            case DType.Float64: Elementwise.Run<ScaledSum, double>(x, y, null, y, alpha); break;
            default: throw TensorException.For("Axpy", "needs Float32 or Float64: convert with .To(DType.Float32) first", x, y);
        }
    }

    /// <summary>What is to be done with an operator once its type is known.</summary>
    private interface IBinaryCall<T> where T : unmanaged
    {
        void With<TOp>() where TOp : IBinaryOp;
    }

    private readonly struct ZipCall<T>(Tensor a, Tensor b, Tensor y) : IBinaryCall<T> where T : unmanaged
    {
        public void With<TOp>() where TOp : IBinaryOp => Elementwise.Run<Pair<TOp>, T>(a, b, null, y);
    }

    private readonly struct ZipScalarCall<T>(Tensor a, T s, bool scalarFirst, Tensor y) : IBinaryCall<T> where T : unmanaged
    {
        public void With<TOp>() where TOp : IBinaryOp => Elementwise.RunScalar<Pair<TOp>, T>(a, s, scalarFirst, y);
    }

    /// <summary>The one table from kernel to operator.</summary>
    /// <returns>False when there is none.</returns>
    private static bool Choose<T, TCall>(BinaryKernel kernel, in TCall call)
        where T : unmanaged
        where TCall : struct, IBinaryCall<T>
    {
        switch (kernel)
        {
            case BinaryKernel.Add: call.With<Add>(); return true;
            case BinaryKernel.Subtract: call.With<Subtract>(); return true;
            case BinaryKernel.Multiply: call.With<Multiply>(); return true;
            case BinaryKernel.Divide: call.With<Divide>(); return true;
            case BinaryKernel.Maximum: call.With<Maximum>(); return true;
            case BinaryKernel.Minimum: call.With<Minimum>(); return true;
            case BinaryKernel.Power: call.With<Power>(); return true;
            default: return false;
        }
    }

    private static bool ChooseForIntegers<T, TCall>(BinaryKernel kernel, in TCall call)
        where T : unmanaged
        where TCall : struct, IBinaryCall<T>
    {
        switch (kernel)
        {
            case BinaryKernel.Add: call.With<Add>(); return true;
            case BinaryKernel.Subtract: call.With<Subtract>(); return true;
            case BinaryKernel.Multiply: call.With<Multiply>(); return true;
            case BinaryKernel.Divide: call.With<DivideIntegers>(); return true;
            case BinaryKernel.Maximum: call.With<Maximum>(); return true;
            case BinaryKernel.Minimum: call.With<Minimum>(); return true;
            default: return false;
        }
    }

    private static unsafe void RefuseZeros(Tensor divisor, params ReadOnlySpan<Tensor> operands)
    {
        var found = false;
        fixed (byte* p = &divisor.Storage.HostData)
        {
            if (divisor.DType == DType.Int32)
            {
                var row = new FindZero<int>(&found);
                LoopNest.Run(0.5, ref row, divisor, p);
            }
            else
            {
                var row = new FindZero<long>(&found);
                LoopNest.Run(0.5, ref row, divisor, p);
            }
        }

        if (found) throw DivisionByZero(operands);
    }

    private readonly unsafe struct FindZero<T>(bool* found) : IRow where T : unmanaged, INumberBase<T>
    {
        public void Run(byte** at, long* step, long count)
        {
            var p = at[0];
            for (long i = 0; i < count; i++, p += step[0])
                if (T.IsZero(*(T*)p)) *found = true;
        }
    }

    private static TensorException DivisionByZero(params ReadOnlySpan<Tensor> operands) => TensorException.For(
        "Divide", "an integer divisor is 0: divide in floating point (.To(DType.Float64)) or replace the zeros first", operands);
}
