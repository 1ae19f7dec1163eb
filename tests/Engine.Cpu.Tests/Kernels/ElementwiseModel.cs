using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Tests.Simd;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>The elementwise functions on one number: the naive model of the kernels.</summary>
internal static class ElementwiseModel
{
    public static double Unary(UnaryKernel kernel, double x, double p0, double p1) => kernel switch
    {
        UnaryKernel.Negate => -x,
        UnaryKernel.Abs => Math.Abs(x),
        UnaryKernel.Sign => double.IsNaN(x) ? x : Math.Sign(x),
        UnaryKernel.Reciprocal => 1 / x,
        UnaryKernel.Square => x * x,
        UnaryKernel.Sqrt => Math.Sqrt(x),
        UnaryKernel.Rsqrt => 1 / Math.Sqrt(x),
        UnaryKernel.Exp => Math.Exp(x),
        UnaryKernel.Expm1 => Scalar.Expm1(x),
        UnaryKernel.Log => Math.Log(x),
        UnaryKernel.Log1p => Scalar.Log1p(x),
        UnaryKernel.Sin => Math.Sin(x),
        UnaryKernel.Cos => Math.Cos(x),
        UnaryKernel.Tanh => Scalar.Tanh(x),
        UnaryKernel.Sigmoid => Scalar.Sigmoid(x),
        UnaryKernel.Erf => Scalar.Erf(x),
        UnaryKernel.Relu => x <= 0 ? 0 : x,
        UnaryKernel.Gelu => Scalar.Gelu(x),
        UnaryKernel.GeluTanh => Scalar.GeluTanh(x),
        UnaryKernel.Silu => Scalar.Silu(x),
        UnaryKernel.Softplus => Scalar.Softplus(x),
        UnaryKernel.LogSigmoid => -Scalar.Softplus(-x),
        UnaryKernel.Elu => x > 0 ? x : p0 * Scalar.Expm1(x),
        UnaryKernel.Elu1 => x > 0 ? x + 1 : Math.Exp(x),
        UnaryKernel.Clamp => Math.Min(Math.Max(x, p0), p1),
        UnaryKernel.Floor => Math.Floor(x),
        UnaryKernel.Ceiling => Math.Ceiling(x),
        UnaryKernel.Round => Math.Round(x, MidpointRounding.ToEven),
        UnaryKernel.Truncate => Math.Truncate(x),
        _ => throw new ArgumentOutOfRangeException(nameof(kernel), kernel, "no model"),
    };

    public static double Derivative(UnaryKernel kernel, double x, double p0, double p1)
    {
        var y = Unary(kernel, x, p0, p1);
        var s = Scalar.Sigmoid(x);
        return kernel switch
        {
            UnaryKernel.Negate => -1,
            UnaryKernel.Abs => Math.Sign(x),
            UnaryKernel.Reciprocal => -1 / (x * x),
            UnaryKernel.Square => 2 * x,
            UnaryKernel.Sqrt => 0.5 / y,
            UnaryKernel.Rsqrt => -0.5 / (x * Math.Sqrt(x)),
            UnaryKernel.Exp or UnaryKernel.Expm1 => Math.Exp(x),
            UnaryKernel.Log => 1 / x,
            UnaryKernel.Log1p => 1 / (1 + x),
            UnaryKernel.Sin => Math.Cos(x),
            UnaryKernel.Cos => -Math.Sin(x),
            UnaryKernel.Tanh => 1 / (Math.Cosh(x) * Math.Cosh(x)),
            UnaryKernel.Sigmoid => s * Scalar.Sigmoid(-x),
            UnaryKernel.Erf => 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x),
            UnaryKernel.Relu => x > 0 ? 1 : 0,
            UnaryKernel.Gelu => 0.5 * Scalar.Erfc(-x / Math.Sqrt(2)) + x * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI),
            UnaryKernel.GeluTanh => Centred(z => Scalar.GeluTanh(z), x),
            UnaryKernel.Silu => s + x * s * Scalar.Sigmoid(-x),
            UnaryKernel.Softplus => s,
            UnaryKernel.LogSigmoid => Scalar.Sigmoid(-x),
            UnaryKernel.Elu => x > 0 ? 1 : p0 * Math.Exp(x),
            UnaryKernel.Elu1 => x > 0 ? 1 : Math.Exp(x),
            UnaryKernel.Clamp => p0 <= x && x <= p1 ? 1 : 0,
            _ => 0, // Sign and the roundings
        };
    }

    public static double Binary(BinaryKernel kernel, double a, double b) => kernel switch
    {
        BinaryKernel.Add => a + b,
        BinaryKernel.Subtract => a - b,
        BinaryKernel.Multiply => a * b,
        BinaryKernel.Divide => a / b,
        BinaryKernel.Maximum => Math.Max(a, b),
        BinaryKernel.Minimum => Math.Min(a, b),
        _ => Math.Pow(a, b),
    };

    public static long Binary(BinaryKernel kernel, long a, long b) => kernel switch
    {
        BinaryKernel.Add => a + b,
        BinaryKernel.Subtract => a - b,
        BinaryKernel.Multiply => a * b,
        BinaryKernel.Divide => b == -1 ? -a : a / b,
        BinaryKernel.Maximum => Math.Max(a, b),
        _ => Math.Min(a, b),
    };

    public static bool Compare(CompareKernel kernel, double a, double b) => kernel switch
    {
        CompareKernel.Equal => a == b,
        CompareKernel.NotEqual => a != b,
        CompareKernel.Less => a < b,
        CompareKernel.LessEqual => a <= b,
        CompareKernel.Greater => a > b,
        _ => a >= b,
    };

    // The central difference of fourth order; good to 1e-11 for smooth functions.
    private static double Centred(Func<double, double> f, double x)
    {
        const double H = 1e-3;
        return (8 * (f(x + H) - f(x - H)) - (f(x + 2 * H) - f(x - 2 * H))) / (12 * H);
    }
}
