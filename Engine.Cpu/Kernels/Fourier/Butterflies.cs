using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>The passes of <see cref="StockhamPlan{V,T}"/>, one per radix. Shared arguments: m groups p, runs of s entries q,
/// twiddle factors of group p at <c>twiddles + 2 (radix - 1) p</c>.</summary>
internal static unsafe partial class Butterflies
{
    /// <summary>True for the radices that are not summed by <see cref="RadixPrime"/>.</summary>
    public static bool HasOwnCode(int radix) => radix is 2 or 3 or 4 or 5 or 8;

    public static void Radix2<V, T, TTwiddle>(LaneRows<T> from, LaneRows<T> to, int m, int s, T* twiddles)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
        where TTwiddle : struct, ITwiddle<V, T>
    {
        nint step = from.Stride * m * s, outStep = to.Stride * s;
        for (var p = 0; p < m; p++, twiddles += 2)
        {
            var x = from.Re + (nint)p * s * from.Stride;
            var y = to.Re + (nint)p * 2 * s * to.Stride;
            for (var q = 0; q < s; q++, x += from.Stride, y += to.Stride)
            {
                V ar = V.Load(x), ai = V.Load(x + from.Im);
                V br = V.Load(x + step), bi = V.Load(x + step + from.Im);
                Plain<V, T>(ar + br, ai + bi, y, to.Im);
                TTwiddle.Store(ar - br, ai - bi, y + outStep, to.Im, twiddles, 1);
            }
        }
    }

    public static void Radix3<V, T, TTwiddle>(LaneRows<T> from, LaneRows<T> to, int m, int s, T* twiddles)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
        where TTwiddle : struct, ITwiddle<V, T>
    {
        V half = V.Const(-0.5), sine = V.Const(0.86602540378443864676); // cos, sin of 2π/3
        nint step = from.Stride * m * s, outStep = to.Stride * s;
        for (var p = 0; p < m; p++, twiddles += 4)
        {
            var x = from.Re + (nint)p * s * from.Stride;
            var y = to.Re + (nint)p * 3 * s * to.Stride;
            for (var q = 0; q < s; q++, x += from.Stride, y += to.Stride)
            {
                V ar = V.Load(x), ai = V.Load(x + from.Im);
                V br = V.Load(x + step), bi = V.Load(x + step + from.Im);
                V cr = V.Load(x + 2 * step), ci = V.Load(x + 2 * step + from.Im);
                V tr = br + cr, ti = bi + ci;
                V dr = sine * (br - cr), di = sine * (bi - ci);
                Plain<V, T>(ar + tr, ai + ti, y, to.Im);
                V er = V.MultiplyAdd(half, tr, ar), ei = V.MultiplyAdd(half, ti, ai);
                TTwiddle.Store(er + di, ei - dr, y + outStep, to.Im, twiddles, 1);
                TTwiddle.Store(er - di, ei + dr, y + 2 * outStep, to.Im, twiddles, 2);
            }
        }
    }

    public static void Radix4<V, T, TTwiddle>(LaneRows<T> from, LaneRows<T> to, int m, int s, T* twiddles)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
        where TTwiddle : struct, ITwiddle<V, T>
    {
        nint step = from.Stride * m * s, outStep = to.Stride * s;
        for (var p = 0; p < m; p++, twiddles += 6)
        {
            var x = from.Re + (nint)p * s * from.Stride;
            var y = to.Re + (nint)p * 4 * s * to.Stride;
            for (var q = 0; q < s; q++, x += from.Stride, y += to.Stride)
            {
                V ar = V.Load(x), ai = V.Load(x + from.Im);
                V br = V.Load(x + step), bi = V.Load(x + step + from.Im);
                V cr = V.Load(x + 2 * step), ci = V.Load(x + 2 * step + from.Im);
                V dr = V.Load(x + 3 * step), di = V.Load(x + 3 * step + from.Im);
                V er = ar + cr, ei = ai + ci, fr = ar - cr, fi = ai - ci;
                V gr = br + dr, gi = bi + di, hr = br - dr, hi = bi - di;
                Plain<V, T>(er + gr, ei + gi, y, to.Im);
                TTwiddle.Store(fr + hi, fi - hr, y + outStep, to.Im, twiddles, 1);
                TTwiddle.Store(er - gr, ei - gi, y + 2 * outStep, to.Im, twiddles, 2);
                TTwiddle.Store(fr - hi, fi + hr, y + 3 * outStep, to.Im, twiddles, 3);
            }
        }
    }

