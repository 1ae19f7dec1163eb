namespace Edifice.Engine;

/// <summary>Frees the tensors its thread makes while it is open, at once when it ends, except those kept.</summary>
/// <remarks>Leaf gradients, parameters and optimizer state are made outside any scope by the engine itself. Values that
/// the tape saved stay alive for as long as the graph needs them.</remarks>
public sealed class TensorScope : IDisposable
{
    [ThreadStatic] private static TensorScope? s_current;

    private readonly TensorScope? _outer;
    private readonly int _level;
    private readonly bool _suspended;
    private List<Tensor>? _owned;

    internal TensorScope(bool suspended = false)
    {
        _outer = s_current;
        _level = suspended ? 0 : (_outer?._level ?? 0) + 1;
        _suspended = suspended;
        s_current = this;
    }

    internal static TensorScope? Current => s_current;

    internal int Level => _level;

    /// <summary>Opens a span of time in which new tensors belong to no scope (parameters, optimizer state).</summary>
    public static TensorScope Suspend() => new(suspended: true);

    internal void Register(Tensor tensor)
    {
        if (_suspended) return;
        tensor.ScopeLevel = _level;
        (_owned ??= new List<Tensor>(32)).Add(tensor);
    }

    /// <summary>Lets a tensor outlive this scope; it then belongs to the scope around this one, if there is one.</summary>
    public Tensor Keep(Tensor tensor)
    {
        if (tensor.ScopeLevel >= _level) tensor.ScopeLevel = _level - 1;
        return tensor;
    }

    /// <summary>Frees what was made since the scope was opened and not kept.</summary>
    public void Dispose()
    {
        if (s_current != this)
        {
            if (_owned is null && _suspended) return;
            throw new InvalidOperationException("scopes end in the reverse order of their opening, on the thread that opened them");
        }

        s_current = _outer;
        if (_owned is null) return;
        foreach (var tensor in _owned)
        {
            if (tensor.ScopeLevel >= _level) tensor.Dispose();
            else if (tensor.ScopeLevel > 0) _outer?.Register(tensor);
        }

        _owned = null;
    }
}
