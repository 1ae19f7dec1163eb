using Edifice.Engine.Backends;

namespace Edifice.Engine.Cpu;

/// <summary>The matrix-state recurrence, step by step with the state in the innermost cache: a 64 × 64 float state is 16 KiB, so a
/// step costs a few hundred cycles and the cost is linear in L at any length.</summary>
public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public int MatrixStateSpacing => 32;

    /// <inheritdoc/>
    public void MatrixState(in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b,
        Tensor? initial, Tensor output, Tensor final, Tensor? kept)
    {
        if (q.DType == DType.Float32) Kernels.MatrixStateForward<float>.Run(spec, q, k, v, decay, a, b, initial, output, final, kept);
        else Kernels.MatrixStateForward<double>.Run(spec, q, k, v, decay, a, b, initial, output, final, kept);
    }

    /// <inheritdoc/>
    public void MatrixStateVjp(in MatrixStateSpec spec, Tensor dout, Tensor? dfinal, Tensor q, Tensor k, Tensor v, Tensor? decay,
        Tensor? a, Tensor? b, Tensor kept, Tensor dq, Tensor dk, Tensor dv, Tensor? ddecay, Tensor? da, Tensor? db, Tensor? dinitial)
    {
        if (q.DType == DType.Float32)
            Kernels.MatrixStateBackward<float>.Run(spec, dout, dfinal, q, k, v, decay, a, b, kept, dq, dk, dv, ddecay, da, db, dinitial);
        else
            Kernels.MatrixStateBackward<double>.Run(spec, dout, dfinal, q, k, v, decay, a, b, kept, dq, dk, dv, ddecay, da, db, dinitial);
    }
}
