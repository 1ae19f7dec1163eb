using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Nn;

/// <summary>All that an optimizer remembers.</summary>
/// <param name="Tensors">Per parameter and state, <c>{parameter}.{state}</c>, and the parameter's number of steps,
/// <c>{parameter}.step</c> (int64). A parameter that never had a gradient has none.</param>
/// <param name="Rules">Each group's rule as JSON options, with the learning rate in use.</param>
public sealed record OptimizerState(IReadOnlyDictionary<string, Tensor> Tensors, IReadOnlyList<string> Rules);

/// <summary>Saving and restoring.</summary>
public sealed partial class Optimizer
{
    private const string StepName = "step";

    /// <summary>The state now. The tensors share memory with the optimizer: clone those that are to stay while training goes
    /// on.</summary>
    public OptimizerState StateDict()
    {
        var tensors = new OrderedDictionary<string, Tensor>();
        foreach (var group in Groups)
            foreach (var (name, parameter) in group.Parameters)
            {
                if (!_states.TryGetValue(parameter, out var state)) continue;
                tensors.Add($"{name}.{StepName}", Tensor.Scalar(state.Steps, DType.Int64));
                foreach (var (index, slot) in SlotNames(group.Rule))
                    if (state.Slots[index] is { } t) tensors.Add($"{name}.{slot}", t.Detach());
            }

        return new OptimizerState(tensors, [.. Groups.Select(g => g.Rule.ToOptions().ToString())]);
    }

    /// <summary>Goes back to a saved state, bit for bit: the groups' rules, every state, every count of steps. Parameters
    /// that the state does not name are as before their first step.</summary>
    /// <exception cref="TensorException">The number of groups, the kind of a rule, a name, a shape or a dtype does not fit.
    /// Nothing was changed then.</exception>
    public void LoadStateDict(OptimizerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        Restore(CheckState(state.Rules, new TensorsByName(state.Tensors)));
    }

    /// <summary>The checks of <see cref="LoadStateDict"/>.</summary>
    /// <returns>What to restore, for <see cref="Restore"/>.</returns>
    internal RestorePlan CheckState(IReadOnlyList<string> rules, IStateSource source)
    {
        if (rules.Count != Groups.Count)
            throw new TensorException($"optimizer: the state has {rules.Count} groups of parameters, this optimizer {Groups.Count}");
        var newRules = new UpdateRule[rules.Count];
        for (var i = 0; i < newRules.Length; i++)
        {
            newRules[i] = UpdateRule.FromOptions(OptionBag.Parse(rules[i]));
            if (newRules[i].Name != Groups[i].Rule.Name)
                throw new TensorException($"optimizer: group {i} of the state is by {newRules[i].Name}, this optimizer's by {Groups[i].Rule.Name}");
        }

        var targets = new Dictionary<string, (Parameter Parameter, int Slot)>();
        for (var i = 0; i < newRules.Length; i++)
            foreach (var (name, parameter) in Groups[i].Parameters)
            {
                targets.Add($"{name}.{StepName}", (parameter, -1));
                foreach (var (index, slot) in SlotNames(newRules[i])) targets.Add($"{name}.{slot}", (parameter, index));
            }

        foreach (var name in source.Names)
        {
            if (!targets.TryGetValue(name, out var target))
                throw new TensorException($"optimizer: this optimizer has no state '{name}'{NearestName.Hint(name, targets.Keys)}");
            var (dtype, shape) = source.Describe(name);
            var (wanted, extents) = target.Slot < 0 ? (DType.Int64, Shape.Scalar) : (target.Parameter.DType, target.Parameter.Shape);
            if (dtype != wanted || shape != extents)
                throw new TensorException($"optimizer: the state '{name}' is {dtype} {shape} and must be {wanted} {extents}");
        }

        return new RestorePlan(newRules, source, targets);
    }

    /// <summary>Carries out what was checked.</summary>
    internal void Restore(RestorePlan plan)
    {
        for (var i = 0; i < plan.Rules.Length; i++) Groups[i].Rule = plan.Rules[i];
        foreach (var old in _states.Values)
            foreach (var slot in old.Slots) slot?.Dispose();
        _states.Clear();
        foreach (var name in plan.Source.Names)
        {
            var (parameter, slot) = plan.Targets[name];
            if (!_states.TryGetValue(parameter, out var state)) _states.Add(parameter, state = new ParameterState());
            using var read = plan.Source.Read(name);
            if (slot < 0)
            {
                state.Steps = read.ToArray<long>()[0];
                continue;
            }

            using var scope = TensorScope.Suspend();
            state.Slots[slot] = parameter.Value.ZerosLike().CopyFrom(read);
        }
    }

    private static IEnumerable<(int Index, string Name)> SlotNames(UpdateRule rule)
    {
        var (first, second, third) = rule.States;
        if (first is not null) yield return (0, first);
        if (second is not null) yield return (1, second);
        if (third is not null) yield return (2, third);
    }

    /// <summary>A checked state, ready to be restored.</summary>
    internal sealed record RestorePlan(UpdateRule[] Rules, IStateSource Source, Dictionary<string, (Parameter Parameter, int Slot)> Targets);
}
