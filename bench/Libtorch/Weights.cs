using Edifice.Nn;
using Parameter = TorchSharp.Modules.Parameter;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>The parameters and buffers of a block as tensors of libtorch's, by our names: all of them, or those below a prefix.
/// </summary>
internal sealed class Weights
{
    private readonly Dictionary<string, Twin> _all, _own;
    private readonly string _prefix;

    // Asked for again in every pass: one streaming step must not wait for names to be put together.
    private readonly Dictionary<string, Weights> _below = [];
    private readonly Dictionary<string, bool> _has = [];

    private Weights(Dictionary<string, Twin> all, string prefix)
    {
        (_all, _prefix) = (all, prefix);
        _own = all.Where(p => p.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(p => p.Key[prefix.Length..], p => p.Value);
    }

    /// <summary>Copies of a module's present values; its parameters require gradients.</summary>
    public static Weights Of(Module module)
    {
        var all = new Dictionary<string, Twin>();
        foreach (var (name, p) in module.NamedParameters()) all.Add(name, new Parameter(p.Value.Twin()));
        foreach (var (name, b) in module.NamedBuffers()) all.Add(name, b.Value.Twin());
        return new Weights(all, "");
    }

    /// <summary>Those whose names go on from here: <c>weights.Below("layers.0.mixer")["q_proj.weight"]</c>.</summary>
    public Weights Below(string name)
    {
        if (!_below.TryGetValue(name, out var below)) _below.Add(name, below = new Weights(_all, $"{_prefix}{name}."));
        return below;
    }

    /// <summary>One by name.</summary>
    public Twin this[string name] => _own[name];

    /// <summary>One by name, or null: a bias that the options switched off.</summary>
    public Twin? Optional(string name) => _own.GetValueOrDefault(name);

    /// <summary>True when there is something of this name, or below it.</summary>
    public bool Has(string name)
    {
        if (!_has.TryGetValue(name, out var has))
            _has.Add(name, has = _own.Keys.Any(k => k == name || k.StartsWith($"{name}.", StringComparison.Ordinal)));
        return has;
    }

    /// <summary>The parameters of the whole block in our order, with their full names.</summary>
    public IEnumerable<(string Name, Parameter Parameter)> Parameters =>
        _all.Where(p => p.Value is Parameter).Select(p => (p.Key, (Parameter)p.Value));
}
