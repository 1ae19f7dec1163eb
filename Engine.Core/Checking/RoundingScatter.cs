namespace Edifice.Engine.Checking;

/// <summary>How far a function's computed values lie off the smooth curve they belong to: their rounding, seen instead of bounded.</summary>
/// <remarks>
/// <para>A value is computed as a sum of terms and carries the roundings of the terms, ε Σ|term|, however small the sum is. The terms
/// stay inside the function; what their roundings do shows when the inputs move by some units in the last place. Over such a
/// distance t a smooth function is a straight line: of its second difference f(x) - 2 f(x + t) + f(x + 2t), t² f″ ~ 1e-28 f″
/// is the function's and the rest is rounding, of the size √(1 + 4 + 1) σ when each value errs by σ (Moré and Wild 2011,
/// "Estimating computational noise", takes the same differences to higher order).</para>
/// <para>A function that rounds more coarsely than float64 does not hide behind this: over so small a distance its values do not move
/// at all.</para>
/// </remarks>
internal sealed class RoundingScatter(double[][][] points)
{
    /// <summary>How many points along the line are needed; the largest of the six second differences they give counts.</summary>
    public const int Points = 8;

    /// <summary>The distance between them, times a direction of size 1: 64 units in the last place of 1.</summary>
    public const double Spacing = 1.0 / (1L << 46);

    /// <summary>σ of the elements of one result: the largest among them, since one of them alone may round luckily.</summary>
    public double Of(int output)
    {
        double largest = 0;
        for (var o = 0; o < points[0][output].Length; o++)
        {
            var element = o;
            largest = Math.Max(largest, Largest(j => points[j][output][element]));
        }

        return largest;
    }

    /// <summary>σ of the sum of all results' elements times weights.</summary>
    public double Of(double[][] weights)
    {
        var sums = points.Select(p => Dot(p, weights)).ToArray();
        return Largest(j => sums[j]);
    }

    /// <summary>Σ a b.</summary>
    public static double Dot(double[][] a, double[][] b)
    {
        double sum = 0;
        for (var k = 0; k < a.Length; k++)
            for (var o = 0; o < a[k].Length; o++) sum += a[k][o] * b[k][o];
        return sum;
    }

    private static double Largest(Func<int, double> value)
    {
        double largest = 0;
        for (var j = 0; j + 2 < Points; j++)
        {
            var second = Math.Abs(value(j) - value(j + 1) - (value(j + 1) - value(j + 2)));
            if (second > largest && double.IsFinite(second)) largest = second;
        }

        return largest / Math.Sqrt(6);
    }
}
