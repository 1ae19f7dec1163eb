using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void Map(UnaryKernel kernel, Tensor x, Tensor y, double p0, double p1)
    {
        var call = new MapCall(x, y, p0, p1);
        if (!(x.DType switch
        {
            DType.Float32 => Choose<float, MapCall>(kernel, call),
            DType.Float64 => Choose<double, MapCall>(kernel, call),
            DType.Int32 => ChooseForIntegers<int, MapCall>(kernel, call),
            DType.Int64 => ChooseForIntegers<long, MapCall>(kernel, call),
            _ => false,
        })) throw NoKernel(kernel, x);
    }

    /// <inheritdoc/>
    public void MapVjp(UnaryKernel kernel, Tensor g, Tensor x, Tensor y, Tensor dx, double p0, double p1)
    {
        // x and y are one tensor: what the op kept.
        var call = new MapVjpCall(g, x, dx, p0, p1);
        if (!(x.DType switch
        {
            DType.Float32 => Choose<float, MapVjpCall>(kernel, call),
            DType.Float64 => Choose<double, MapVjpCall>(kernel, call),
            _ => false,
        })) throw NoKernel(kernel, x);
    }

    /// <summary>What is to be done with an operator once its type is known.</summary>
    private interface IUnaryCall
    {
        void With<TOp, T>() where TOp : IUnaryOp where T : unmanaged;
    }

    private readonly struct MapCall(Tensor x, Tensor y, double p0, double p1) : IUnaryCall
    {
        public void With<TOp, T>() where TOp : IUnaryOp where T : unmanaged =>
            Elementwise.Run<Value<TOp>, T>(x, null, null, y, p0, p1);
    }

    private readonly struct MapVjpCall(Tensor g, Tensor kept, Tensor dx, double p0, double p1) : IUnaryCall
    {
        public void With<TOp, T>() where TOp : IUnaryOp where T : unmanaged =>
            Elementwise.Run<Pullback<TOp>, T>(g, kept, null, dx, p0, p1);
    }

    /// <summary>The one table from kernel to operator.</summary>
    /// <returns>False when there is none.</returns>
    private static bool Choose<T, TCall>(UnaryKernel kernel, in TCall call)
        where T : unmanaged
        where TCall : struct, IUnaryCall
    {
        switch (kernel)
        {
            case UnaryKernel.Negate: call.With<Negate, T>(); return true;
            case UnaryKernel.Abs: call.With<Abs, T>(); return true;
            case UnaryKernel.Sign: call.With<Sign, T>(); return true;
            case UnaryKernel.Reciprocal: call.With<Reciprocal, T>(); return true;
            case UnaryKernel.Square: call.With<Square, T>(); return true;
            case UnaryKernel.Sqrt: call.With<SquareRoot, T>(); return true;
            case UnaryKernel.Rsqrt: call.With<ReciprocalRoot, T>(); return true;
            case UnaryKernel.Exp: call.With<Exp, T>(); return true;
            case UnaryKernel.Expm1: call.With<Expm1, T>(); return true;
            case UnaryKernel.Log: call.With<Log, T>(); return true;
            case UnaryKernel.Log1p: call.With<Log1p, T>(); return true;
            case UnaryKernel.Sin: call.With<Sine, T>(); return true;
            case UnaryKernel.Cos: call.With<Cosine, T>(); return true;
            case UnaryKernel.Tanh: call.With<HyperbolicTangent, T>(); return true;
            case UnaryKernel.Sigmoid: call.With<Sigmoid, T>(); return true;
            case UnaryKernel.Erf: call.With<ErrorFunction, T>(); return true;
            case UnaryKernel.Relu: call.With<Relu, T>(); return true;
            case UnaryKernel.Gelu: call.With<Gelu, T>(); return true;
            case UnaryKernel.GeluTanh: call.With<GeluTanh, T>(); return true;
            case UnaryKernel.Silu: call.With<Silu, T>(); return true;
            case UnaryKernel.Softplus: call.With<Softplus, T>(); return true;
            case UnaryKernel.LogSigmoid: call.With<LogSigmoid, T>(); return true;
            case UnaryKernel.Elu: call.With<Elu, T>(); return true;
            case UnaryKernel.Elu1: call.With<EluPlusOne, T>(); return true;
            case UnaryKernel.Clamp: call.With<Clamp, T>(); return true;
            case UnaryKernel.Floor: call.With<Floor, T>(); return true;
            case UnaryKernel.Ceiling: call.With<Ceiling, T>(); return true;
            case UnaryKernel.Round: call.With<Round, T>(); return true;
            case UnaryKernel.Truncate: call.With<Truncate, T>(); return true;
            default: return false;
        }
    }

    private static bool ChooseForIntegers<T, TCall>(UnaryKernel kernel, in TCall call)
        where T : unmanaged
        where TCall : struct, IUnaryCall
    {
        switch (kernel)
        {
            case UnaryKernel.Negate: call.With<Negate, T>(); return true;
            case UnaryKernel.Abs: call.With<Abs, T>(); return true;
            case UnaryKernel.Sign: call.With<Sign, T>(); return true;
            case UnaryKernel.Square: call.With<Square, T>(); return true;
            case UnaryKernel.Relu: call.With<Relu, T>(); return true;
            case UnaryKernel.Clamp: call.With<Clamp, T>(); return true;
            default: return false;
        }
    }

    private static TensorException NoKernel(Enum kernel, params ReadOnlySpan<Tensor> operands) => TensorException.For(
        kernel.ToString(), "the CPU has no such kernel for this dtype: convert with .To(DType.Float32) first", operands);
}
