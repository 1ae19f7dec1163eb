using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Select(Tensor condition, Tensor a, Tensor b, Tensor y)
    {
        switch (y.DType.SizeOf())
        {
            case 1: SelectOf<byte>(condition, a, b, y); break;
            case 2: SelectOf<ushort>(condition, a, b, y); break;
            case 4: SelectOf<uint>(condition, a, b, y); break;
            default: SelectOf<ulong>(condition, a, b, y); break;
        }
    }

    private static void SelectOf<T>(Tensor condition, Tensor a, Tensor b, Tensor y) where T : unmanaged
    {
        const double Nanoseconds = 0.3;
        fixed (byte* pc = &condition.Storage.HostData, pa = &a.Storage.HostData, pb = &b.Storage.HostData, py = &y.Storage.HostData)
        {
            if (Isa.Has512)
            {
                var row = default(SelectRow<Lanes512<T>, T>);
                LoopNest.Run(Nanoseconds, ref row, y, py, condition, pc, a, pa, b, pb);
            }
            else if (Isa.Has256)
            {
                var row = default(SelectRow<Lanes256<T>, T>);
                LoopNest.Run(Nanoseconds, ref row, y, py, condition, pc, a, pa, b, pb);
            }
            else
            {
                var row = default(SelectRow<Lanes128<T>, T>);
                LoopNest.Run(Nanoseconds, ref row, y, py, condition, pc, a, pa, b, pb);
            }
        }
    }
}
