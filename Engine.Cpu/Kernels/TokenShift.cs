using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void TokenShift(Tensor x, Tensor mix, Tensor? initial, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(mix);
        ArgumentNullException.ThrowIfNull(y);
        if (x.DType == DType.Float32) TokenShift<float>(x, mix, initial, y);
        else TokenShift<double>(x, mix, initial, y);
    }

    /// <inheritdoc/>
    public void TokenShiftVjp(Tensor dy, Tensor x, Tensor mix, Tensor? initial, Tensor dx, Tensor dmix, Tensor? dinitial)
    {
        ArgumentNullException.ThrowIfNull(dy);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(mix);
        ArgumentNullException.ThrowIfNull(dx);
        ArgumentNullException.ThrowIfNull(dmix);
        if (x.DType == DType.Float32) TokenShiftVjp<float>(dy, x, mix, initial, dx, dmix, dinitial);
        else TokenShiftVjp<double>(dy, x, mix, initial, dx, dmix, dinitial);
    }

    private static void TokenShift<T>(Tensor x, Tensor mix, Tensor? initial, Tensor y) where T : unmanaged
    {
        fixed (T* px = &x.HostElement<T>(), pm = &mix.HostElement<T>(), pi = &Operand.First<T>(initial), py = &y.HostElement<T>())
        {
            var shift = new TokenShiftForward<T> { Geometry = new(x.Size(0), x.Size(1), x.Size(2), mix.Size(0)), X = px, Mix = pm, Initial = pi, Y = py };
            Isa.Run<T, TokenShiftForward<T>>(ref shift);
        }
    }

    private static void TokenShiftVjp<T>(Tensor dy, Tensor x, Tensor mix, Tensor? initial, Tensor dx, Tensor dmix, Tensor? dinitial) where T : unmanaged
    {
        fixed (T* pdy = &dy.HostElement<T>(), px = &x.HostElement<T>(), pm = &mix.HostElement<T>(), pi = &Operand.First<T>(initial))
        fixed (T* pdx = &dx.HostElement<T>(), pdm = &dmix.HostElement<T>(), pdi = &Operand.First<T>(dinitial))
        {
            var shift = new TokenShiftBackward<T>
            {
                Geometry = new(x.Size(0), x.Size(1), x.Size(2), mix.Size(0)), DY = pdy, X = px, Mix = pm, Initial = pi, DX = pdx, DMix = pdm, DInitial = pdi,
            };
            Isa.Run<T, TokenShiftBackward<T>>(ref shift);
        }
    }
}
