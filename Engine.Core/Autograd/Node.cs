namespace Edifice.Engine.Autograd;

/// <summary>Computes the cotangents of an op's inputs from those of its outputs, in differentiable ops.</summary>
/// <param name="step">The recorded op in this pass: saved tensors, which inputs need a gradient.</param>
/// <param name="cotangents">One per output; null where the loss does not depend on it.</param>
/// <returns>One per input, of the shape of the op's broadcast result or of the input; null where none is needed.</returns>
internal delegate Tensor?[] Vjp(BackwardStep step, Tensor?[] cotangents);

/// <summary>An op as one backward pass sees it. What the pass wants belongs to it and not to the node, so that several passes, in
/// several threads, may run over one graph.</summary>
/// <param name="node">The op.</param>
/// <param name="wanted">In a pass that asks for particular tensors: which inputs lead to one. Null: all that have a record.</param>
internal readonly struct BackwardStep(Node node, bool[]? wanted)
{
    /// <summary>The op's name in the op table.</summary>
    public string Op => node.Op;

    /// <summary>True when the gradient of input <paramref name="i"/> is wanted.</summary>
    public bool Needs(int i) => node.Inputs[i] is not null && (wanted is null || wanted[i]);

    /// <summary>The dtype that the gradient of input <paramref name="i"/> must have.</summary>
    public DType GradientType(int i) => node.Inputs[i]!.DType;

    /// <summary>Saved tensor number <paramref name="i"/>, checked against in-place writes.</summary>
    public Tensor Saved(int i) => node.Saved(i);

    /// <summary>How many tensors were saved: optional ones come last.</summary>
    public int SavedCount => node.SavedCount;
}

/// <summary>One recorded op.</summary>
internal sealed class Node
{
    private static long s_count;

    private Vjp? _vjp;
    private SavedTensor[]? _saved;

    public Node(string op, GradientRecord?[] inputs, GradientRecord[] outputs, SavedTensor[] saved, Vjp vjp)
    {
        Op = op;
        Inputs = inputs;
        Outputs = outputs;
        _saved = saved;
        _vjp = vjp;
        Sequence = Interlocked.Increment(ref s_count);
    }

    /// <summary>The op's name in the op table.</summary>
    public string Op { get; }

    /// <summary>Grows with time: an op's inputs were always recorded before it.</summary>
    public long Sequence { get; }

    /// <summary>Where the cotangents of the inputs go; null: nowhere.</summary>
    public GradientRecord?[] Inputs { get; }

    /// <summary>The outputs' records.</summary>
    public GradientRecord[] Outputs { get; }

    /// <summary>True after the backward pass used the node up.</summary>
    public bool IsReleased => _saved is null;

    /// <summary>The number of tensors kept for the backward pass.</summary>
    public int SavedCount => _saved?.Length ?? 0;

    /// <summary>Saved tensor number <paramref name="i"/>, checked against in-place writes.</summary>
    public Tensor Saved(int i) => (_saved ?? throw Released())[i].Unpack(Op);

    /// <summary>The cotangents of the inputs; <paramref name="wanted"/> as in <see cref="BackwardStep"/>.</summary>
    public Tensor?[] Pull(Tensor?[] cotangents, bool[]? wanted) => (_vjp ?? throw Released())(new BackwardStep(this, wanted), cotangents);

    /// <summary>Lets go of the saved tensors, and of whatever else the rule holds.</summary>
    public void Release()
    {
        if (_saved is null) return;
        foreach (var s in _saved) s.Free();
        _saved = null;
        _vjp = null;
    }

    private AutogradException Released() => new(
        $"{Op}: the graph was already used by a backward pass, which frees what it saved: pass retainGraph: true to the first call");
}
