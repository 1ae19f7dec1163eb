using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>Transforms of rows of signals in the layouts of <see cref="FourierKernel"/>.</summary>
/// <remarks>A real row of even length n is transformed as n/2 complex numbers z_j = x_(2j) + i x_(2j+1); an odd one as
/// complex numbers without imaginary part. No two rows are mixed, so a row with a NaN leaves the others alone.</remarks>
internal readonly unsafe struct SignalTransform<V, T>(FourierKernel kernel, T* x, T* y, int n, long rows) : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    private readonly FourierKernel _kernel = kernel;
    private readonly T* _x = x, _y = y;
    private readonly int _n = n;
    private readonly long _rows = rows;

    /// <summary>Transforms all rows.</summary>
    public static void Run(FourierKernel kernel, T* x, T* y, int n, long rows)
    {
        var transform = new SignalTransform<V, T>(kernel, x, y, n, rows);
        var atOnce = RowPlan<V, T>.For(transform.InnerLength).Rows;
        var cost = 0.5 * n * Math.Log2(n + 1.0) * atOnce;
        WorkerPool.For((rows + atOnce - 1) / atOnce, cost, ref transform);
    }

    private bool IsReal => _kernel is FourierKernel.RealForward or FourierKernel.RealInverse;

    private bool IsPacked => IsReal && _n % 2 == 0;

    private int InnerLength => IsPacked ? _n / 2 : _n;

    /// <summary>Does the rows number <c>tile · plan.Rows</c> and following.</summary>
    public void Run(long tile)
    {
        var length = InnerLength;
        var plan = RowPlan<V, T>.For(length);
        var first = tile * plan.Rows;
        var count = (int)Math.Min(plan.Rows, _rows - first);

        // Each row of a plane has room for one entry more and for a register before and after it.
        var stride = V.Count + length + 1 + V.Count;
        var plane = (long)stride * plan.Rows + V.Count;
        using var scratch = new Scratch<T>(4 * plane + plan.ScratchElements);
        var source = new Planes(scratch.Pointer + V.Count, plane, stride);
        var result = new Planes(scratch.Pointer + 2 * plane + V.Count, plane, stride);
        var inverse = _kernel is FourierKernel.Inverse or FourierKernel.RealInverse;
        for (var r = 0; r < count; r++) Read(first + r, source.Row(r));
        plan.Transform(
            inverse ? source.Im : source.Re, inverse ? source.Re : source.Im, stride,
            inverse ? result.Im : result.Re, inverse ? result.Re : result.Im, stride, count, scratch.Pointer + 4 * plane);
        for (var r = 0; r < count; r++) Write(first + r, result.Row(r));
    }

    private readonly struct Planes(T* re, long distance, nint stride)
    {
        public readonly T* Re = re;

        public T* Im => Re + distance;

        public Planes Row(int r) => new(Re + r * stride, distance, stride);
    }

    private void Read(long row, Planes to)
    {
        var bins = _n / 2 + 1;
        switch (_kernel)
        {
            case FourierKernel.RealForward when IsPacked:
                Split(_x + row * _n, to.Re, to.Im, _n / 2);
                break;
            case FourierKernel.RealForward:
                new Span<T>(_x + row * _n, _n).CopyTo(new Span<T>(to.Re, _n));
                new Span<T>(to.Im, _n).Clear();
                break;
            case FourierKernel.RealInverse when IsPacked:
                using (var scratch = new Scratch<T>(2L * (_n / 2 + 1 + 2 * V.Count)))
                {
                    T* re = scratch.Pointer + V.Count, im = re + bins + 2 * V.Count;
                    Split(_x + row * 2 * bins, re, im, bins);
                    im[0] = im[bins - 1] = default;
                    HalfSpectrum<V, T>.Join(re, im, to.Re, to.Im, _n);
                }

                break;
            case FourierKernel.RealInverse:
                Split(_x + row * 2 * bins, to.Re, to.Im, bins);
                to.Im[0] = default;
                HalfSpectrum<V, T>.Complete(to.Re, to.Im, _n);
                break;
            default:
                Split(_x + row * 2 * _n, to.Re, to.Im, _n);
                break;
        }
    }

    private void Write(long row, Planes from)
    {
        var bins = _n / 2 + 1;
        switch (_kernel)
        {
            case FourierKernel.RealForward when IsPacked:
                HalfSpectrum<V, T>.Separate(from.Re, from.Im, _y + row * 2 * bins, _n);
                break;
            case FourierKernel.RealForward:
                Merge(from.Re, from.Im, _y + row * 2 * bins, bins, 1);
                break;
            case FourierKernel.RealInverse when IsPacked:
                Merge(from.Re, from.Im, _y + row * _n, _n / 2, _n);
                break;
            case FourierKernel.RealInverse:
                Divide(from.Re, _y + row * _n, _n);
                break;
            case FourierKernel.Inverse:
                Merge(from.Re, from.Im, _y + row * 2 * _n, _n, _n);
                break;
            default:
                Merge(from.Re, from.Im, _y + row * 2 * _n, _n, 1);
                break;
        }
    }

    // Writes whole registers: the planes have room.
    private static void Split(T* pairs, T* re, T* im, int count)
    {
        for (var j = 0; j < count; j += V.Count, pairs += 2 * V.Count)
        {
            var left = 2 * Math.Min(count - j, V.Count);
            V a = V.LoadPartial(pairs, Math.Min(left, V.Count)), b = V.LoadPartial(pairs + V.Count, Math.Max(left - V.Count, 0));
            V.Store(V.UnzipEven(a, b), re + j);
            V.Store(V.UnzipOdd(a, b), im + j);
        }
    }

    private static void Merge(T* re, T* im, T* pairs, int count, int divisor)
    {
        var d = V.Const(divisor);
        for (var j = 0; j < count; j += V.Count, pairs += 2 * V.Count)
        {
            V a = V.Load(re + j), b = V.Load(im + j);
            if (divisor != 1) (a, b) = (a / d, b / d);
            HalfSpectrum<V, T>.StorePairs(a, b, pairs, Math.Min(count - j, V.Count));
        }
    }

    private static void Divide(T* from, T* to, int count)
    {
        var d = V.Const(count);
        for (var j = 0; j < count; j += V.Count) V.StorePartial(V.Load(from + j) / d, to + j, Math.Min(count - j, V.Count));
    }
}
