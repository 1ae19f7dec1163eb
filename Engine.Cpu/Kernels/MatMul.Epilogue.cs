using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>What follows a product, on a tile that was just written and lies in the first-level cache:
/// c = act(c + bias), with c + bias kept aside where the backward pass needs it.</summary>
internal static unsafe class MatMulEpilogue<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    public static void Run(MatMulProblem<T>* p, int row, int rows, int column, int width)
    {
        for (var i = row; i < row + rows; i++)
        {
            var c = p->C + i * p->CRow + column;
            for (var x = 0; x < width; x += V.Count)
            {
                var n = Math.Min(V.Count, width - x);
                var v = V.LoadPartial(c + x, n);
                if (p->Bias != null) v += p->BiasStep == 0 ? V.Splat(*p->Bias) : V.LoadPartial(p->Bias + column + x, n);
                if (p->PreActivation != null) V.StorePartial(v, p->PreActivation + i * p->PreActivationRow + column + x, n);
                if (p->Activation == Activation.Relu) v = V.Max(v, V.Zero);
                V.StorePartial(v, c + x, n);
            }
        }
    }
}
