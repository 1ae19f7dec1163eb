namespace Edifice.Engine.Ops;

/// <summary>Inputs and options of one call of an op by name.</summary>
public sealed class OpCase
{
    private readonly IReadOnlyDictionary<string, Tensor> _inputs;

    /// <summary>Creates a case.</summary>
    public OpCase(IReadOnlyDictionary<string, Tensor> inputs, OptionBag options)
    {
        _inputs = inputs;
        Options = options;
    }

    /// <summary>A case from named tensors, without options.</summary>
    public static OpCase Of(params ReadOnlySpan<(string Name, Tensor Value)> inputs) => Of("{}", inputs);

    /// <summary>A case from JSON options and named tensors.</summary>
    public static OpCase Of(string options, params ReadOnlySpan<(string Name, Tensor Value)> inputs)
    {
        var named = new Dictionary<string, Tensor>();
        foreach (var (name, value) in inputs) named.Add(name, value);
        return new OpCase(named, OptionBag.Parse(options));
    }

    /// <summary>The options.</summary>
    public OptionBag Options { get; }

    /// <summary>All inputs.</summary>
    public IReadOnlyDictionary<string, Tensor> Inputs => _inputs;

    /// <summary>A required input.</summary>
    /// <exception cref="TensorException">It is absent.</exception>
    public Tensor this[string name] => _inputs.TryGetValue(name, out var t)
        ? t
        : throw new TensorException($"input '{name}' is missing; given: {string.Join(", ", _inputs.Keys)}");

    /// <summary>An optional input.</summary>
    public Tensor? Optional(string name) => _inputs.GetValueOrDefault(name);

    /// <summary>An input of whole numbers, as int64.</summary>
    public Tensor Whole(string name) => this[name].DType == DType.Int64 ? this[name] : this[name].Detach().To(DType.Int64);

    /// <summary>An input of truth values (a number above 0.5 is true), as bool.</summary>
    public Tensor Truth(string name) => this[name].DType == DType.Bool ? this[name] : this[name].Detach() > 0.5;

    /// <summary>An optional input of truth values.</summary>
    public Tensor? OptionalTruth(string name) => _inputs.ContainsKey(name) ? Truth(name) : null;

    /// <summary>The same case with some inputs replaced.</summary>
    public OpCase With(IReadOnlyDictionary<string, Tensor> replaced)
    {
        var inputs = new Dictionary<string, Tensor>(_inputs);
        foreach (var (name, value) in replaced) inputs[name] = value;
        return new OpCase(inputs, Options);
    }
}

/// <summary>The named results of an op.</summary>
public sealed class OpResults : List<(string Name, Tensor Value)>
{
    /// <summary>One result, called <c>out</c>.</summary>
    public static implicit operator OpResults(Tensor y) => [("out", y)];
}

/// <summary>One op of the table: how to run it by name, and the inputs it is checked on.</summary>
/// <param name="Name">Its name in specifications, files and messages.</param>
/// <param name="Run">Runs it in recorded ops on whatever dtype and device the inputs have.</param>
/// <param name="Samples">Made-up float64 inputs, away from kinks, on which gradients are checked; an op without any fails the
/// test suite. Inputs that are not floating point are held fixed.</param>
public sealed record OpEntry(string Name, Func<OpCase, OpResults> Run, params IReadOnlyList<Func<OpCase>> Samples)
{
    /// <summary>False for ops whose results have no gradient (comparisons, indices).</summary>
    public bool IsDifferentiable { get; init; } = true;

    /// <summary>Inputs held fixed although they are floating point.</summary>
    public IReadOnlyList<string> Fixed { get; init; } = [];

    /// <summary>The family, which is the name of the file the op lives in.</summary>
    public string Family { get; internal set; } = "";
}
