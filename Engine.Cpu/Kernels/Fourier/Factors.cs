namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>Factors of transform lengths.</summary>
internal static class Factors
{
    /// <summary>The largest prime that divides n (1 for n = 1).</summary>
    public static int LargestPrime(int n)
    {
        var largest = 1;
        for (var p = 2; (long)p * p <= n; p++)
        {
            for (; n % p == 0; n /= p) largest = p;
        }

        return n > 1 ? n : largest;
    }

    /// <summary>The radices of a transform in the order of its passes: odd primes first, then 2 or 4s, then 8s (the last
    /// pass has no twiddle factors, so it should be the widest).</summary>
    public static int[] Radices(int n)
    {
        var radices = new List<int>();
        var twos = 0;
        for (; n % 2 == 0; n /= 2) twos++;
        for (var p = 3; n > 1; p += 2)
        {
            if ((long)p * p > n) p = n;
            for (; n % p == 0; n /= p) radices.Add(p);
        }

        radices.Reverse();
        if (twos == 1) radices.Add(2);
        else if (twos % 3 == 1) radices.AddRange([4, 4]);
        else if (twos % 3 == 2) radices.Add(4);
        for (var rest = twos == 1 ? 0 : twos % 3 == 1 ? twos - 4 : twos - twos % 3; rest > 0; rest -= 3) radices.Add(8);
        return [.. radices];
    }

    /// <summary>The smallest length of the form 2^a {1, 3, 5, 9, 15} that is at least n: quick to transform.</summary>
    public static int NextSmooth(long n)
    {
        long best = long.MaxValue;
        foreach (var odd in (ReadOnlySpan<int>)[1, 3, 5, 9, 15])
        {
            long m = odd;
            while (m < n) m *= 2;
            best = Math.Min(best, m);
        }

        return checked((int)best);
    }
}
