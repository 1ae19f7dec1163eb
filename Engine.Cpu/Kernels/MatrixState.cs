using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;

namespace Edifice.Engine.Cpu;

/// <summary>The matrix-state recurrence. Step by step the state stays in the innermost cache (64 × 64 floats are 16 KiB) and every
/// step costs three operations per element of it; by chunks the same sums are matrix products in registers, two operations per
/// element and step.</summary>
public sealed partial class CpuBackend
{
    private const int StepSpacing = 32, MostChunk = 64;

    /// <inheritdoc/>
    /// <remarks>A longer chunk than <c>MostChunk</c> would only enlarge what the backward pass rebuilds between two kept states, which is to
    /// stay in the second-level cache.</remarks>
    public int MatrixStateSpacing(int chunk) => chunk == 0 ? StepSpacing : Math.Min(chunk, MostChunk);

    /// <inheritdoc/>
    public void MatrixState(in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b,
        Tensor? initial, Tensor output, Tensor final, Tensor? kept)
    {
        ArgumentNullException.ThrowIfNull(q);
        if (q.DType == DType.Float32) MatrixStateKernel.Run<float>(spec, q, k, v, decay, a, b, kept, initial: initial, output: output, final: final);
        else MatrixStateKernel.Run<double>(spec, q, k, v, decay, a, b, kept, initial: initial, output: output, final: final);
    }

    /// <inheritdoc/>
    public void MatrixStateVjp(in MatrixStateSpec spec, Tensor dout, Tensor? dfinal, Tensor q, Tensor k, Tensor v, Tensor? decay,
        Tensor? a, Tensor? b, Tensor kept, Tensor dq, Tensor dk, Tensor dv, Tensor? ddecay, Tensor? da, Tensor? db, Tensor? dinitial)
    {
        ArgumentNullException.ThrowIfNull(q);
        if (q.DType == DType.Float32)
            MatrixStateKernel.Run<float>(spec, q, k, v, decay, a, b, kept, dout: dout, dfinal: dfinal, dq: dq, dk: dk, dv: dv, ddecay: ddecay, da: da, db: db, dinitial: dinitial);
        else
            MatrixStateKernel.Run<double>(spec, q, k, v, decay, a, b, kept, dout: dout, dfinal: dfinal, dq: dq, dk: dk, dv: dv, ddecay: ddecay, da: da, db: db, dinitial: dinitial);
    }
}
