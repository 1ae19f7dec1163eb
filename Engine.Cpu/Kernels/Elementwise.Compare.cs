using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Compare(CompareKernel kernel, Tensor a, Tensor b, Tensor y)
    {
        fixed (byte* pa = &a.Storage.HostData, pb = &b.Storage.HostData)
        {
            // a > b is b < a.
            if (kernel is CompareKernel.Greater or CompareKernel.GreaterEqual)
                Relate(kernel == CompareKernel.Greater ? CompareKernel.Less : CompareKernel.LessEqual, b, pb, a, pa, a.DType, y);
            else
                Relate(kernel, a, pa, b, pb, a.DType, y);
        }
    }

    /// <inheritdoc/>
    /// <remarks>Integers are compared with the number itself, fraction and range included; floats with s rounded to their
    /// type.</remarks>
    public void CompareScalar(CompareKernel kernel, Tensor a, double s, Tensor y)
    {
        if (!a.DType.IsFloating() && !ElementBits.TryMakeIntegral(ref kernel, ref s, a.DType, out var always))
        {
            Fill(y, always ? 1 : 0);
            return;
        }

        var bits = ElementBits.Encode(s, a.DType);
        fixed (byte* pa = &a.Storage.HostData)
        {
            if (kernel is CompareKernel.Greater or CompareKernel.GreaterEqual)
                Relate(kernel == CompareKernel.Greater ? CompareKernel.Less : CompareKernel.LessEqual, null, (byte*)&bits, a, pa, a.DType, y);
            else
                Relate(kernel, a, pa, null, (byte*)&bits, a.DType, y);
        }
    }

    // An operand without a tensor is one element for all, at its memory.
    private static void Relate(CompareKernel kernel, Tensor? a, byte* pa, Tensor? b, byte* pb, DType dtype, Tensor y)
    {
        switch (dtype)
        {
            case DType.Float32: Relate<float>(kernel, a, pa, b, pb, null, y); break;
            case DType.Float64: Relate<double>(kernel, a, pa, b, pb, null, y); break;
            case DType.BFloat16: Relate<float>(kernel, a, pa, b, pb, &Conversion.BFloat16ToSingle, y); break;
            case DType.Float16: Relate<float>(kernel, a, pa, b, pb, &Conversion.HalfToSingle, y); break;
            case DType.Int32: Relate<int>(kernel, a, pa, b, pb, null, y); break;
            case DType.Int64: Relate<long>(kernel, a, pa, b, pb, null, y); break;
            case DType.Bool: Relate<byte>(kernel, a, pa, b, pb, null, y); break;
            default: throw NoKernel(kernel, y);
        }
    }

    private static void Relate<T>(CompareKernel kernel, Tensor? a, byte* pa, Tensor? b, byte* pb,
        delegate*<byte*, byte*, int, void> widen, Tensor y) where T : unmanaged
    {
        switch (kernel)
        {
            case CompareKernel.Equal: Relate<IsEqual, T>(a, pa, b, pb, widen, y); break;
            case CompareKernel.NotEqual: Relate<IsNotEqual, T>(a, pa, b, pb, widen, y); break;
            case CompareKernel.Less: Relate<IsLess, T>(a, pa, b, pb, widen, y); break;
            case CompareKernel.LessEqual: Relate<IsLessOrEqual, T>(a, pa, b, pb, widen, y); break;
            default: throw NoKernel(kernel, y);
        }
    }

    private static void Relate<TOp, T>(Tensor? a, byte* pa, Tensor? b, byte* pb, delegate*<byte*, byte*, int, void> widen, Tensor y)
        where TOp : ICompareOp
        where T : unmanaged
    {
        const double Nanoseconds = 0.3;
        fixed (byte* py = &y.Storage.HostData)
        {
            if (Isa.Has512)
            {
                var row = new CompareRow<TOp, Lanes512<T>, T>(widen);
                LoopNest.Run(Nanoseconds, ref row, y, py, a, pa, b, pb);
            }
            else if (Isa.Has256)
            {
                var row = new CompareRow<TOp, Lanes256<T>, T>(widen);
                LoopNest.Run(Nanoseconds, ref row, y, py, a, pa, b, pb);
            }
            else
            {
                var row = new CompareRow<TOp, Lanes128<T>, T>(widen);
                LoopNest.Run(Nanoseconds, ref row, y, py, a, pa, b, pb);
            }
        }
    }
}
