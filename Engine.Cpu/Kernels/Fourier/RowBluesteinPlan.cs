using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary><see cref="BluesteinPlan{V,T}"/> along a single long row.</summary>
internal sealed unsafe class RowBluesteinPlan<V, T> : RowPlan<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    private readonly RowPlan<V, T> _inner;

    // Real parts, then imaginary parts.
    private readonly T[] _chirp, _kernel;

    public RowBluesteinPlan(int length) : base(length)
    {
        _inner = RowPlan<V, T>.For(Factors.NextSmooth(2L * length - 1));
        var (chirp, kernel) = Chirp.Build<T>(length, _inner.Length);
        (_chirp, _kernel) = (Planes(chirp), Planes(kernel));
    }

    public override int Rows => 1;

    public override long ScratchElements => 4L * Padded + _inner.ScratchElements;

    private long Padded => _inner.Length + V.Count;

    public override void Transform(T* re, T* im, nint stride, T* outRe, T* outIm, nint outStride, int rows, T* scratch)
    {
        var m = _inner.Length;
        T* ur = scratch, ui = ur + Padded, vr = ui + Padded, vi = vr + Padded, rest = vi + Padded;
        fixed (T* chirp = _chirp, kernel = _kernel)
        {
            Multiply(re, im, chirp, ur, ui, Length);
            new Span<T>(ur + Length, m - Length).Clear();
            new Span<T>(ui + Length, m - Length).Clear();
            _inner.Transform(ur, ui, m, vr, vi, m, 1, rest);
            Multiply(vr, vi, kernel, ur, ui, m);
            _inner.Transform(ui, ur, m, vi, vr, m, 1, rest);
            Multiply(vr, vi, chirp, outRe, outIm, Length);
        }
    }

    private static void Multiply(T* re, T* im, T* factors, T* outRe, T* outIm, int n)
    {
        for (var k = 0; k < n; k += V.Count)
        {
            var count = Math.Min(V.Count, n - k);
            V ar = V.LoadPartial(re + k, count), ai = V.LoadPartial(im + k, count);
            V c = V.LoadPartial(factors + k, count), s = V.LoadPartial(factors + n + k, count);
            V.StorePartial(V.MultiplyAdd(-ai, s, ar * c), outRe + k, count);
            V.StorePartial(V.MultiplyAdd(ai, c, ar * s), outIm + k, count);
        }
    }

    private static T[] Planes(T[] pairs)
    {
        var n = pairs.Length / 2;
        var planes = new T[pairs.Length];
        for (var k = 0; k < n; k++) (planes[k], planes[n + k]) = (pairs[2 * k], pairs[2 * k + 1]);
        return planes;
    }
}