    public static void Radix5<V, T, TTwiddle>(LaneRows<T> from, LaneRows<T> to, int m, int s, T* twiddles)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
        where TTwiddle : struct, ITwiddle<V, T>
    {
        V c1 = V.Const(0.30901699437494742410), s1 = V.Const(0.95105651629515357212); // of 2π/5
        V c2 = V.Const(-0.80901699437494742410), s2 = V.Const(0.58778525229247312917); // of 4π/5
        nint step = from.Stride * m * s, outStep = to.Stride * s;
        for (var p = 0; p < m; p++, twiddles += 8)
        {
            var x = from.Re + (nint)p * s * from.Stride;
            var y = to.Re + (nint)p * 5 * s * to.Stride;
            for (var q = 0; q < s; q++, x += from.Stride, y += to.Stride)
            {
                V ar = V.Load(x), ai = V.Load(x + from.Im);
                V br = V.Load(x + step), bi = V.Load(x + step + from.Im);
                V cr = V.Load(x + 2 * step), ci = V.Load(x + 2 * step + from.Im);
                V dr = V.Load(x + 3 * step), di = V.Load(x + 3 * step + from.Im);
                V er = V.Load(x + 4 * step), ei = V.Load(x + 4 * step + from.Im);
                V tr = br + er, ti = bi + ei, ur = br - er, ui = bi - ei;
                V vr = cr + dr, vi = ci + di, wr = cr - dr, wi = ci - di;
                Plain<V, T>(ar + tr + vr, ai + ti + vi, y, to.Im);

                V pr = V.MultiplyAdd(c2, vr, V.MultiplyAdd(c1, tr, ar)), pi = V.MultiplyAdd(c2, vi, V.MultiplyAdd(c1, ti, ai));
                V qr = V.MultiplyAdd(s2, wr, s1 * ur), qi = V.MultiplyAdd(s2, wi, s1 * ui);
                TTwiddle.Store(pr + qi, pi - qr, y + outStep, to.Im, twiddles, 1);
                TTwiddle.Store(pr - qi, pi + qr, y + 4 * outStep, to.Im, twiddles, 4);

                pr = V.MultiplyAdd(c1, vr, V.MultiplyAdd(c2, tr, ar));
                pi = V.MultiplyAdd(c1, vi, V.MultiplyAdd(c2, ti, ai));
                qr = V.MultiplyAdd(-s1, wr, s2 * ur);
                qi = V.MultiplyAdd(-s1, wi, s2 * ui);
                TTwiddle.Store(pr + qi, pi - qr, y + 2 * outStep, to.Im, twiddles, 2);
                TTwiddle.Store(pr - qi, pi + qr, y + 3 * outStep, to.Im, twiddles, 3);
            }
        }
    }

    public static void Radix8<V, T, TTwiddle>(LaneRows<T> from, LaneRows<T> to, int m, int s, T* twiddles)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
        where TTwiddle : struct, ITwiddle<V, T>
    {
        var root = V.Const(0.70710678118654752440); // cos, sin of 2π/8
        nint step = from.Stride * m * s, outStep = to.Stride * s;
        for (var p = 0; p < m; p++, twiddles += 14)
        {
            var x = from.Re + (nint)p * s * from.Stride;
            var y = to.Re + (nint)p * 8 * s * to.Stride;
            for (var q = 0; q < s; q++, x += from.Stride, y += to.Stride)
            {
                // Even entries: outputs 0, 2, 4, 6 are a radix-4 butterfly of the sums, 1, 3, 5, 7 of the turned differences.
                V ar = V.Load(x), ai = V.Load(x + from.Im);
                V er = V.Load(x + 4 * step), ei = V.Load(x + 4 * step + from.Im);
                V sar = ar + er, sai = ai + ei, dar = ar - er, dai = ai - ei;
                V cr = V.Load(x + 2 * step), ci = V.Load(x + 2 * step + from.Im);
                V gr = V.Load(x + 6 * step), gi = V.Load(x + 6 * step + from.Im);
                V scr = cr + gr, sci = ci + gi, dcr = cr - gr, dci = ci - gi;
                V br = V.Load(x + step), bi = V.Load(x + step + from.Im);
                V fr = V.Load(x + 5 * step), fi = V.Load(x + 5 * step + from.Im);
                V sbr = br + fr, sbi = bi + fi, dbr = br - fr, dbi = bi - fi;
                V dr = V.Load(x + 3 * step), di = V.Load(x + 3 * step + from.Im);
                V hr = V.Load(x + 7 * step), hi = V.Load(x + 7 * step + from.Im);
                V sdr = dr + hr, sdi = di + hi, ddr = dr - hr, ddi = di - hi;

                V tr = sar + scr, ti = sai + sci, ur = sbr + sdr, ui = sbi + sdi;
                Plain<V, T>(tr + ur, ti + ui, y, to.Im);
                TTwiddle.Store(tr - ur, ti - ui, y + 4 * outStep, to.Im, twiddles, 4);
                tr = sar - scr;
                ti = sai - sci;
                ur = sbr - sdr;
                ui = sbi - sdi;
                TTwiddle.Store(tr + ui, ti - ur, y + 2 * outStep, to.Im, twiddles, 2);
                TTwiddle.Store(tr - ui, ti + ur, y + 6 * outStep, to.Im, twiddles, 6);

                // db e^(-iπ/4) and dd e^(-3iπ/4): sums and differences times √½.
                V pr = root * (dbr + dbi), pi = root * (dbi - dbr);
                V qr = root * (ddi - ddr), qi = root * (-ddi - ddr);
                tr = dar + dci;
                ti = dai - dcr;
                ur = pr + qr;
                ui = pi + qi;
                TTwiddle.Store(tr + ur, ti + ui, y + outStep, to.Im, twiddles, 1);
                TTwiddle.Store(tr - ur, ti - ui, y + 5 * outStep, to.Im, twiddles, 5);
                tr = dar - dci;
                ti = dai + dcr;
                ur = pr - qr;
                ui = pi - qi;
                TTwiddle.Store(tr + ui, ti - ur, y + 3 * outStep, to.Im, twiddles, 3);
                TTwiddle.Store(tr - ui, ti + ur, y + 7 * outStep, to.Im, twiddles, 7);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Plain<V, T>(V re, V im, T* p, nint imaginary)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
    {
        V.Store(re, p);
        V.Store(im, p + imaginary);
    }
}
