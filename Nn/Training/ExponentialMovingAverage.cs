using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>A running average of a model's parameters (Polyak and Juditsky 1992), often better at evaluation than the
/// parameters themselves.</summary>
/// <remarks>average = d · average + (1 - d) · parameter after each step, with d = decay or, with warm-up,
/// d = min(decay, (1 + t)/(10 + t)), t = 0, 1, … The average begins as a copy of the parameters. Frozen parameters are
/// averaged like the others; buffers are not.</remarks>
public sealed class ExponentialMovingAverage
{
    private readonly IReadOnlyList<(string Name, Parameter Parameter)> _parameters;
    private readonly Tensor[] _averages;
    private bool _applied;

    /// <summary>Begins an average at a model's present parameters.</summary>
    /// <exception cref="TensorException">The decay is outside [0, 1], or a parameter is neither Float32 nor Float64.</exception>
    public ExponentialMovingAverage(Module model, double decay, bool warmup = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        Decay = decay is >= 0 and <= 1 ? decay : throw new TensorException($"ema: the decay must lie in [0, 1], got {decay}");
        Warmup = warmup;
        _parameters = model.NamedParameters();
        foreach (var (name, p) in _parameters)
            if (!p.DType.IsComputeFloat()) throw new TensorException($"ema: '{name}' is {p.DType}, and only Float32 and Float64 are averaged");
        using var scope = TensorScope.Suspend();
        using var off = Tensor.NoGrad();
        _averages = [.. _parameters.Select(p => p.Parameter.Value.Clone())];
    }

    /// <summary>d, once warm.</summary>
    public double Decay { get; }

    /// <summary>Forgets faster at first.</summary>
    public bool Warmup { get; }

    /// <summary>t: how many updates there were.</summary>
    public long Updates { get; private set; }

    /// <summary>d of update <paramref name="t"/>, counted from 0.</summary>
    public double DecayAt(long t) => Warmup ? Math.Min(Decay, (1.0 + t) / (10.0 + t)) : Decay;

    /// <summary>Takes the present parameters into the average.</summary>
    /// <exception cref="InvalidOperationException">The model holds the average at the moment, see <see cref="Apply"/>.</exception>
    public void Update()
    {
        ThrowIfApplied();
        var d = DecayAt(Updates);
        using var off = Tensor.NoGrad();
        for (var i = 0; i < _averages.Length; i++)
            _averages[i].MulInPlace(d).AddInPlace(_parameters[i].Parameter.Value, 1 - d);
        Updates++;
    }

    /// <summary>Exchanges the model's parameters for their average until the result is disposed:
    /// <c>using (average.Apply()) Evaluate(model);</c></summary>
    /// <exception cref="InvalidOperationException">They are exchanged already.</exception>
    public IDisposable Apply()
    {
        ThrowIfApplied();
        Exchange();
        return new Application(this);
    }

    /// <summary>The averages by parameter name, sharing memory with this object.</summary>
    public IReadOnlyDictionary<string, Tensor> StateDict()
    {
        ThrowIfApplied();
        var state = new OrderedDictionary<string, Tensor>();
        for (var i = 0; i < _averages.Length; i++) state.Add(_parameters[i].Name, _averages[i].Detach());
        return state;
    }

    /// <summary>Goes back to saved averages.</summary>
    /// <exception cref="TensorException">A name is missing or unknown, or a shape or dtype differs. Nothing was changed
    /// then.</exception>
    public void LoadStateDict(IReadOnlyDictionary<string, Tensor> state, long updates)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentOutOfRangeException.ThrowIfNegative(updates);
        var source = new TensorsByName(state);
        CheckState(source);
        Restore(source, updates);
    }

    internal void CheckState(IStateSource source)
    {
        ThrowIfApplied();
        var names = _parameters.Select(p => p.Name).ToHashSet();
        foreach (var name in source.Names)
            if (!names.Contains(name)) throw new TensorException($"ema: there is no parameter '{name}'{NearestName.Hint(name, names)}");
        var given = source.Names.ToHashSet();
        foreach (var (name, p) in _parameters)
        {
            if (!given.Contains(name)) throw new TensorException($"ema: the average of '{name}' is missing");
            var (dtype, shape) = source.Describe(name);
            if (dtype != p.DType || shape != p.Shape)
                throw new TensorException($"ema: the average of '{name}' is {dtype} {shape}, the parameter {p.DType} {p.Shape}");
        }
    }

    internal void Restore(IStateSource source, long updates)
    {
        for (var i = 0; i < _averages.Length; i++)
        {
            using var read = source.Read(_parameters[i].Name);
            _averages[i].CopyFrom(read);
        }

        Updates = updates;
    }

    private void ThrowIfApplied()
    {
        if (_applied) throw new InvalidOperationException("the model holds its average now: dispose what Apply() returned first");
    }

    private void Exchange()
    {
        using var scope = Tensor.Scope();
        using var off = Tensor.NoGrad();
        for (var i = 0; i < _averages.Length; i++)
        {
            var kept = _parameters[i].Parameter.Value.Clone();
            _parameters[i].Parameter.Set(_averages[i]);
            _averages[i].CopyFrom(kept);
        }

        _applied = !_applied;
    }

    private sealed class Application(ExponentialMovingAverage owner) : IDisposable
    {
        private ExponentialMovingAverage? _owner = owner;

        public void Dispose()
        {
            _owner?.Exchange();
            _owner = null;
        }
    }
}
