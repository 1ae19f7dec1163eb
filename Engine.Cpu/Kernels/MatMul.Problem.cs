using Edifice.Engine.Backends;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>One matrix product C (m × n) = A (m × k) B (k × n) in raw memory, and what follows it. Distances are in
/// elements.</summary>
internal unsafe struct MatMulProblem<T> where T : unmanaged
{
    public int M, N, K;

    public T* A;
    public nint ARow, AStep;

    public T* B;
    public nint BStep, BColumn;

    /// <summary>The result; its columns lie side by side.</summary>
    public T* C;
    public nint CRow;

    /// <summary>Added to every row; null: none. <see cref="BiasStep"/> is 1, or 0 for one value for all columns.</summary>
    public T* Bias;
    public int BiasStep;

    /// <summary>Receives the result before the activation, columns side by side; null: not wanted.</summary>
    public T* PreActivation;
    public nint PreActivationRow;

    public Activation Activation;

    /// <summary>Add to what C holds.</summary>
    public bool Accumulate;

    /// <summary>Nothing but the product is wanted.</summary>
    public readonly bool IsPlain => Bias == null && PreActivation == null && Activation == Activation.None;

    /// <summary>Floating-point operations of the product.</summary>
    public readonly double Flops => 2.0 * M * N * Math.Max(K, 1);

    /// <summary>Rough time on one thread, for the choice of how much to give to a worker.</summary>
    public readonly double Nanoseconds => Flops / (sizeof(T) == 4 ? 60 : 30) + M * (double)N / 4 + 100;

    /// <summary>The same product as (1 × m) = Bᵀ Aᵀ when B is a single column.</summary>
    public readonly MatMulProblem<T> Transposed() => this with
    {
        M = 1, N = M, A = B, ARow = 0, AStep = BStep, B = A, BStep = AStep, BColumn = ARow, CRow = M, BiasStep = 0,
        PreActivationRow = M,
    };
}
