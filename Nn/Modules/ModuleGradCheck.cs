using Edifice.Engine;
using Edifice.Engine.Checking;

namespace Edifice.Nn;

/// <summary>Holds a module's gradients, by its inputs and by all of its parameters, against central differences.</summary>
public static class ModuleGradCheck
{
    /// <summary>Checks a module of Float64 parameters at given inputs.</summary>
    /// <param name="module">The module; frozen parameters are held fixed.</param>
    /// <param name="forward">What to call on it. It must do the same each time; what it draws from
    /// <see cref="Generator.Current"/> repeats.</param>
    /// <param name="inputs">Float64 tensors are varied; tensors of other kinds are held fixed.</param>
    /// <param name="options">Null: the defaults. The names of inputs are set here: <c>input 0</c>, …, then the parameters' full names.</param>
    public static GradCheckResult Run(Module module, Func<Tensor[], Tensor[]> forward, Tensor[] inputs, GradCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(forward);
        ArgumentNullException.ThrowIfNull(inputs);
        var parameters = module.NamedParameters().Where(p => p.Parameter.RequiresGrad).ToArray();
        Tensor[] Call(Tensor[] all)
        {
            var tensors = new Dictionary<string, Tensor>();
            for (var i = 0; i < parameters.Length; i++) tensors.Add(parameters[i].Name, all[inputs.Length + i]);
            using (module.Substitute(tensors)) return forward(all[..inputs.Length]);
        }

        var names = Enumerable.Range(0, inputs.Length).Select(i => $"input {i}").Concat(parameters.Select(p => p.Name));
        options = (options ?? new GradCheckOptions { Function = module.GetType().Name }) with { InputNames = [.. names] };
        return GradCheck.Run(Call, [.. inputs, .. parameters.Select(p => p.Parameter.Value)], options);
    }
}
