using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;
using static Edifice.Engine.Cpu.Memory.Operand;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>From tensors to the kernels of the matrix-state recurrence: pins the operands, picks registers and algorithm.</summary>
internal static unsafe class MatrixStateKernel
{
    /// <summary>Forward where <paramref name="dout"/> is null, otherwise backward.</summary>
    public static void Run<T>(in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b, Tensor? kept,
        Tensor? initial = null, Tensor? output = null, Tensor? final = null, Tensor? dout = null, Tensor? dfinal = null, Tensor? dq = null,
        Tensor? dk = null, Tensor? dv = null, Tensor? ddecay = null, Tensor? da = null, Tensor? db = null, Tensor? dinitial = null)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        fixed (T* pq = &First<T>(q), pk = &First<T>(k), pv = &First<T>(v), pDecay = &First<T>(decay), pa = &First<T>(a), pb = &First<T>(b))
        fixed (T* pKept = &First<T>(kept), pInitial = &First<T>(initial), pOut = &First<T>(output), pFinal = &First<T>(final))
        fixed (T* pdOut = &First<T>(dout), pdFinal = &First<T>(dfinal), pdq = &First<T>(dq), pdk = &First<T>(dk), pdv = &First<T>(dv))
        fixed (T* pdDecay = &First<T>(ddecay), pda = &First<T>(da), pdb = &First<T>(db), pdInitial = &First<T>(dinitial))
        fixed (double* factors = spec.HeadFactors)
        {
            var problem = new MatrixStateProblem<T>(spec, q, v)
            {
                Q = pq, K = pk, V = pv, Decay = pDecay, A = pa, B = pb, Kept = pKept, Initial = pInitial, Output = pOut, Final = pFinal,
                DOut = pdOut, DFinal = pdFinal, DQ = pdq, DK = pdk, DV = pdv, DDecay = pdDecay, DA = pda, DB = pdb, DInitial = pdInitial,
                HeadFactors = factors,
            };
            if (Isa.Has512) Dispatch<Lanes512<T>, T>(&problem, spec.Chunk, backward: dout is not null);
            else if (Isa.Has256) Dispatch<Lanes256<T>, T>(&problem, spec.Chunk, backward: dout is not null);
            else Dispatch<Lanes128<T>, T>(&problem, spec.Chunk, backward: dout is not null);
        }
    }

    private static void Dispatch<V, T>(MatrixStateProblem<T>* p, int chunk, bool backward)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var states = (long)p->Batch * p->Heads;
        var work = (double)p->Length * p->KeyWidth * p->ValueWidth * sizeof(T) / 4;
        if (chunk == 0 && !backward)
        {
            var body = new MatrixStateForward<V, T> { Problem = p };
            WorkerPool.For(states, 0.2 * work, ref body);
        }
        else if (chunk == 0)
        {
            var body = new MatrixStateBackward<V, T> { Problem = p };
            WorkerPool.For(states, 0.8 * work, ref body);
        }
        else if (!backward)
        {
            ChunkedStateForward<V, T>.Run(p, states, 0.1 * work);
        }
        else
        {
            var body = new ChunkedStateBackward<V, T> { Problem = p };
            WorkerPool.For(states, 0.3 * work, ref body);
        }
    }
}
