namespace Edifice.Bench.Measure;

/// <summary>How a time grows with a length.</summary>
internal static class Growth
{
    /// <summary>The exponent p of t = c Lᵖ, by least squares on the logarithms over the upper half of the lengths.</summary>
    public static double Exponent(IReadOnlyList<(int Length, double Time)> points)
    {
        var upper = points.Skip(points.Count / 2).Select(p => (X: Math.Log(p.Length), Y: Math.Log(p.Time))).ToArray();
        if (upper.Length < 2) return double.NaN;
        double x = upper.Average(p => p.X), y = upper.Average(p => p.Y);
        return upper.Sum(p => (p.X - x) * (p.Y - y)) / upper.Sum(p => (p.X - x) * (p.X - x));
    }

    /// <summary>The length from which on <paramref name="b"/> is faster than <paramref name="a"/>, between measured lengths along straight
    /// lines in logarithms; 0: at all lengths measured; infinite: at none.</summary>
    public static double Crossover(IReadOnlyList<(int Length, double Time)> a, IReadOnlyList<(int Length, double Time)> b)
    {
        var gaps = a.Join(b, p => p.Length, q => q.Length, (p, q) => (X: Math.Log(p.Length), Gap: Math.Log(q.Time / p.Time))).OrderBy(g => g.X).ToArray();
        if (gaps.Length == 0 || gaps[^1].Gap >= 0) return double.PositiveInfinity;
        var last = Array.FindLastIndex(gaps, g => g.Gap >= 0);
        if (last < 0) return 0;
        var (u, v) = (gaps[last], gaps[last + 1]);
        return Math.Exp(u.X + (v.X - u.X) * u.Gap / (u.Gap - v.Gap));
    }
}
