namespace Edifice.Engine.Cuda.Tests.Families;

/// <summary>Numbers to try kernels with.</summary>
internal static class Numbers
{
    /// <summary>Where functions change their form or leave their range, and what IEEE 754 has besides numbers.</summary>
    public static readonly double[] Special =
    [
        0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 2, -2, 3, -3, 1e-3, -1e-3, 1e-10, -1e-10, 1e-30, -1e-30, 1e-40, -1e-40, 1e-310, -1e-310, 7.5, -7.5, 10.3, -10.3,
        20, -20, 44.4, -44.4, 88.7, -88.7, 89.5, -89.5, 103.9, -103.9, 120, -120, 709.7, -709.7, 745, -745, 1000, -1000, 1e4, 59999, 60001, 1e6, -1e6, 4e8, 6e8, 1e10, 1e22, -1e22,
        1e37, -1e37, 1e300, -1e300, double.Pi, -double.Pi, double.Pi / 2, 1e5 * double.Pi, double.Epsilon, double.MaxValue, double.MinValue,
        double.PositiveInfinity, double.NegativeInfinity, double.NaN, 16777217, 2147483647, -2147483648, 2147483648, 9.3e18, -9.3e18, 65504, 65520, 1.0000001, 0.9999999,
    ];

    /// <summary>Reproducible numbers about as large as activations.</summary>
    public static double[] Random(int count, int seed, double scale = 3)
    {
        var random = new System.Random(seed);
        var values = new double[count];
        for (var i = 0; i < count; i++) values[i] = (random.NextDouble() + random.NextDouble() - 1) * scale;
        return values;
    }

    /// <summary>Reproducible whole numbers.</summary>
    public static double[] Whole(int count, int seed, int least, int most)
    {
        var random = new System.Random(seed);
        var values = new double[count];
        for (var i = 0; i < count; i++) values[i] = random.Next(least, most + 1);
        return values;
    }

    /// <summary>Special ones, then random ones up to a count.</summary>
    public static double[] SpecialAnd(int count, int seed) => [.. Special, .. Random(Math.Max(0, count - Special.Length), seed)];
}
