namespace Edifice.Engine.Cpu.Tests.Simd;

/// <summary>The functions one element at a time in double: series, continued fractions and the runtime's own functions. A
/// second opinion that shares no formula with the lanes.</summary>
internal static class Scalar
{
    public static double Expm1(double x)
    {
        if (Math.Abs(x) > 0.3) return Math.Exp(x) - 1;
        double term = x, sum = x;
        for (var k = 2; k < 25; k++) sum += term *= x / k;
        return sum;
    }

    public static double Log1p(double x)
    {
        if (Math.Abs(x) > 0.2) return Math.Log(1 + x);
        double term = x, sum = x;
        for (var k = 2; k < 40; k++) sum += (term *= -x) / k;
        return sum;
    }

    public static double Tanh(double x) => Math.Abs(x) > 20 ? Math.Sign(x) : -Expm1(-2 * x) / (1 + Math.Exp(-2 * x));

    public static double Sigmoid(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));

    public static double Silu(double x) => x < -1000 ? -0.0 : x * Sigmoid(x);

    public static double Softplus(double x) => Math.Max(x, 0) + Log1p(Math.Exp(-Math.Abs(x)));

    public static double Erf(double x) => Math.Abs(x) < 2 ? ErfSeries(x) : Math.CopySign(1 - Erfc(Math.Abs(x)), x);

    public static double Erfc(double x) => x < 2 ? 1 - Erf(x) : Math.Exp(-x * x) * ErfcxFraction(x);

    public static double Gelu(double x) => x < -1000 ? -0.0 : x * 0.5 * Erfc(-x / Math.Sqrt(2));

    public static double GeluTanh(double x) => x < -1000 ? -0.0 : x * Sigmoid(2 * Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x));

    // 2/√π e^(-x²) Σ 2ᵏ x^(2k+1) / (1·3·…·(2k+1)): no cancellation.
    private static double ErfSeries(double x)
    {
        double term = x, sum = x;
        for (var k = 1; k < 60; k++) sum += term *= 2 * x * x / (2 * k + 1);
        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    // e^(x²) erfc x = 1/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + …)))).
    private static double ErfcxFraction(double x)
    {
        if (double.IsPositiveInfinity(x)) return 0;
        var tail = x;
        for (var k = 120; k > 0; k--) tail = x + k / 2.0 / tail;
        return 1 / Math.Sqrt(Math.PI) / tail;
    }
}
