using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>Updates parameters from their gradients: <c>new Optimizer(model, new AdamW { LearningRate = 3e-4 })</c>.</summary>
/// <remarks>
/// A parameter without a gradient is left out of a step altogether: no weight decay, no state, and its own count of steps
/// (the t of the bias corrections) stands still. One fused kernel updates a parameter and its state in one pass over
/// memory, in place.
/// </remarks>
public sealed partial class Optimizer
{
    private readonly Dictionary<Parameter, ParameterState> _states = [];

    /// <summary>Optimizes all parameters of a model by one rule.</summary>
    /// <exception cref="TensorException">A setting of the rule is outside its range, or a parameter is neither Float32 nor
    /// Float64.</exception>
    public Optimizer(Module model, UpdateRule rule) : this(new ParameterGroup(Named(model), rule)) { }

    /// <summary>Optimizes several groups, each by its own rule.</summary>
    /// <exception cref="TensorException">A parameter or a name appears twice, or a parameter is neither Float32 nor
    /// Float64.</exception>
    public Optimizer(params IReadOnlyList<ParameterGroup> groups)
    {
        ArgumentNullException.ThrowIfNull(groups);
        var names = new HashSet<string>();
        var parameters = new HashSet<Parameter>();
        foreach (var (name, parameter) in groups.SelectMany(g => g.Parameters))
        {
            if (!names.Add(name) || !parameters.Add(parameter))
                throw new TensorException($"optimizer: the parameter '{name}' appears twice: each belongs to one group, once");
            if (!parameter.DType.IsComputeFloat())
                throw new TensorException($"optimizer: '{name}' is {parameter.DType}, and only Float32 and Float64 are updated: train a Float32 model");
        }

        Groups = [.. groups];
    }

    /// <summary>The groups.</summary>
    public IReadOnlyList<ParameterGroup> Groups { get; }

    /// <summary>The parameters of all groups.</summary>
    public IEnumerable<Parameter> Parameters
    {
        get
        {
            foreach (var group in Groups)
                foreach (var (_, parameter) in group.Parameters) yield return parameter;
        }
    }

    /// <summary>Updates every parameter that has a gradient.</summary>
    /// <param name="gradientScale">Multiplies the gradients on the way, without changing them: the factor of
    /// <see cref="GradientClipping.Factor"/>, or 1 / n after n accumulated batches.</param>
    public void Step(double gradientScale = 1)
    {
        foreach (var group in Groups)
        {
            var rule = group.Rule;
            var (first, second, third) = rule.States;
            foreach (var (name, parameter) in group.Parameters)
            {
                if (!parameter.RequiresGrad || parameter.Grad is not { } gradient) continue;
                if (!_states.TryGetValue(parameter, out var state)) _states.Add(parameter, state = new ParameterState());
                var (s0, s1, s2) = (state.Slot(0, first, name, parameter), state.Slot(1, second, name, parameter), state.Slot(2, third, name, parameter));
                parameter.Value.OptimizerStep(rule.Kernel, rule.At(state.Steps + 1), gradient, gradientScale, s0, s1, s2);
                state.Steps++;
            }
        }
    }

    /// <summary>Clips the norm of all gradients together on the way into <see cref="Step"/>: as
    /// <see cref="GradientClipping.ByNorm(IEnumerable{Parameter}, double, double, bool)"/>, without a pass of its own over the
    /// gradients.</summary>
    /// <returns>The norm before clipping.</returns>
    public double StepClipped(double maxNorm, double normType = 2)
    {
        var norm = GradientClipping.TotalNorm(Parameters, normType);
        Step(GradientClipping.Factor(norm, maxNorm));
        return norm;
    }

    /// <summary>Forgets all gradients, see <see cref="Parameter.ZeroGrad"/>.</summary>
    public void ZeroGrad()
    {
        foreach (var group in Groups)
            foreach (var (_, parameter) in group.Parameters) parameter.ZeroGrad();
    }

    /// <summary>Sets every group's learning rate to a rate times the group's factor:
    /// <c>optimizer.SetLearningRate(schedule.At(step))</c>.</summary>
    public void SetLearningRate(double learningRate)
    {
        foreach (var group in Groups) group.LearningRate = learningRate * group.LearningRateFactor;
    }

    private static IReadOnlyList<(string Name, Parameter Parameter)> Named(Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.NamedParameters();
    }

    /// <summary>What a rule remembers of one parameter.</summary>
    private sealed class ParameterState
    {
        public const int SlotCount = 3;

        public readonly Tensor?[] Slots = new Tensor?[SlotCount];

        public long Steps;

        /// <summary>The tensor of a state, made on first use; null when the rule has no such state.</summary>
        public Tensor? Slot(int index, string? slotName, string parameterName, Parameter parameter)
        {
            if (slotName is null) return null;
            if (Slots[index] is { } old)
            {
                return old.DType == parameter.DType && old.Device == parameter.Device ? old : throw TensorException.For(
                    "optimizer", $"the state '{slotName}' of '{parameterName}' was made before the parameter was converted: make the optimizer afterwards",
                    old, parameter.Value);
            }

            // The state outlives whatever scope the step runs in.
            using var scope = TensorScope.Suspend();
            return Slots[index] = parameter.Value.ZerosLike();
        }
    }
}
