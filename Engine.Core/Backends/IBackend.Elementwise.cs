namespace Edifice.Engine.Backends;

/// <summary>Elementwise functions of one argument. Stable forms and special values: Engine.Core/Ops/Unary.cs.</summary>
public enum UnaryKernel
{
    /// <summary>-x.</summary>
    Negate,
    /// <summary>|x|.</summary>
    Abs,
    /// <summary>-1, 0 or 1; NaN stays NaN.</summary>
    Sign,
    /// <summary>1/x.</summary>
    Reciprocal,
    /// <summary>x².</summary>
    Square,
    /// <summary>√x.</summary>
    Sqrt,
    /// <summary>1/√x.</summary>
    Rsqrt,
    /// <summary>eˣ.</summary>
    Exp,
    /// <summary>eˣ - 1.</summary>
    Expm1,
    /// <summary>ln x.</summary>
    Log,
    /// <summary>ln(1 + x).</summary>
    Log1p,
    /// <summary>sin x, arguments reduced exactly.</summary>
    Sin,
    /// <summary>cos x, arguments reduced exactly.</summary>
    Cos,
    /// <summary>tanh x.</summary>
    Tanh,
    /// <summary>Logistic function.</summary>
    Sigmoid,
    /// <summary>Error function.</summary>
    Erf,
    /// <summary>max(x, 0); NaN stays.</summary>
    Relu,
    /// <summary>x Φ(x), by erfc.</summary>
    Gelu,
    /// <summary>x σ(2u), u = √(2/π)(x + 0.044715 x³).</summary>
    GeluTanh,
    /// <summary>x σ(x).</summary>
    Silu,
    /// <summary>ln(1 + eˣ).</summary>
    Softplus,
    /// <summary>ln σ(x).</summary>
    LogSigmoid,
    /// <summary>x for x &gt; 0, else p0 (eˣ - 1).</summary>
    Elu,
    /// <summary>x for x &gt; 0, else eˣ, plus 1 for x &gt; 0: the positive feature map elu(x) + 1.</summary>
    Elu1,
    /// <summary>min(max(x, p0), p1); NaN stays.</summary>
    Clamp,
    /// <summary>Largest integer not above x.</summary>
    Floor,
    /// <summary>Smallest integer not below x.</summary>
    Ceiling,
    /// <summary>Nearest integer, ties to even.</summary>
    Round,
    /// <summary>Integer part.</summary>
    Truncate,
}

/// <summary>Elementwise functions of two arguments, IEEE semantics. Integers: two's complement, division truncates.</summary>
public enum BinaryKernel
{
    /// <summary>a + b.</summary>
    Add,
    /// <summary>a - b.</summary>
    Subtract,
    /// <summary>a b.</summary>
    Multiply,
    /// <summary>a / b.</summary>
    Divide,
    /// <summary>Larger; NaN if either is NaN.</summary>
    Maximum,
    /// <summary>Smaller; NaN if either is NaN.</summary>
    Minimum,
    /// <summary>IEEE pow(a, b).</summary>
    Power,
}

/// <summary>Elementwise comparisons; results are bool tensors.</summary>
public enum CompareKernel
{
    /// <summary>a = b.</summary>
    Equal,
    /// <summary>a ≠ b (true when either is NaN).</summary>
    NotEqual,
    /// <summary>a &lt; b.</summary>
    Less,
    /// <summary>a ≤ b.</summary>
    LessEqual,
    /// <summary>a &gt; b.</summary>
    Greater,
    /// <summary>a ≥ b.</summary>
    GreaterEqual,
}

public partial interface IBackend
{
    /// <summary>y = f(x) for f32/f64 (Negate, Abs, Sign, Square, Relu, Clamp also for integers). x and y have one shape
    /// and dtype and any strides; y may be x itself. <paramref name="p0"/>, <paramref name="p1"/>: parameters of
    /// <see cref="UnaryKernel.Elu"/> and <see cref="UnaryKernel.Clamp"/>.</summary>
    void Map(UnaryKernel kernel, Tensor x, Tensor y, double p0, double p1);

    /// <summary>dx = g f'(x), in one pass. The op keeps one tensor for this: the result for Reciprocal, Sqrt, Rsqrt, Exp,
    /// Tanh, Sigmoid and Relu, the argument for all others; it is passed for both <paramref name="x"/> and
    /// <paramref name="y"/>. f32/f64; one shape; dx contiguous. Where f' is 0 by a case distinction (Relu, Clamp) the
    /// result is 0 even for an infinite g.</summary>
    void MapVjp(UnaryKernel kernel, Tensor g, Tensor x, Tensor y, Tensor dx, double p0, double p1);

    /// <summary>y = f(a, b) for f32, f64, i32, i64. One shape (operands already expanded, stride 0 where broadcast) and
    /// dtype; y may be a or b itself and may be strided.</summary>
    void Zip(BinaryKernel kernel, Tensor a, Tensor b, Tensor y);

    /// <summary>y = f(a, s), or f(s, a) when <paramref name="scalarFirst"/>. As <see cref="Zip"/>; s is rounded to the
    /// dtype first.</summary>
    void ZipScalar(BinaryKernel kernel, Tensor a, double s, bool scalarFirst, Tensor y);

    /// <summary>y = a ∘ b as bool. Any dtype, both the same; operands already expanded.</summary>
    void Compare(CompareKernel kernel, Tensor a, Tensor b, Tensor y);

    /// <summary>y = a ∘ s as bool.</summary>
    void CompareScalar(CompareKernel kernel, Tensor a, double s, Tensor y);

    /// <summary>y = condition ? a : b, by selection (bits of the untaken side never reach y). condition is bool; a, b, y
    /// of one dtype (any); operands already expanded.</summary>
    void Select(Tensor condition, Tensor a, Tensor b, Tensor y);

    /// <summary>y += alpha x, one pass, one rounding of the product and the sum each or fused. f32/f64, one shape,
    /// any strides.</summary>
    void Axpy(double alpha, Tensor x, Tensor y);
}
