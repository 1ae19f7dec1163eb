using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Attention(in AttentionSpec spec, Tensor q, Tensor k, Tensor v, Tensor? keyMask,
        Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse)
    {
        ArgumentNullException.ThrowIfNull(q);
        if (q.DType == DType.Float32) Attention<float>(spec, q, k, v, keyMask, querySegments, keySegments, output, lse);
        else Attention<double>(spec, q, k, v, keyMask, querySegments, keySegments, output, lse);
    }

    private static void Attention<T>(in AttentionSpec spec, Tensor q, Tensor k, Tensor v, Tensor? keyMask,
        Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        fixed (byte* pq = &q.Storage.HostData, pk = &k.Storage.HostData, pv = &v.Storage.HostData)
        fixed (byte* pmask = &HostData(keyMask), pqs = &HostData(querySegments), pks = &HostData(keySegments))
        fixed (byte* pout = &output.Storage.HostData, plse = &lse.Storage.HostData)
        {
            int[] dq = q.Layout.Dims, dk = k.Layout.Dims;
            var problem = new AttentionProblem<T>
            {
                Batch = dq[0], Queries = dq[1], Heads = dq[2], Width = dq[3], Keys = dk[1], KeyHeads = dk[2], ValueWidth = v.Layout.Dims[3],
                Q = new(pq, q), K = new(pk, k), V = new(pv, v),
                KeyMask = new(pmask, keyMask), QuerySegments = new(pqs, querySegments), KeySegments = new(pks, keySegments),
                Output = (T*)pout + output.Offset, LogSumExp = (T*)plse + lse.Offset, Spec = spec,
            };
            if (Isa.Has512) AttentionForward<Lanes512<T>, T>.Run(&problem);
            else if (Isa.Has256) AttentionForward<Lanes256<T>, T>.Run(&problem);
            else AttentionForward<Lanes128<T>, T>.Run(&problem);
        }
    }

    private static ref byte HostData(Tensor? tensor) =>
        ref tensor is null ? ref Unsafe.NullRef<byte>() : ref tensor.Storage.HostData;
}
