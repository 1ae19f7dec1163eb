using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>A part of a model: parameters, buffers and further modules under names, and whatever forward methods it
/// has.</summary>
/// <remarks>
/// <para>A module names its members in its constructor: <c>Weight = Register("weight", tensor);</c>,
/// <c>Up = Register("up", new Linear(8, 32));</c>. Names along the path are joined with dots
/// (<c>layers.0.mixer.q_proj.weight</c>); nothing is looked up by reflection.</para>
/// <para>There is no forward method to override: each module has the methods that fit it, with real arguments and
/// results.</para>
/// </remarks>
public abstract partial class Module
{
    private readonly List<Member> _members = [];

    private readonly record struct Member(string Name, StateTensor? State, Module? Child);

    /// <summary>True in training: dropout drops. A new module trains.</summary>
    public bool IsTraining { get; private set; } = true;

    /// <summary>The parameters with their full names, in the order of registration. One that is registered at several
    /// places (tied weights) appears once, under its first name.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> NamedParameters()
    {
        var seen = new HashSet<Parameter>();
        var found = new List<(string, Parameter)>();
        foreach (var (name, state) in NamedState())
            if (state is Parameter p && seen.Add(p)) found.Add((name, p));
        return found;
    }

    /// <summary>The parameters, each once.</summary>
    public IReadOnlyList<Parameter> Parameters() => [.. NamedParameters().Select(p => p.Parameter)];

    /// <summary>The buffers with their full names, those outside the state dict too.</summary>
    public IReadOnlyList<(string Name, StateBuffer Buffer)> NamedBuffers() =>
        [.. NamedState().Where(s => s.State is StateBuffer).Select(s => (s.Name, (StateBuffer)s.State))];

    /// <summary>This module (under the name "") and all modules below it, each before its children.</summary>
    public IEnumerable<(string Name, Module Module)> NamedModules() => Walk("");

    /// <summary>The number of parameter elements; tied ones count once.</summary>
    public long ParameterCount => Parameters().Sum(p => p.Count);

    /// <summary>Switches this module and all below it to training.</summary>
    public void Train() => SetTraining(true);

    /// <summary>Switches this module and all below it to evaluation.</summary>
    public void Eval() => SetTraining(false);

    /// <summary>Forgets all gradients, see <see cref="Parameter.ZeroGrad"/>.</summary>
    public void ZeroGrad()
    {
        foreach (var p in Parameters()) p.ZeroGrad();
    }

    /// <summary>Converts floating-point parameters and buffers to another dtype. Gradients are dropped; an optimizer's
    /// state is not converted, so make the optimizer afterwards.</summary>
    public void To(DType dtype)
    {
        if (!dtype.IsFloating()) throw new TensorException($"To: a module is converted to a floating dtype, not {dtype}");
        foreach (var (_, state) in NamedState())
            if (state.DType.IsFloating()) state.Convert(dtype, state.Device);
    }

    /// <summary>Moves parameters and buffers to another device. As for <see cref="To(DType)"/>, make the optimizer
    /// afterwards.</summary>
    public void To(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        foreach (var (_, state) in NamedState()) state.Convert(state.DType, device);
    }

    /// <summary>Puts other tensors in the place of parameters and buffers until the result is disposed, so that a model can be
    /// called as a function of them: gradients flow to the tensors given.</summary>
    /// <param name="tensors">By full name; what is not named stays.</param>
    /// <exception cref="TensorException">An unknown name, or another shape.</exception>
    /// <exception cref="InvalidOperationException">One of them is substituted already.</exception>
    public IDisposable Substitute(IReadOnlyDictionary<string, Tensor> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var own = new Dictionary<string, StateTensor>();
        foreach (var (name, state) in NamedState()) own.Add(name, state);
        foreach (var (name, tensor) in tensors)
        {
            if (!own.TryGetValue(name, out var state))
                throw new TensorException($"Substitute: this {GetType().Name} has no '{name}'{NearestName.Hint(name, own.Keys)}");
            if (tensor.Shape != state.Shape) throw TensorException.For("Substitute", $"'{name}' has another shape", state.Value, tensor);
            if (state.Substitute is not null) throw new InvalidOperationException($"'{name}' is substituted already");
        }

        foreach (var (name, tensor) in tensors) own[name].Substitute = tensor;
        return new Substitution([.. tensors.Keys.Select(name => own[name])]);
    }

    /// <summary>Makes a tensor a parameter of this module.</summary>
    /// <exception cref="ArgumentException">The name is taken, empty or has a dot in it.</exception>
    protected Parameter Register(string name, Tensor value) => Register(name, new Parameter(value));

    /// <summary>Adds an existing parameter: a second place for tied weights.</summary>
    /// <exception cref="ArgumentException">As for <see cref="Register(string, Tensor)"/>.</exception>
    protected Parameter Register(string name, Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        Add(new Member(name, parameter, null));
        return parameter;
    }

    /// <summary>Adds a module below this one.</summary>
    /// <exception cref="ArgumentException">As for <see cref="Register(string, Tensor)"/>.</exception>
    protected T Register<T>(string name, T module) where T : Module
    {
        ArgumentNullException.ThrowIfNull(module);
        Add(new Member(name, null, module));
        return module;
    }

    /// <summary>Makes a tensor a buffer of this module.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its first value, of any dtype.</param>
    /// <param name="persistent">False: not part of the state dict.</param>
    /// <exception cref="ArgumentException">As for <see cref="Register(string, Tensor)"/>.</exception>
    protected StateBuffer RegisterBuffer(string name, Tensor value, bool persistent = true)
    {
        var buffer = new StateBuffer(value, persistent);
        Add(new Member(name, buffer, null));
        return buffer;
    }

    /// <summary>Every parameter and buffer at every place it is registered at.</summary>
    internal IEnumerable<(string Name, StateTensor State)> NamedState()
    {
        foreach (var (prefix, module) in Walk(""))
            foreach (var member in module._members)
                if (member.State is { } state) yield return (Join(prefix, member.Name), state);
    }

    private IEnumerable<(string Name, Module Module)> Walk(string prefix)
    {
        yield return (prefix, this);
        foreach (var member in _members)
            if (member.Child is { } child)
                foreach (var below in child.Walk(Join(prefix, member.Name))) yield return below;
    }

    private static string Join(string prefix, string name) => prefix.Length == 0 ? name : $"{prefix}.{name}";

    private void Add(Member member)
    {
        var name = member.Name;
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (name.Contains('.')) throw new ArgumentException($"the name '{name}' has a dot in it: dots separate modules in full names");
        if (_members.Exists(m => m.Name == name)) throw new ArgumentException($"{GetType().Name} already has a member '{name}'");
        if (member.Child?.Walk("").Any(m => ReferenceEquals(m.Module, this)) == true)
            throw new ArgumentException($"'{name}' contains the module it is to be part of");
        _members.Add(member);
    }

    private void SetTraining(bool training)
    {
        foreach (var (_, module) in Walk("")) module.IsTraining = training;
    }

    private sealed class Substitution(StateTensor[] states) : IDisposable
    {
        public void Dispose()
        {
            foreach (var state in states) state.Substitute = null;
        }
    }
}
