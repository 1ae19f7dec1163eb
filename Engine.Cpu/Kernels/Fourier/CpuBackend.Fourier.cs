using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels.Fourier;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Fourier(FourierKernel kernel, Tensor x, int n, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        if (x.DType == DType.Float32) Fourier<float>(kernel, x, n, y);
        else Fourier<double>(kernel, x, n, y);
    }

    /// <inheritdoc/>
    public void Fourier2Real(Tensor x, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        if (x.Count == 0) return;
        if (x.DType == DType.Float32) Fourier2Real<float>(x, y);
        else Fourier2Real<double>(x, y);
    }

    private static void Fourier<T>(FourierKernel kernel, Tensor x, int n, Tensor y) where T : unmanaged
    {
        var rowElements = kernel switch
        {
            FourierKernel.RealForward => n,
            FourierKernel.RealInverse => 2L * (n / 2 + 1),
            _ => 2L * n,
        };
        fixed (T* px = &x.HostElement<T>(), py = &y.HostElement<T>())
        {
            var action = new SignalAction<T> { Kernel = kernel, X = px, Y = py, N = n, Rows = x.Count / rowElements };
            Isa.Run<T, SignalAction<T>>(ref action);
        }
    }

    private static void Fourier2Real<T>(Tensor x, Tensor y) where T : unmanaged
    {
        fixed (T* px = &x.HostElement<T>(), py = &y.HostElement<T>())
        {
            var action = new SliceAction<T> { X = px, Y = py, Slices = x.Size(0), Length = x.Size(1), Width = x.Size(2) };
            Isa.Run<T, SliceAction<T>>(ref action);
        }
    }

    private struct SignalAction<T> : ILanesAction<T> where T : unmanaged
    {
        public FourierKernel Kernel;
        public T* X, Y;
        public int N;
        public long Rows;

        public readonly void Invoke<V>() where V : unmanaged, ILanes<V, T> => SignalTransform<V, T>.Run(Kernel, X, Y, N, Rows);
    }

    private struct SliceAction<T> : ILanesAction<T> where T : unmanaged
    {
        public T* X, Y;
        public int Slices, Length, Width;

        public readonly void Invoke<V>() where V : unmanaged, ILanes<V, T> =>
            new SliceTransform<V, T>(Length, Width).Run(X, Y, Slices);
    }
}
