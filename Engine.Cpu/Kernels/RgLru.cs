using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void RgLru(Tensor x, Tensor gateX, Tensor gateA, Tensor rate, Tensor? reset, Tensor? initial, Tensor h)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(gateX);
        ArgumentNullException.ThrowIfNull(gateA);
        ArgumentNullException.ThrowIfNull(rate);
        ArgumentNullException.ThrowIfNull(h);
        if (x.DType == DType.Float32) RgLru<float>(x, gateX, gateA, rate, reset, initial, h);
        else RgLru<double>(x, gateX, gateA, rate, reset, initial, h);
    }

    /// <inheritdoc/>
    public void RgLruVjp(
        Tensor dh, Tensor x, Tensor gateX, Tensor gateA, Tensor rate, Tensor? reset, Tensor? initial, Tensor h,
        Tensor dx, Tensor dgateX, Tensor dgateA, Tensor drate, Tensor? dinitial)
    {
        ArgumentNullException.ThrowIfNull(dh);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(gateX);
        ArgumentNullException.ThrowIfNull(gateA);
        ArgumentNullException.ThrowIfNull(rate);
        ArgumentNullException.ThrowIfNull(h);
        ArgumentNullException.ThrowIfNull(dx);
        ArgumentNullException.ThrowIfNull(dgateX);
        ArgumentNullException.ThrowIfNull(dgateA);
        ArgumentNullException.ThrowIfNull(drate);
        if (x.DType == DType.Float32) RgLruVjp<float>(dh, x, gateX, gateA, rate, reset, initial, h, dx, dgateX, dgateA, drate, dinitial);
        else RgLruVjp<double>(dh, x, gateX, gateA, rate, reset, initial, h, dx, dgateX, dgateA, drate, dinitial);
    }

    private static void RgLru<T>(Tensor x, Tensor gateX, Tensor gateA, Tensor rate, Tensor? reset, Tensor? initial, Tensor h) where T : unmanaged
    {
        fixed (T* px = &x.HostElement<T>(), pgx = &gateX.HostElement<T>(), pga = &gateA.HostElement<T>(), pr = &rate.HostElement<T>())
        fixed (T* pi = &Operand.First<T>(initial), ph = &h.HostElement<T>())
        fixed (byte* preset = &Operand.First<byte>(reset))
        {
            var unit = new RealGatedForward<T>
            {
                Operands = new() { Batch = x.Size(0), Length = x.Size(1), Width = x.Size(2), X = px, GateX = pgx, GateA = pga, Rate = pr, Initial = pi, H = ph, Reset = preset },
            };
            Isa.Run<T, RealGatedForward<T>>(ref unit);
        }
    }

    private static void RgLruVjp<T>(
        Tensor dh, Tensor x, Tensor gateX, Tensor gateA, Tensor rate, Tensor? reset, Tensor? initial, Tensor h,
        Tensor dx, Tensor dgateX, Tensor dgateA, Tensor drate, Tensor? dinitial) where T : unmanaged
    {
        fixed (T* pdh = &dh.HostElement<T>(), px = &x.HostElement<T>(), pgx = &gateX.HostElement<T>(), pga = &gateA.HostElement<T>(), pr = &rate.HostElement<T>())
        fixed (T* pi = &Operand.First<T>(initial), ph = &h.HostElement<T>(), pdi = &Operand.First<T>(dinitial))
        fixed (T* pdx = &dx.HostElement<T>(), pdgx = &dgateX.HostElement<T>(), pdga = &dgateA.HostElement<T>(), pdr = &drate.HostElement<T>())
        fixed (byte* preset = &Operand.First<byte>(reset))
        {
            var unit = new RealGatedBackward<T>
            {
                Operands = new() { Batch = x.Size(0), Length = x.Size(1), Width = x.Size(2), X = px, GateX = pgx, GateA = pga, Rate = pr, Initial = pi, H = ph, Reset = preset },
                DH = pdh, DX = pdx, DGateX = pdgx, DGateA = pdga, DRate = pdr, DInitial = pdi,
            };
            Isa.Run<T, RealGatedBackward<T>>(ref unit);
        }
    }
}
