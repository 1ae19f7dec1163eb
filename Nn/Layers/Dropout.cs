using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>In training zero with probability p, otherwise x / (1 - p) (Srivastava et al. 2014); the identity in
/// evaluation.</summary>
public sealed class Dropout : Module
{
    /// <summary>Creates the layer. It draws from <see cref="Generator.Current"/>, which activation checkpointing replays and a
    /// <see cref="TrainingCheckpoint"/> saves.</summary>
    /// <param name="probability">In [0, 1).</param>
    /// <exception cref="TensorException">The probability is outside [0, 1).</exception>
    public Dropout(double probability) => Probability = probability is >= 0 and < 1
        ? probability
        : throw new TensorException($"dropout: the probability must lie in [0, 1), got {probability}");

    /// <summary>p.</summary>
    public double Probability { get; }

    /// <summary>Drops elements of x, if this module trains.</summary>
    public Tensor Forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.Dropout(Probability, IsTraining);
    }
}
