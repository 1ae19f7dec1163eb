namespace Edifice.Engine;

/// <summary>Philox 4x32-10, a counter-based generator: word = f(key, counter), so any element can be drawn on its own.</summary>
/// <remarks>
/// Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. How elements are drawn, on every
/// backend: element e takes block e / 2 (64-bit counter, key = seed); its 64 bits are words (0, 1) of the block for even
/// e and (2, 3) for odd e, the first word high. Uniform: bits / 2⁶⁴ truncated to 24 (f32) or 53 (f64) bits, so the two
/// dtypes agree to rounding. Normal: Box–Muller on the whole block in double, u₁ = 1 - uniform(words 0, 1),
/// u₂ = uniform(words 2, 3), r = √(-2 ln u₁); even e takes r cos 2πu₂, odd e r sin 2πu₂.
/// </remarks>
public static class Philox
{
    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;

    /// <summary>The four words of one counter.</summary>
    public static (uint W0, uint W1, uint W2, uint W3) Block(ulong seed, ulong counter)
    {
        uint c0 = (uint)counter, c1 = (uint)(counter >> 32), c2 = 0, c3 = 0;
        uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
        for (var round = 0; round < 10; round++)
        {
            var p0 = (ulong)Multiplier0 * c0;
            var p1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += Weyl0;
            k1 += Weyl1;
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>The 64 random bits of one element.</summary>
    public static ulong Bits(ulong seed, ulong element)
    {
        var (w0, w1, w2, w3) = Block(seed, element >> 1);
        return (element & 1) == 0 ? (ulong)w0 << 32 | w1 : (ulong)w2 << 32 | w3;
    }

    /// <summary>Uniform on [0, 1) with 53 bits.</summary>
    public static double Uniform(ulong seed, ulong element) => (Bits(seed, element) >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform on [0, 1) with 24 bits.</summary>
    public static float UniformSingle(ulong seed, ulong element) => (Bits(seed, element) >> 40) * (1.0f / (1 << 24));

    /// <summary>The two standard normal numbers of elements 2 <paramref name="pair"/> and 2 <paramref name="pair"/> + 1.</summary>
    public static (double Even, double Odd) NormalPair(ulong seed, ulong pair)
    {
        var u1 = 1.0 - Uniform(seed, pair << 1);
        var u2 = Uniform(seed, pair << 1 | 1);
        var r = Math.Sqrt(-2 * Math.Log(u1));
        var (sin, cos) = Math.SinCos(2 * Math.PI * u2);
        return (r * cos, r * sin);
    }
}
