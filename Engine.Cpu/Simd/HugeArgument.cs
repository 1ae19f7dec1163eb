namespace Edifice.Engine.Cpu.Simd;

/// <summary>Reduction of huge arguments of the trigonometric functions, by as many digits of 2/π as it takes (Payne and
/// Hanek, SIGNUM Newsletter 18, 1983).</summary>
internal static class HugeArgument
{
    // The first 1280 binary digits of 2/π.
    private static ReadOnlySpan<ulong> TwoOverPi =>
    [
        0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
        0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
        0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
        0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
        0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d,
    ];

    /// <summary>a = n π/2 + high + low for a ≥ 2^15, |high| ≤ π/4, to about 2^-70 relative to the remainder.</summary>
    /// <returns>n modulo 4.</returns>
    public static int Reduce(double a, out double high, out double low)
    {
        var bits = BitConverter.DoubleToUInt64Bits(a);
        var m = (bits & 0xfffffffffffff) | 1UL << 52;
        var k = (int)(bits >> 52) - 1075; // a = m 2^k

        // Digits of 2/π that multiply m 2^k to multiples of 4 do not matter: the window of 192 digits begins after them.
        var first = Math.Max(0, k - 2);
        int word = first / 64, shift = first % 64;
        ulong w0 = Digits(word, shift), w1 = Digits(word + 1, shift), w2 = Digits(word + 2, shift);

        // p = m · window, 256 bits; its binary point lies so that "fraction" bits are behind it.
        var p1 = Math.BigMul(m, w2, out var p0);
        var h1 = Math.BigMul(m, w1, out var l1);
        p1 += l1;
        var p2 = h1 + (p1 < l1 ? 1UL : 0);
        var h2 = Math.BigMul(m, w0, out var l2);
        p2 += l2;
        var p3 = h2 + (p2 < l2 ? 1UL : 0);
        var fraction = 192 + first - k;

        // The two bits before the point are the quadrant; the fraction goes to the top of three words.
        ShiftLeft(ref p3, ref p2, ref p1, ref p0, 254 - fraction);
        var quadrant = (int)(p3 >> 62);
        ShiftLeft(ref p3, ref p2, ref p1, ref p0, 2);

        // To the nearest quadrant, and the leading zeros away.
        var negative = p3 >> 63 != 0;
        if (negative)
        {
            quadrant++;
            p1 = ~p1 + 1;
            p2 = ~p2 + (p1 == 0 ? 1UL : 0);
            p3 = ~p3 + (p1 == 0 && p2 == 0 ? 1UL : 0);
        }

        var zeros = p3 != 0 ? System.Numerics.BitOperations.LeadingZeroCount(p3) : 64 + System.Numerics.BitOperations.LeadingZeroCount(p2);
        ulong none = 0;
        ShiftLeft(ref p3, ref p2, ref p1, ref none, zeros);

        // (f + g) π/2, f the leading 53 digits.
        const double Pio2High = 1.5707963267948966, Pio2Low = 6.123233995736766e-17;
        var f = (double)(p3 & ~0x7ffUL);
        var g = (double)(p3 & 0x7ff) + p2 * Math.ScaleB(1, -64);
        var product = f * Pio2High;
        var rest = Math.FusedMultiplyAdd(f, Pio2High, -product) + (f * Pio2Low + g * Pio2High);
        var sum = product + rest;
        var scale = Math.ScaleB(negative ? -1 : 1, -64 - zeros);
        high = sum * scale;
        low = (product - sum + rest) * scale;
        return quadrant & 3;
    }

    private static ulong Digits(int word, int shift) =>
        shift == 0 ? TwoOverPi[word] : TwoOverPi[word] << shift | TwoOverPi[word + 1] >> (64 - shift);

    private static void ShiftLeft(ref ulong a, ref ulong b, ref ulong c, ref ulong d, int count)
    {
        for (; count >= 64; count -= 64) (a, b, c, d) = (b, c, d, 0);
        if (count == 0) return;
        a = a << count | b >> (64 - count);
        b = b << count | c >> (64 - count);
        c = c << count | d >> (64 - count);
        d <<= count;
    }
}
