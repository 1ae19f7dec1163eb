using Edifice.Engine.Backends;

namespace Edifice.Engine.Tests.Reference;

internal sealed partial class ReferenceBackend
{
    private const double C = 1.5957691216057307118; // 2 √(2/π)

    public void Map(UnaryKernel kernel, Tensor x, Tensor y, double p0, double p1) =>
        Store(y, [.. Load(x).Select(v => Value(kernel, v, p0, p1))]);

    public void MapVjp(UnaryKernel kernel, Tensor g, Tensor x, Tensor y, Tensor dx, double p0, double p1) =>
        Store(dx, [.. Load(g).Zip(Load(x), (d, kept) => Slope(kernel, kept, p0, p1) is var s && s == 0 && Selects(kernel) ? 0 : d * s)]);

    public void Zip(BinaryKernel kernel, Tensor a, Tensor b, Tensor y) =>
        Store(y, [.. Load(a).Zip(Load(b), (p, q) => Value(kernel, p, q, a.DType))]);

    public void ZipScalar(BinaryKernel kernel, Tensor a, double s, bool scalarFirst, Tensor y)
    {
        var rounded = a.DType == DType.Float32 ? (float)s : s;
        Store(y, [.. Load(a).Select(p => scalarFirst ? Value(kernel, rounded, p, a.DType) : Value(kernel, p, rounded, a.DType))]);
    }

    public void Compare(CompareKernel kernel, Tensor a, Tensor b, Tensor y) =>
        Store(y, [.. Load(a).Zip(Load(b), (p, q) => Holds(kernel, p, q) ? 1.0 : 0)]);

    public void CompareScalar(CompareKernel kernel, Tensor a, double s, Tensor y) =>
        Store(y, [.. Load(a).Select(p => Holds(kernel, p, a.DType == DType.Float32 ? (float)s : s) ? 1.0 : 0)]);

    public void Select(Tensor condition, Tensor a, Tensor b, Tensor y)
    {
        double[] c = Load(condition), p = Load(a), q = Load(b);
        Store(y, [.. c.Select((v, i) => v != 0 ? p[i] : q[i])]);
    }

    public void Axpy(double alpha, Tensor x, Tensor y) => Store(y, [.. Load(x).Zip(Load(y), (p, q) => q + alpha * p)]);

    private static double Value(UnaryKernel kernel, double x, double p0, double p1) => kernel switch
    {
        _ when double.IsNaN(x) => x,
        UnaryKernel.Negate => -x,
        UnaryKernel.Abs => Math.Abs(x),
        UnaryKernel.Sign => Math.Sign(x),
        UnaryKernel.Reciprocal => 1 / x,
        UnaryKernel.Square => x * x,
        UnaryKernel.Sqrt => Math.Sqrt(x),
        UnaryKernel.Rsqrt => 1 / Math.Sqrt(x),
        UnaryKernel.Exp => Math.Exp(x),
        UnaryKernel.Expm1 => Expm1(x),
        UnaryKernel.Log => Math.Log(x),
        UnaryKernel.Log1p => Log1p(x),
        UnaryKernel.Sin => Math.Sin(x),
        UnaryKernel.Cos => Math.Cos(x),
        UnaryKernel.Tanh => Math.Tanh(x),
        UnaryKernel.Sigmoid => Sigmoid(x),
        UnaryKernel.Erf => 1 - Erfc(x) is var e && Math.Abs(x) < 0.5 ? Erf(x) : e,
        UnaryKernel.Relu => x > 0 ? x : 0,
        UnaryKernel.Gelu => x * 0.5 * Erfc(-x * Math.Sqrt(0.5)),
        UnaryKernel.GeluTanh => x * Sigmoid(C * (x + 0.044715 * x * x * x)),
        UnaryKernel.Silu => x * Sigmoid(x),
        UnaryKernel.Softplus => Math.Max(x, 0) + Log1p(Math.Exp(-Math.Abs(x))),
        UnaryKernel.LogSigmoid => Math.Min(x, 0) - Log1p(Math.Exp(-Math.Abs(x))),
        UnaryKernel.Elu => x > 0 ? x : p0 * Expm1(x),
        UnaryKernel.Elu1 => x > 0 ? x + 1 : Math.Exp(x),
        UnaryKernel.Clamp => Math.Min(Math.Max(x, p0), p1),
        UnaryKernel.Floor => Math.Floor(x),
        UnaryKernel.Ceiling => Math.Ceiling(x),
        UnaryKernel.Round => Math.Round(x, MidpointRounding.ToEven),
        UnaryKernel.Truncate => Math.Truncate(x),
        _ => throw new NotSupportedException(kernel.ToString()),
    };

