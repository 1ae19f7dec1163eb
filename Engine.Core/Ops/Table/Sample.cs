namespace Edifice.Engine.Ops;

/// <summary>Made-up float64 inputs for gradient checks; they draw from the thread's generator, which the checker seeds.</summary>
internal static class Sample
{
    /// <summary>Standard normal numbers.</summary>
    public static Tensor Normal(params ReadOnlySpan<int> shape) => Tensor.Randn(shape, DType.Float64);

    /// <summary>Uniform numbers.</summary>
    public static Tensor Uniform(double low, double high, params ReadOnlySpan<int> shape) =>
        Tensor.Rand(shape, DType.Float64, low, high);

    /// <summary>Between 0.3 and 2.3.</summary>
    public static Tensor Positive(params ReadOnlySpan<int> shape) => Uniform(0.3, 2.3, shape);

    /// <summary>Both signs, at least 0.2 from zero: away from a kink there.</summary>
    public static Tensor AwayFromZero(params ReadOnlySpan<int> shape)
    {
        var x = Uniform(-1, 1, shape);
        return x + x.Sign() * 0.2;
    }

    /// <summary>All different by at least 0.1: away from ties.</summary>
    public static Tensor Distinct(params ReadOnlySpan<int> shape)
    {
        Shape s = shape;
        var order = Tensor.Permutation(checked((int)s.Count)).To(DType.Float64);
        return ((order - s.Count / 2.0) * 0.1 + 0.03).Reshape(shape);
    }

    /// <summary>Whole numbers on [0, bound) as int64.</summary>
    public static Tensor Whole(int bound, params ReadOnlySpan<int> shape) =>
        (Tensor.Rand(shape, DType.Float64) * bound).To(DType.Int64);

    /// <summary>Truth values, about half of them true.</summary>
    public static Tensor Truth(params ReadOnlySpan<int> shape) => Tensor.Rand(shape, DType.Float64) > 0.5;

    /// <summary>The same values with other strides (a transposed copy seen transposed).</summary>
    public static Tensor Transposed(Tensor x) => x.Transpose().Clone().Transpose();
}
