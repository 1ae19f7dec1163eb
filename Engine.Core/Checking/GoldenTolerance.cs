namespace Edifice.Engine.Checking;

/// <summary>How far a value a may be from the golden value b: |a - b| ≤ absolute + byElement·|b| + byTensor·max|b|.</summary>
/// <param name="Absolute">Allowed whatever the values.</param>
/// <param name="ByElement">Allowed as a part of the golden value itself.</param>
/// <param name="ByTensor">Allowed as a part of the largest finite golden value of the tensor.</param>
/// <param name="NaNAgrees">NaN agrees with NaN (in cases about special values alone).</param>
public readonly record struct GoldenTolerance(double Absolute, double ByElement, double ByTensor, bool NaNAgrees = false)
{
    /// <summary>Results and gradients in float64: 1e-9 + 1e-8 |b|.</summary>
    public static GoldenTolerance Exact { get; } = new(1e-9, 1e-8, 0);

    /// <summary>Results: in float32 1e-4 max|b|.</summary>
    public static GoldenTolerance Result(DType dtype) => dtype == DType.Float32 ? new(0, 0, 1e-4) : Exact;

    /// <summary>Gradients: in float32 1e-3 max|b| + 1e-6 G, where G (<paramref name="largest"/>) is the largest gradient of the whole case:
    /// some gradients are zero in mathematics and only rounding in float32.</summary>
    public static GoldenTolerance Gradient(DType dtype, double largest) => dtype == DType.Float32 ? new(1e-6 * largest, 0, 1e-3) : Exact;

    /// <summary>Special values, element by element: relative 1e-12 in float64, 1e-5 in float32 (1e-4 for <c>gelu_tanh</c>), plus the
    /// smallest normal number; NaN agrees with NaN.</summary>
    public static GoldenTolerance Special(string op, DType dtype) => dtype == DType.Float32
        ? new(1.2e-38, op == "gelu_tanh" ? 1e-4 : 1e-5, 0, true)
        : new(2.3e-308, 1e-12, 0, true);

    /// <summary>The losses of a training run.</summary>
    public static GoldenTolerance Loss(DType dtype) => new(0, dtype == DType.Float32 ? 1e-3 : 1e-9, 0);

    /// <summary>The parameters after a training run in float64: 1e-8 (1 + |b|). In float32 they are compared together, by
    /// <see cref="GoldenComparer.Movement"/>.</summary>
    public static GoldenTolerance Trained { get; } = new(1e-8, 1e-8, 0);

    /// <summary>What is allowed at one element.</summary>
    public double At(double golden, double largest) => Absolute + ByElement * Math.Abs(golden) + ByTensor * largest;
}