    /// <summary>True where a slope of 0 is a case distinction rather than a number.</summary>
    private static bool Selects(UnaryKernel kernel) => kernel is UnaryKernel.Relu or UnaryKernel.Clamp;

    /// <summary>f' from what the op keeps: its result for the first seven, its argument for the others.</summary>
    private static double Slope(UnaryKernel kernel, double k, double p0, double p1) => kernel switch
    {
        UnaryKernel.Reciprocal => -k * k,
        UnaryKernel.Sqrt => 0.5 / k,
        UnaryKernel.Rsqrt => -0.5 * k * k * k,
        UnaryKernel.Exp => k,
        UnaryKernel.Tanh => 1 - k * k,
        UnaryKernel.Sigmoid => k * (1 - k),
        UnaryKernel.Relu => k > 0 ? 1 : 0,
        UnaryKernel.Negate => -1,
        UnaryKernel.Abs => double.IsNaN(k) ? k : Math.Sign(k),
        UnaryKernel.Square => 2 * k,
        UnaryKernel.Expm1 => Math.Exp(k),
        UnaryKernel.Log => 1 / k,
        UnaryKernel.Log1p => 1 / (1 + k),
        UnaryKernel.Sin => Math.Cos(k),
        UnaryKernel.Cos => -Math.Sin(k),
        UnaryKernel.Erf => 2 / Math.Sqrt(Math.PI) * Math.Exp(-k * k),
        UnaryKernel.Gelu => 0.5 * Erfc(-k * Math.Sqrt(0.5)) + k * Math.Exp(-0.5 * k * k) / Math.Sqrt(2 * Math.PI),
        UnaryKernel.GeluTanh => Sigmoid(C * (k + 0.044715 * k * k * k)) is var s
            ? s + k * s * (1 - s) * C * (1 + 3 * 0.044715 * k * k) : 0,
        UnaryKernel.Silu => Sigmoid(k) * (1 + k * (1 - Sigmoid(k))),
        UnaryKernel.Softplus => Sigmoid(k),
        UnaryKernel.LogSigmoid => Sigmoid(-k),
        UnaryKernel.Elu => k > 0 ? 1 : p0 * Math.Exp(k),
        UnaryKernel.Elu1 => k > 0 ? 1 : Math.Exp(k),
        UnaryKernel.Clamp => k >= p0 && k <= p1 ? 1 : 0,
        _ => 0,
    };

    private static double Value(BinaryKernel kernel, double a, double b, DType dtype) => kernel switch
    {
        BinaryKernel.Add => a + b,
        BinaryKernel.Subtract => a - b,
        BinaryKernel.Multiply => a * b,
        BinaryKernel.Divide => dtype.IsFloating() ? a / b : Math.Truncate(a / b),
        BinaryKernel.Maximum => Math.Max(a, b),
        BinaryKernel.Minimum => Math.Min(a, b),
        _ => b == 0 || a == 1 ? 1 : Math.Pow(a, b),
    };

    private static bool Holds(CompareKernel kernel, double a, double b) => kernel switch
    {
        CompareKernel.Equal => a == b,
        CompareKernel.NotEqual => a != b,
        CompareKernel.Less => a < b,
        CompareKernel.LessEqual => a <= b,
        CompareKernel.Greater => a > b,
        _ => a >= b,
    };

    private static double Sigmoid(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));

    /// <summary>ln(1 + x) with the rounding of 1 + x taken back (Kahan).</summary>
    private static double Log1p(double x)
    {
        var u = 1 + x;
        return u == 1 || double.IsPositiveInfinity(u) ? (u == 1 ? x : Math.Log(x)) : Math.Log(u) * (x / (u - 1));
    }

    private static double Expm1(double x)
    {
        if (Math.Abs(x) > 0.5) return Math.Exp(x) - 1;
        double term = x, sum = x;
        for (var n = 2; Math.Abs(term) > 1e-20 * Math.Abs(sum); n++) sum += term *= x / n;
        return sum;
    }

    /// <summary>2/√π e^(-x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!, all terms of one sign.</summary>
    private static double Erf(double x)
    {
        double term = x, sum = x;
        for (var n = 1; Math.Abs(term) > 1e-20 * Math.Abs(sum); n++) sum += term *= 2 * x * x / (2 * n + 1);
        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    /// <summary>Beyond 2 the continued fraction e^(-x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + …)))).</summary>
    private static double Erfc(double x)
    {
        if (x < 2) return x < -6 ? 2 : 1 - Erf(x);
        var f = x;
        for (var k = 200; k >= 1; k--) f = x + 0.5 * k / f;
        return Math.Exp(-x * x) / (Math.Sqrt(Math.PI) * f);
    }
}
