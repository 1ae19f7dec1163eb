using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void MatMul(Tensor a, Tensor b, Tensor y, in Epilogue epilogue)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        ArgumentNullException.ThrowIfNull(y);
        if (y.Count == 0) return;
        if (y.DType == DType.Float32) BatchedMatMul.Run<float>(a, b, y, epilogue);
        else if (y.DType == DType.Float64) BatchedMatMul.Run<double>(a, b, y, epilogue);
        else throw TensorException.For("MatMul", "the CPU multiplies float32 and float64: convert with .To(DType.Float32)", a, b);
    }
}
