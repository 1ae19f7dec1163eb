using Edifice.Nn;
using Parameter = TorchSharp.Modules.Parameter;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>The parameters and buffers of a block as tensors of libtorch's, by our names: all of them, or those below a prefix.
/// </summary>
internal sealed class Weights
{
    private readonly Dictionary<string, Twin> _all;
    private readonly string _prefix;

    private Weights(Dictionary<string, Twin> all, string prefix) => (_all, _prefix) = (all, prefix);

    /// <summary>Copies of a module's present values; its parameters require gradients.</summary>
    public static Weights Of(Module module)
    {
        var all = new Dictionary<string, Twin>();
        foreach (var (name, p) in module.NamedParameters()) all.Add(name, new Parameter(p.Value.Twin()));
        foreach (var (name, b) in module.NamedBuffers()) all.Add(name, b.Value.Twin());
        return new Weights(all, "");
    }

    /// <summary>Those whose names go on from here: <c>weights.Below("layers.0.mixer")["q_proj.weight"]</c>.</summary>
    public Weights Below(string name) => new(_all, $"{_prefix}{name}.");

    /// <summary>One by name.</summary>
    public Twin this[string name] => _all[_prefix + name];

    /// <summary>One by name, or null: a bias that the options switched off.</summary>
    public Twin? Optional(string name) => _all.GetValueOrDefault(_prefix + name);

    /// <summary>True when there is something of this name, or below it.</summary>
    public bool Has(string name) => _all.Keys.Any(k => k == _prefix + name || k.StartsWith($"{_prefix}{name}.", StringComparison.Ordinal));

    /// <summary>The parameters of the whole block in our order, with their full names.</summary>
    public IEnumerable<(string Name, Parameter Parameter)> Parameters =>
        _all.Where(p => p.Value is Parameter).Select(p => (p.Key, (Parameter)p.Value));
}
