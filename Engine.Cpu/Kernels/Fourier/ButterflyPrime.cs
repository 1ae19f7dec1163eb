using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

internal static unsafe partial class Butterflies
{
    /// <summary>A pass of an odd radix, by the definition with its symmetry used.</summary>
    /// <remarks>With t_j = a_j + a_(r-j) and d_j = a_j - a_(r-j), the sums C_k = a_0 + Σ_j t_j cos(2π jk/r) and
    /// S_k = Σ_j d_j sin(2π jk/r) over j ≤ (r-1)/2 give both X_k = C_k - i S_k and X_(r-k) = C_k + i S_k. Each sum is one
    /// fused chain in ascending j, so its error is below r/2 roundings.</remarks>
    /// <param name="radix">r.</param>
    /// <param name="from">Source rows.</param>
    /// <param name="to">Destination rows.</param>
    /// <param name="m">Groups.</param>
    /// <param name="s">Run length.</param>
    /// <param name="twiddles">Factors of group 0.</param>
    /// <param name="roots">e^(-2πi k/r), k &lt; r.</param>
    /// <param name="sums">Room for r - 1 rows: the t_j and d_j.</param>
    public static void RadixPrime<V, T, TTwiddle>(
        int radix, LaneRows<T> from, LaneRows<T> to, int m, int s, T* twiddles, T* roots, T* sums)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
        where TTwiddle : struct, ITwiddle<V, T>
    {
        nint step = from.Stride * m * s, outStep = to.Stride * s;
        var half = radix / 2;
        for (var p = 0; p < m; p++, twiddles += 2 * (radix - 1))
        {
            for (var q = 0; q < s; q++)
            {
                var x = from.Re + ((nint)p * s + q) * from.Stride;
                var y = to.Re + ((nint)p * radix * s + q) * to.Stride;
                V ar = V.Load(x), ai = V.Load(x + from.Im);
                V totalRe = ar, totalIm = ai;
                var sum = sums;
                for (var j = 1; j <= half; j++, sum += 4 * V.Count)
                {
                    V br = V.Load(x + j * step), bi = V.Load(x + j * step + from.Im);
                    V cr = V.Load(x + (radix - j) * step), ci = V.Load(x + (radix - j) * step + from.Im);
                    V tr = br + cr, ti = bi + ci;
                    V.Store(tr, sum);
                    V.Store(ti, sum + V.Count);
                    V.Store(br - cr, sum + 2 * V.Count);
                    V.Store(bi - ci, sum + 3 * V.Count);
                    totalRe += tr;
                    totalIm += ti;
                }

                Plain<V, T>(totalRe, totalIm, y, to.Im);
                var k = 1;
                for (; k < half; k += 2) TwoOutputs<V, T, TTwiddle>(radix, k, ar, ai, sums, roots, y, outStep, to.Im, twiddles);
                if (k == half) OneOutput<V, T, TTwiddle>(radix, k, ar, ai, sums, roots, y, outStep, to.Im, twiddles);
            }
        }
    }

    // Outputs k, k + 1 and their mirrors: eight sums run in registers over one reading of t and d.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TwoOutputs<V, T, TTwiddle>(
        int radix, int k, V ar, V ai, T* sum, T* roots, T* y, nint outStep, nint imaginary, T* twiddles)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
        where TTwiddle : struct, ITwiddle<V, T>
    {
        V cr0 = ar, ci0 = ai, sr0 = V.Zero, si0 = V.Zero;
        V cr1 = ar, ci1 = ai, sr1 = V.Zero, si1 = V.Zero;
        int jk0 = 0, jk1 = 0;
        for (var j = 1; j <= radix / 2; j++, sum += 4 * V.Count)
        {
            if ((jk0 += k) >= radix) jk0 -= radix;
            if ((jk1 += k + 1) >= radix) jk1 -= radix;
            V tr = V.Load(sum), ti = V.Load(sum + V.Count), dr = V.Load(sum + 2 * V.Count), di = V.Load(sum + 3 * V.Count);
            V c = V.Splat(roots[2 * jk0]), s = V.Splat(roots[2 * jk0 + 1]);
            cr0 = V.MultiplyAdd(tr, c, cr0);
            ci0 = V.MultiplyAdd(ti, c, ci0);
            sr0 = V.MultiplyAdd(dr, s, sr0);
            si0 = V.MultiplyAdd(di, s, si0);
            c = V.Splat(roots[2 * jk1]);
            s = V.Splat(roots[2 * jk1 + 1]);
            cr1 = V.MultiplyAdd(tr, c, cr1);
            ci1 = V.MultiplyAdd(ti, c, ci1);
            sr1 = V.MultiplyAdd(dr, s, sr1);
            si1 = V.MultiplyAdd(di, s, si1);
        }

        StorePair<V, T, TTwiddle>(radix, k, cr0, ci0, sr0, si0, y, outStep, imaginary, twiddles);
        StorePair<V, T, TTwiddle>(radix, k + 1, cr1, ci1, sr1, si1, y, outStep, imaginary, twiddles);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OneOutput<V, T, TTwiddle>(
        int radix, int k, V ar, V ai, T* sum, T* roots, T* y, nint outStep, nint imaginary, T* twiddles)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
        where TTwiddle : struct, ITwiddle<V, T>
    {
        V cr = ar, ci = ai, sr = V.Zero, si = V.Zero;
        var jk = 0;
        for (var j = 1; j <= radix / 2; j++, sum += 4 * V.Count)
        {
            if ((jk += k) >= radix) jk -= radix;
            V c = V.Splat(roots[2 * jk]), s = V.Splat(roots[2 * jk + 1]);
            cr = V.MultiplyAdd(V.Load(sum), c, cr);
            ci = V.MultiplyAdd(V.Load(sum + V.Count), c, ci);
            sr = V.MultiplyAdd(V.Load(sum + 2 * V.Count), s, sr);
            si = V.MultiplyAdd(V.Load(sum + 3 * V.Count), s, si);
        }

        StorePair<V, T, TTwiddle>(radix, k, cr, ci, sr, si, y, outStep, imaginary, twiddles);
    }

    // The table holds -sin, so (sr, si) = -S here: X_k = C + i(-S), X_(r-k) = C - i(-S).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair<V, T, TTwiddle>(
        int radix, int k, V cr, V ci, V sr, V si, T* y, nint outStep, nint imaginary, T* twiddles)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
        where TTwiddle : struct, ITwiddle<V, T>
    {
        TTwiddle.Store(cr - si, ci + sr, y + k * outStep, imaginary, twiddles, k);
        TTwiddle.Store(cr + si, ci - sr, y + (radix - k) * outStep, imaginary, twiddles, radix - k);
    }
}
