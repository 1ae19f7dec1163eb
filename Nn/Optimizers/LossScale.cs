using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>Dynamic loss scaling for products in float16 (Micikevicius et al. 2018): gradients below 6e-8 would be 0 there, so the
/// loss is multiplied by a large number before the backward pass and the gradients are divided by it in the step.</summary>
/// <remarks>
/// <code>
/// using (MixedPrecision.Products(DType.Float16)) loss = model.Loss(…);
/// scale.Scaled(loss).Backward();
/// scale.Step(optimizer, maxNorm: 1);
/// </code>
/// A gradient that is not finite means the factor was too large: that step is left out and the factor halved. After enough good
/// steps in a row it is doubled.
/// </remarks>
public sealed class LossScale
{
    /// <summary>2⁻²⁴: where even this overflows, the factor is not what is wrong.</summary>
    private const double Least = 1.0 / (1 << 24);

    private readonly int _interval;

    /// <summary>Begins with a factor.</summary>
    /// <param name="initial">The first factor: positive and finite.</param>
    /// <param name="growthInterval">Good steps in a row after which the factor is doubled.</param>
    /// <exception cref="TensorException">A parameter is outside its range.</exception>
    public LossScale(double initial = 65536, int growthInterval = 2000)
    {
        if (growthInterval < 1) throw new TensorException($"loss_scale: the growth interval must be at least 1, got {growthInterval}");
        _interval = growthInterval;
        Restore(initial, 0);
    }

    /// <summary>The factor now.</summary>
    public double Factor { get; private set; }

    /// <summary>Steps taken since the factor last changed.</summary>
    public int GoodSteps { get; private set; }

    /// <summary>The norm of all gradients together in the last call of <see cref="Step"/>, without the factor and before clipping; NaN or
    /// infinite where the step was left out, NaN before the first.</summary>
    public double Norm { get; private set; } = double.NaN;

    /// <summary>The loss times the factor, to call Backward on.</summary>
    public Tensor Scaled(Tensor loss)
    {
        ArgumentNullException.ThrowIfNull(loss);
        return loss * Factor;
    }

    /// <summary>Updates the parameters from gradients of the scaled loss, or, where one of these is not finite, leaves the step out and
    /// halves the factor.</summary>
    /// <param name="optimizer">Whose parameters.</param>
    /// <param name="maxNorm">Clips the norm of the gradients without the factor, as <see cref="Optimizer.StepClipped"/>.</param>
    /// <returns>True when the step was taken.</returns>
    /// <exception cref="TensorException">Gradients are not finite whatever the factor.</exception>
    public bool Step(Optimizer optimizer, double maxNorm = double.PositiveInfinity)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        Norm = GradientClipping.TotalNorm(optimizer.Parameters, allowNonFinite: true) / Factor;
        if (!double.IsFinite(Norm))
        {
            GoodSteps = 0;
            Factor /= 2;
            if (Factor < Least)
                throw new TensorException(
                    $"loss_scale: gradients are not finite even with a factor of {Factor * 2:r}: look for the cause with the anomaly mode");
            return false;
        }

        optimizer.Step(GradientClipping.Factor(Norm, maxNorm) / Factor);
        if (++GoodSteps < _interval) return true;
        GoodSteps = 0;
        // The loss is float32: a factor beyond its range would make every loss infinite.
        if (Factor * 2 <= float.MaxValue) Factor *= 2;
        return true;
    }

    /// <summary>Goes on where another one stood, for runs that resume.</summary>
    /// <exception cref="TensorException">The factor is not positive and finite, or the number of steps negative.</exception>
    public void Restore(double factor, int goodSteps)
    {
        if (!(factor > 0 && factor <= float.MaxValue)) throw new TensorException($"loss_scale: the factor must be positive and finite, got {factor}");
        if (goodSteps < 0) throw new TensorException($"loss_scale: the number of good steps cannot be {goodSteps}");
        (Factor, GoodSteps) = (factor, goodSteps);
    }
}
