namespace Edifice.Engine;

/// <summary>The standard normal distribution function and its inverse, for truncated draws.</summary>
internal static class NormalDistribution
{
    /// <summary>Φ(x) by the complementary error function's continued fraction in the tails and its series near 0; relative
    /// error about 1e-15.</summary>
    public static double Cdf(double x)
    {
        if (double.IsNaN(x)) return double.NaN;
        var z = Math.Abs(x);
        if (z > 38) return x > 0 ? 1 : 0;
        double tail;
        if (z < 3)
        {
            // Φ(z) - 1/2 = φ(z) (z + z³/3 + z⁵/15 + …), all terms positive.
            double term = z, sum = z;
            for (var k = 1; term > sum * 1e-17 && k < 200; k++)
            {
                term *= z * z / (2 * k + 1);
                sum += term;
            }

            tail = 0.5 - Density(z) * sum;
        }
        else
        {
            // Mills ratio as the continued fraction 1/(z + 1/(z + 2/(z + 3/(…)))), evaluated from the inside.
            var f = z;
            for (var k = 200; k >= 1; k--) f = z + k / f;
            tail = Density(z) / f;
        }

        return x > 0 ? 1 - tail : tail;
    }

    /// <summary>Φ⁻¹(p) by bisection-guarded Newton steps on <see cref="Cdf"/>.</summary>
    public static double Quantile(double p)
    {
        if (!(p > 0)) return double.NegativeInfinity;
        if (p >= 1) return double.PositiveInfinity;
        double low = -39, high = 39, x = 0;
        for (var i = 0; i < 100; i++)
        {
            var e = Cdf(x) - p;
            if (e > 0) high = x;
            else low = x;
            var next = x - e / Density(x);
            if (!(next > low && next < high)) next = 0.5 * (low + high);
            if (Math.Abs(next - x) <= 1e-15 * Math.Max(1, Math.Abs(x))) return next;
            x = next;
        }

        return x;
    }

    private static double Density(double x) => Math.Exp(-0.5 * x * x) * 0.398942280401432677939946;
}
