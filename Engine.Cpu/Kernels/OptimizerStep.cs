using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void OptimizerStep(OptimizerKernel kernel, in OptimizerSettings settings, Tensor parameter, Tensor gradient,
        double gradientScale, Tensor? state0, Tensor? state1, Tensor? state2)
    {
        if (parameter.DType == DType.Float32) Update<float>(kernel, settings, parameter, gradient, gradientScale, state0, state1, state2);
        else Update<double>(kernel, settings, parameter, gradient, gradientScale, state0, state1, state2);
    }

    private static void Update<T>(OptimizerKernel kernel, in OptimizerSettings settings, Tensor parameter, Tensor gradient,
        double gradientScale, Tensor? state0, Tensor? state1, Tensor? state2) where T : unmanaged
    {
        fixed (byte* pp = &parameter.Storage.HostData, pg = &gradient.Storage.HostData,
            p0 = &Host(state0), p1 = &Host(state1), p2 = &Host(state2))
        {
            var operands = new UpdateOperands<T>(First<T>(pp, parameter), First<T>(pg, gradient), gradientScale,
                First<T>(p0, state0), First<T>(p1, state1), First<T>(p2, state2));
            var action = new UpdateAction<T>(kernel, settings, operands, parameter.Count);
            Isa.Run<T, UpdateAction<T>>(ref action);
        }
    }

    private readonly struct UpdateAction<T>(OptimizerKernel kernel, OptimizerSettings settings, UpdateOperands<T> operands, long count)
        : ILanesAction<T> where T : unmanaged
    {
        public void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            switch (kernel)
            {
                case OptimizerKernel.Sgd: Run<V, SgdUpdate<V, T>>(new(operands, settings)); break;
                case OptimizerKernel.Adam: Run<V, AdamUpdate<V, T>>(new(operands, settings, decoupled: false)); break;
                case OptimizerKernel.AdamW: Run<V, AdamUpdate<V, T>>(new(operands, settings, decoupled: true)); break;
                case OptimizerKernel.Lion: Run<V, LionUpdate<V, T>>(new(operands, settings)); break;
                default: Run<V, RmsPropUpdate<V, T>>(new(operands, settings)); break;
            }
        }

        private void Run<V, TUpdate>(TUpdate update) where V : unmanaged, ILanes<V, T> where TUpdate : unmanaged, IUpdate
        {
            var body = new UpdateTiles<V, T, TUpdate>(update, count);
            WorkerPool.For(body.Tiles, UpdateTiles<V, T, TUpdate>.ElementsPerTile * 0.8, ref body);
        }
    }
}
