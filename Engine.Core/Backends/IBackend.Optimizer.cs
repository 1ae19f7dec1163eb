namespace Edifice.Engine.Backends;

/// <summary>Update rules of <see cref="IBackend.OptimizerStep"/>.</summary>
public enum OptimizerKernel
{
    /// <summary>SGD with momentum, dampening, Nesterov and L2 decay; state 0: momentum buffer (may be null).</summary>
    Sgd,
    /// <summary>Adam with L2 decay; state 0: m, 1: v, 2: running maximum (amsgrad, may be null).</summary>
    Adam,
    /// <summary>Adam with decoupled decay; state as Adam.</summary>
    AdamW,
    /// <summary>Lion; state 0: m.</summary>
    Lion,
    /// <summary>RMSprop, α in Beta2; state 0: v, 1: momentum buffer (may be null), 2: mean gradient (centered, may be null).</summary>
    RmsProp,
}

/// <summary>The numbers of one step; which are read depends on the rule. RMSprop's α is <paramref name="Beta2"/>.</summary>
public readonly record struct OptimizerSettings(
    double LearningRate, double WeightDecay, double Beta1, double Beta2, double Eps,
    double Momentum, double Dampening, bool Nesterov, long Step);

public partial interface IBackend
{
    /// <summary>Updates a parameter and its state in place, one pass over memory. Contiguous, one shape, f32/f64.
    /// <see cref="OptimizerSettings.Step"/> counts from 1. The gradient is multiplied by
    /// <paramref name="gradientScale"/> first (clipping).</summary>
    void OptimizerStep(OptimizerKernel kernel, in OptimizerSettings settings, Tensor parameter, Tensor gradient,
        double gradientScale, Tensor? state0, Tensor? state1, Tensor? state2);
}
