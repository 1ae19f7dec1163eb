using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>One rise and one fall (Smith and Topin 2019).</summary>
/// <remarks>
/// p₁ = RisingShare · T - 1 (not rounded), p₂ = T - 1; low = max / DivFactor, end = low / FinalDivFactor. For t ≤ p₁ from low
/// to max with f = t / p₁, later from max to end with f = (t - p₁)/(p₂ - p₁); a way from a to b is
/// b + (a - b)(1 + cos πf)/2, or a + (b - a) f when linear.
/// </remarks>
public sealed record OneCycleSchedule : LearningRateSchedule
{
    private readonly double _risingShare = 0.3, _divFactor = 25, _finalDivFactor = 1e4;

    /// <summary>A cycle of <paramref name="totalSteps"/> steps; there are none after it.</summary>
    public OneCycleSchedule(double maxLearningRate, long totalSteps)
    {
        MaxLearningRate = Rate(maxLearningRate);
        TotalSteps = Steps(totalSteps, 1);
    }

    /// <summary>The peak.</summary>
    public double MaxLearningRate { get; }

    /// <summary>T.</summary>
    public long TotalSteps { get; }

    /// <summary>The part of the steps in which the rate rises, in [0, 1].</summary>
    public double RisingShare
    {
        get => _risingShare;
        init => _risingShare = value is >= 0 and <= 1 ? value : throw new TensorException($"one_cycle: the rising share must lie in [0, 1], got {value}");
    }

    /// <summary>The peak over the first rate.</summary>
    public double DivFactor
    {
        get => _divFactor;
        init => _divFactor = Positive(value);
    }

    /// <summary>The first rate over the last.</summary>
    public double FinalDivFactor
    {
        get => _finalDivFactor;
        init => _finalDivFactor = Positive(value);
    }

    /// <summary>Straight lines instead of half cosines.</summary>
    public bool Linear { get; init; }

    /// <inheritdoc/>
    public override double At(long step)
    {
        if (Steps(step, 0) >= TotalSteps) throw new TensorException($"one_cycle: step {step} is beyond its {TotalSteps} steps");
        double peak = RisingShare * TotalSteps - 1, last = TotalSteps - 1;
        var low = MaxLearningRate / DivFactor;
        if (step <= peak && peak > 0) return Between(low, MaxLearningRate, step / peak);
        // A cycle without room to fall ends at its peak.
        return last > peak ? Between(MaxLearningRate, low / FinalDivFactor, (step - peak) / (last - peak)) : MaxLearningRate;
    }

    private double Between(double a, double b, double f) => Linear ? a + (b - a) * f : b + (a - b) * (1 + Math.Cos(Math.PI * f)) / 2;

    private static double Positive(double factor) => factor > 0 && double.IsFinite(factor)
        ? factor
        : throw new TensorException($"one_cycle: a factor must be finite and above 0, got {factor}");
}
