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
        fixed (byte* pq = &HostData(q), pk = &HostData(k), pv = &HostData(v), pout = &HostData(output), plse = &HostData(lse))
        fixed (byte* pmask = &HostData(keyMask), pqs = &HostData(querySegments), pks = &HostData(keySegments))
        {
            var problem = new AttentionProblem<T>(spec, q, k, v)
            {
                Q = new(pq, q), K = new(pk, k), V = new(pv, v),
                KeyMask = new(pmask, keyMask), QuerySegments = new(pqs, querySegments), KeySegments = new(pks, keySegments),
                Output = (T*)pout + output.Offset, LogSumExp = (T*)plse + lse.Offset,
            };
            if (Isa.Has512) AttentionForward<Lanes512<T>, T>.Run(&problem);
            else if (Isa.Has256) AttentionForward<Lanes256<T>, T>.Run(&problem);
            else AttentionForward<Lanes128<T>, T>.Run(&problem);
        }
    }

    /// <inheritdoc/>
    public void AttentionVjp(in AttentionSpec spec, Tensor dout, Tensor? dlse, Tensor q, Tensor k, Tensor v, Tensor? keyMask,
        Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse, Tensor dq, Tensor dk, Tensor dv)
    {
        ArgumentNullException.ThrowIfNull(q);
        if (q.DType == DType.Float32) AttentionVjp<float>(spec, dout, dlse, q, k, v, keyMask, querySegments, keySegments, output, lse, dq, dk, dv);
        else AttentionVjp<double>(spec, dout, dlse, q, k, v, keyMask, querySegments, keySegments, output, lse, dq, dk, dv);
    }

    private static void AttentionVjp<T>(in AttentionSpec spec, Tensor dout, Tensor? dlse, Tensor q, Tensor k, Tensor v, Tensor? keyMask,
        Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse, Tensor dq, Tensor dk, Tensor dv)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        fixed (byte* pq = &HostData(q), pk = &HostData(k), pv = &HostData(v), pout = &HostData(output), plse = &HostData(lse))
        fixed (byte* pmask = &HostData(keyMask), pqs = &HostData(querySegments), pks = &HostData(keySegments))
        fixed (byte* pdout = &HostData(dout), pdlse = &HostData(dlse), pdq = &HostData(dq), pdk = &HostData(dk), pdv = &HostData(dv))
        {
            var problem = new AttentionProblem<T>(spec, q, k, v)
            {
                Q = new(pq, q), K = new(pk, k), V = new(pv, v),
                KeyMask = new(pmask, keyMask), QuerySegments = new(pqs, querySegments), KeySegments = new(pks, keySegments),
                Output = (T*)pout + output.Offset, LogSumExp = (T*)plse + lse.Offset,
            };
            var gradients = new AttentionGradients<T>
            {
                Output = new(pdout, dout), LogSumExp = dlse is null ? default : new(pdlse, dlse),
                Q = (T*)pdq + dq.Offset, K = (T*)pdk + dk.Offset, V = (T*)pdv + dv.Offset,
            };
            if (Isa.Has512) AttentionBackward<Lanes512<T>, T>.Run(&problem, &gradients);
            else if (Isa.Has256) AttentionBackward<Lanes256<T>, T>.Run(&problem, &gradients);
            else AttentionBackward<Lanes128<T>, T>.Run(&problem, &gradients);
        }
    }

    private static ref byte HostData(Tensor? tensor) =>
        ref tensor is null ? ref Unsafe.NullRef<byte>() : ref tensor.Storage.HostData;
}
