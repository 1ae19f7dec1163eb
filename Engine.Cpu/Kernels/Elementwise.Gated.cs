using System.Runtime.CompilerServices;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Gated(Activation activation, Tensor gate, Tensor up, Tensor y)
    {
        var call = new GatedCall(gate, up, y);
        if (!(y.DType switch
        {
            DType.Float32 => Choose<float, GatedCall>(activation, call),
            DType.Float64 => Choose<double, GatedCall>(activation, call),
            _ => false,
        })) throw NoKernel(activation, gate, up);
    }

    /// <inheritdoc/>
    public void GatedVjp(Activation activation, Tensor g, Tensor gate, Tensor up, Tensor dgate, Tensor dup)
    {
        var call = new GatedVjpCall(g, gate, up, dgate, dup);
        if (!(g.DType switch
        {
            DType.Float32 => Choose<float, GatedVjpCall>(activation, call),
            DType.Float64 => Choose<double, GatedVjpCall>(activation, call),
            _ => false,
        })) throw NoKernel(activation, g, gate, up);
    }

    private readonly struct GatedCall(Tensor gate, Tensor up, Tensor y) : IUnaryCall
    {
        public void With<TOp, T>() where TOp : IUnaryOp where T : unmanaged =>
            Elementwise.Run<Gate<TOp>, T>(gate, up, null, y);
    }

    private readonly struct GatedVjpCall(Tensor g, Tensor gate, Tensor up, Tensor dgate, Tensor dup) : IUnaryCall
    {
        public void With<TOp, T>() where TOp : IUnaryOp where T : unmanaged
        {
            fixed (byte* pg = &g.Storage.HostData, pa = &gate.Storage.HostData, pu = &up.Storage.HostData,
                pda = &dgate.Storage.HostData, pdu = &dup.Storage.HostData)
            {
                var tiles = new GatedVjpTiles<TOp, T>(
                    (T*)pg + g.Offset, (T*)pa + gate.Offset, (T*)pu + up.Offset, (T*)pda + dgate.Offset, (T*)pdu + dup.Offset, g.Count);
                WorkerPool.For((g.Count + LoopNest.TileElements - 1) / LoopNest.TileElements,
                    LoopNest.TileElements * TOp.Nanoseconds * sizeof(T) / 2, ref tiles);
            }
        }
    }

    /// <summary>The one table from activation to operator.</summary>
    /// <returns>False when there is none.</returns>
    private static bool Choose<T, TCall>(Activation activation, in TCall call)
        where T : unmanaged
        where TCall : struct, IUnaryCall
    {
        switch (activation)
        {
            case Activation.None: call.With<Identity, T>(); return true;
            case Activation.Relu: call.With<Relu, T>(); return true;
            case Activation.Gelu: call.With<Gelu, T>(); return true;
            case Activation.GeluTanh: call.With<GeluTanh, T>(); return true;
            case Activation.Silu: call.With<Silu, T>(); return true;
            case Activation.Sigmoid: call.With<Sigmoid, T>(); return true;
            case Activation.Tanh: call.With<HyperbolicTangent, T>(); return true;
            default: return false;
        }
    }

    /// <summary>dup = g act(gate), dgate = g up act'(gate): both from one reading of the operands.</summary>
    private readonly struct GatedVjpTiles<TOp, T>(T* g, T* gate, T* up, T* dgate, T* dup, long n) : ITiles
        where TOp : IUnaryOp
        where T : unmanaged
    {
        public void Run(long tile)
        {
            var start = tile * LoopNest.TileElements;
            var count = (int)Math.Min(LoopNest.TileElements, n - start);
            if (Isa.Has512) Loop<Lanes512<T>>(start, count);
            else if (Isa.Has256) Loop<Lanes256<T>>(start, count);
            else Loop<Lanes128<T>>(start, count);
        }

        private void Loop<V>(long start, int count) where V : unmanaged, ILanes<V, T>
        {
            T* pg = g + start, pa = gate + start, pu = up + start, pda = dgate + start, pdu = dup + start;
            var i = 0;
            for (; i + V.Count <= count; i += V.Count)
            {
                Pull(V.Load(pg + i), V.Load(pa + i), V.Load(pu + i), out var da, out var du);
                V.Store(da, pda + i);
                V.Store(du, pdu + i);
            }

            if (i < count)
            {
                var rest = count - i;
                Pull(V.LoadPartial(pg + i, rest), V.LoadPartial(pa + i, rest), V.LoadPartial(pu + i, rest), out var da, out var du);
                V.StorePartial(da, pda + i, rest);
                V.StorePartial(du, pdu + i, rest);
            }

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            static void Pull(V vg, V va, V vu, out V da, out V du)
            {
                var y = TOp.Invoke<V, T>(va, default, default);
                da = TOp.Vjp<V, T>(vg * vu, TOp.KeepsResult ? y : va, default, default);
                du = vg * y;
            }
        }
    }
}
