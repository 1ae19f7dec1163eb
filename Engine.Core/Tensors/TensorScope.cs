namespace Edifice.Engine;

/// <summary>Frees the tensors its thread makes while it is open, at once when it ends, except those kept.</summary>
/// <remarks>Leaf gradients, parameters and optimizer state are made outside any scope by the engine itself. Values that
/// the tape saved stay alive for as long as the graph needs them.</remarks>
public sealed class TensorScope : IDisposable
{
    [ThreadStatic] private static TensorScope? s_current;

    private readonly TensorScope? _outer;
    private readonly bool _suspended;
    private List<Tensor>? _made;
    private bool _ended;

    internal TensorScope(bool suspended = false)
    {
        _outer = s_current;
        _suspended = suspended;
        s_current = this;
    }

    internal static TensorScope? Current => s_current;

    /// <summary>Opens a span of time in which new tensors belong to no scope (parameters, optimizer state).</summary>
    public static TensorScope Suspend() => new(suspended: true);

    internal void Register(Tensor tensor)
    {
        if (_suspended)
        {
            tensor.Owner = null;
            return;
        }

        tensor.Owner = this;
        _made ??= new List<Tensor>(32);
        if (_made.Count == _made.Capacity) ForgetFreed(_made);
        _made.Add(tensor);
    }

    /// <summary>How many tensors would be freed if the scope ended now: what grows in a loop is left behind there.</summary>
    public int LiveCount => _made?.Count(IsHeld) ?? 0;

    private bool IsHeld(Tensor tensor) => !tensor.IsDisposed && ReferenceEquals(tensor.Owner, this);

    /// <summary>Drops what was freed or kept meanwhile, so that a scope around a long loop holds what is alive and not what ever was. Doubling when
    /// that leaves it half full keeps the cost per tensor constant.</summary>
    private void ForgetFreed(List<Tensor> made)
    {
        made.RemoveAll(t => !IsHeld(t));
        if (made.Count > made.Capacity / 2) made.Capacity *= 2;
    }

    /// <summary>Lets a tensor outlive this scope; it then belongs to the scope around this one, if there is one. Tensors that
    /// this scope would not free stay as they are.</summary>
    public Tensor Keep(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (!WouldFree(tensor)) return tensor;
        if (_outer is { } outer) outer.Register(tensor);
        else tensor.Owner = null;
        return tensor;
    }

    /// <summary>True for tensors of this scope and of those opened inside it.</summary>
    private bool WouldFree(Tensor tensor)
    {
        if (tensor.Owner is not { } owner) return false;
        for (var s = s_current; s is not null; s = s._outer)
        {
            if (ReferenceEquals(s, owner)) return true;
            if (ReferenceEquals(s, this)) return false;
        }

        return false;
    }

    /// <summary>Frees what was made since the scope was opened and not kept.</summary>
    /// <exception cref="InvalidOperationException">A scope opened later is still open, or another thread opened this one.</exception>
    public void Dispose()
    {
        if (_ended) return;
        if (s_current != this)
            throw new InvalidOperationException("scopes end in the reverse order of their opening, on the thread that opened them");
        _ended = true;
        s_current = _outer;
        if (_made is null) return;
        foreach (var tensor in _made)
            if (ReferenceEquals(tensor.Owner, this)) tensor.Dispose();
        _made = null;
    }
}
