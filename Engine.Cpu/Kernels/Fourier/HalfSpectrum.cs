using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>Between the n/2 + 1 bins X_k of a real signal of n entries and the transform Z of its packed form.</summary>
/// <remarks>With h = n/2 and Z_h = Z_0: 2 X_k = (Z_k + conj Z_(h-k)) - i e^(-2πi k/n) (Z_k - conj Z_(h-k)), and back,
/// Z_k = (X_k + conj X_(h-k)) + i e^(2πi k/n) (X_k - conj X_(h-k)) up to the factor 2.</remarks>
internal static unsafe class HalfSpectrum<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    // cos and sin of 2π k/n for k ≤ h, each padded to whole registers.
    private static readonly PlanCache<T[]> s_turns = new(Turns);

    /// <summary>Bins from Z. The planes are readable for a register on both sides of their h entries; entry h is
    /// overwritten.</summary>
    public static void Separate(T* re, T* im, T* bins, int n)
    {
        var h = n / 2;
        re[h] = re[0];
        im[h] = im[0];
        var half = V.Const(0.5);
        var turns = s_turns[n];
        fixed (T* cosines = turns)
        {
            var sines = cosines + turns.Length / 2;
            for (var k = 0; k <= h; k += V.Count)
            {
                V ar = half * V.Load(re + k), ai = half * V.Load(im + k);
                V br = half * V.Reverse(V.Load(re + h - k - V.Count + 1)), bi = half * V.Reverse(V.Load(im + h - k - V.Count + 1));
                V dr = ar - br, di = ai + bi, c = V.Load(cosines + k), s = V.Load(sines + k);
                var xr = V.MultiplyAdd(c, di, V.MultiplyAdd(-s, dr, ar + br));
                var xi = V.MultiplyAdd(-c, dr, V.MultiplyAdd(-s, di, ai - bi));
                StorePairs(xr, xi, bins + 2 * k, Math.Min(V.Count, h + 1 - k));
            }
        }
    }

    /// <summary>2 Z from bins 0 … h; the planes are readable for a register on both sides.</summary>
    public static void Join(T* re, T* im, T* outRe, T* outIm, int n)
    {
        var h = n / 2;
        var turns = s_turns[n];
        fixed (T* cosines = turns)
        {
            var sines = cosines + turns.Length / 2;
            for (var k = 0; k < h; k += V.Count)
            {
                V ar = V.Load(re + k), ai = V.Load(im + k);
                V br = V.Reverse(V.Load(re + h - k - V.Count + 1)), bi = V.Reverse(V.Load(im + h - k - V.Count + 1));
                V dr = ar - br, di = ai + bi, c = V.Load(cosines + k), s = V.Load(sines + k);
                V.Store(V.MultiplyAdd(-c, di, V.MultiplyAdd(-s, dr, ar + br)), outRe + k);
                V.Store(V.MultiplyAdd(c, dr, V.MultiplyAdd(-s, di, ai - bi)), outIm + k);
            }
        }
    }

    /// <summary>Fills bins above n/2 of an odd n with the conjugates of those below.</summary>
    public static void Complete(T* re, T* im, int n)
    {
        for (var k = 1; k <= n / 2; k++)
        {
            re[n - k] = re[k];
            V.StorePartial(-V.LoadPartial(im + k, 1), im + n - k, 1);
        }
    }

    /// <summary>Stores the first <paramref name="count"/> lanes as pairs (re, im).</summary>
    public static void StorePairs(V re, V im, T* pairs, int count)
    {
        V low = V.ZipLow(re, im), high = V.ZipHigh(re, im);
        if (count == V.Count)
        {
            V.Store(low, pairs);
            V.Store(high, pairs + V.Count);
            return;
        }

        V.StorePartial(low, pairs, Math.Min(2 * count, V.Count));
        V.StorePartial(high, pairs + V.Count, Math.Max(2 * count - V.Count, 0));
    }

    private static T[] Turns(int n)
    {
        var h = n / 2;
        var plane = Registers.Whole<V, T>(h + 1);
        var turns = new T[2 * plane];
        for (var k = 0; k <= h; k++)
        {
            var (cos, sin) = RootsOfUnity.At(k, n);
            turns[k] = Scalar.Of<T>(cos);
            turns[plane + k] = Scalar.Of<T>(sin);
        }

        return turns;
    }
}
