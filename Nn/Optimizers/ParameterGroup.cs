using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>Parameters that share a rule and its settings.</summary>
public sealed class ParameterGroup
{
    private UpdateRule _rule;

    /// <summary>Creates a group.</summary>
    /// <param name="parameters">Parameters by name, as <see cref="Module.NamedParameters"/> gives them.</param>
    /// <param name="rule">How they are updated.</param>
    /// <param name="learningRateFactor">What <see cref="Optimizer.SetLearningRate"/> multiplies its rate by for this
    /// group.</param>
    /// <exception cref="TensorException">A setting of the rule is outside its range.</exception>
    public ParameterGroup(IEnumerable<(string Name, Parameter Parameter)> parameters, UpdateRule rule, double learningRateFactor = 1)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(rule);
        if (!(learningRateFactor >= 0 && double.IsFinite(learningRateFactor)))
            throw new TensorException($"optimizer: the factor of the learning rate must be finite and at least 0, got {learningRateFactor}");
        rule.Validate();
        Parameters = [.. parameters];
        LearningRateFactor = learningRateFactor;
        _rule = rule;
    }

    /// <summary>The parameters and their names.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters { get; }

    /// <summary>What this group's rate is, relative to the rate of <see cref="Optimizer.SetLearningRate"/>.</summary>
    public double LearningRateFactor { get; }

    /// <summary>The rule; may be exchanged between steps. States it newly needs start at zero.</summary>
    /// <exception cref="TensorException">A setting is outside its range.</exception>
    public UpdateRule Rule
    {
        get => _rule;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            value.Validate();
            _rule = value;
        }
    }

    /// <summary>The rule's learning rate.</summary>
    public double LearningRate
    {
        get => _rule.LearningRate;
        set => Rule = _rule with { LearningRate = value };
    }
}
