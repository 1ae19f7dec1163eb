using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void LinearScan(Tensor a, Tensor b, Tensor? initial, bool reverse, Tensor h)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        ArgumentNullException.ThrowIfNull(h);
        if (a.DType == DType.Float32) LinearScan<float>(a, b, initial, reverse, h);
        else LinearScan<double>(a, b, initial, reverse, h);
    }

    /// <inheritdoc/>
    public void LinearScanVjp(Tensor dh, Tensor? dfinal, Tensor a, Tensor h, Tensor? initial, Tensor da, Tensor db, Tensor? dinitial)
    {
        ArgumentNullException.ThrowIfNull(dh);
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(h);
        ArgumentNullException.ThrowIfNull(da);
        ArgumentNullException.ThrowIfNull(db);
        if (a.DType == DType.Float32) LinearScanVjp<float>(dh, dfinal, a, h, initial, da, db, dinitial);
        else LinearScanVjp<double>(dh, dfinal, a, h, initial, da, db, dinitial);
    }

    private static void LinearScan<T>(Tensor a, Tensor b, Tensor? initial, bool reverse, Tensor h) where T : unmanaged
    {
        var scan = new LinearScan<T>(a.Size(0), a.Size(1), a.Size(2));
        fixed (T* pa = &a.HostElement<T>(), pb = &b.HostElement<T>(), ph = &h.HostElement<T>())
        fixed (T* initialState = &Operand.First<T>(initial))
        {
            scan.A = pa;
            scan.B = pb;
            scan.Initial = initialState;
            scan.H = ph;
            scan.Reverse = reverse;
            Isa.Run<T, LinearScan<T>>(ref scan);
        }
    }

    private static void LinearScanVjp<T>(
        Tensor dh, Tensor? dfinal, Tensor a, Tensor h, Tensor? initial, Tensor da, Tensor db, Tensor? dinitial) where T : unmanaged
    {
        var scan = new LinearScanBackward<T>(a.Size(0), a.Size(1), a.Size(2));
        fixed (T* pdh = &dh.HostElement<T>(), pa = &a.HostElement<T>(), ph = &h.HostElement<T>())
        fixed (T* pda = &da.HostElement<T>(), pdb = &db.HostElement<T>())
        fixed (T* initialState = &Operand.First<T>(initial), finalCotangent = &Operand.First<T>(dfinal), initialCotangent = &Operand.First<T>(dinitial))
        {
            scan.DH = pdh;
            scan.DFinal = finalCotangent;
            scan.A = pa;
            scan.H = ph;
            scan.Initial = initialState;
            scan.DA = pda;
            scan.DB = pdb;
            scan.DInitial = initialCotangent;
            Isa.Run<T, LinearScanBackward<T>>(ref scan);
        }
    }
}
