namespace Edifice.Engine.Autograd;

/// <summary>One checkpointed region: while it runs, the tape saves nothing but places; the first backward step that needs
/// a value runs the region again and fills them all.</summary>
/// <remarks>Because only saving is deferred and the graph itself is recorded as usual, gradients of captured parameters,
/// hooks, <see cref="Gradients.Of(Tensor[], Tensor[], Tensor[], bool?, bool, bool)"/> and gradients of gradients work as
/// without a checkpoint, also a backward pass inside the region.</remarks>
internal sealed class CheckpointFrame
{
    [ThreadStatic] private static CheckpointFrame? s_current;

    private readonly Func<Tensor[]> _region;
    private readonly RandomState _random;
    private readonly DType _productType = MixedPrecision.ProductType;
    private readonly Lock _replay = new();

    /// <summary>This frame only fills the places of another one.</summary>
    private readonly bool _replaying;

    private bool _running;
    private int _count;
    private List<Tensor>? _values;

    private CheckpointFrame(Func<Tensor[]> region, RandomState random, bool replaying)
    {
        _region = region;
        _random = random;
        _replaying = replaying;
        if (replaying) _values = [];
    }

    public static CheckpointFrame? Current => s_current;

    public static Tensor[] Run(Func<Tensor[]> region) =>
        new CheckpointFrame(region, Generator.Current.Save(), replaying: false).Execute();

    private Tensor[] Execute()
    {
        var outer = s_current;
        s_current = this;
        _running = true;
        try
        {
            return _region();
        }
        finally
        {
            _running = false;
            s_current = outer;
        }
    }

    /// <summary>Numbers a tensor about to be saved. Leaves (parameters and inputs) are saved as usual: they exist anyway.</summary>
    /// <returns>False when the tape must keep the tensor itself.</returns>
    public bool Defers(Tensor tensor, out int index)
    {
        index = _count++;
        var leaf = tensor.Record is { IsLeaf: true };
        if (!_replaying) return !leaf;
        // A replay's own graph is thrown away: it holds on to nothing, and least of all to parameters.
        using (TensorScope.Suspend()) _values!.Add(leaf ? tensor : tensor.Alias());
        return true;
    }

    /// <summary>Lets go of one recomputed value: its op has used it.</summary>
    public void Free(int index)
    {
        if (!_replaying) _values?[index].Dispose();
    }

    /// <summary>A saved value, from the first call on by running the region again.</summary>
    public Tensor Recompute(int index, GradientRecord? record)
    {
        // Passes of several threads over one graph share the replay.
        lock (_replay) _values ??= Replay();
        var value = _values[index];
        return new Tensor(value.Storage, value.Layout, value.Offset, value.DType, retain: true) { Record = record };
    }

    private List<Tensor> Replay()
    {
        var replay = new CheckpointFrame(_region, _random, replaying: true);
        var now = Generator.Current.Save();
        try
        {
            // Only the saved values outlive the replay, in aliases that belong to no scope.
            using (TensorScope.Suspend())
            using (Tensor.Scope())
            using (GradMode.On())
            using (MixedPrecision.Products(_productType))
            {
                Generator.Current.Restore(_random);
                _ = replay.Execute();
            }
        }
        finally
        {
            Generator.Current.Restore(now);
        }

        // A backward pass inside the region comes before the region has saved everything.
        if (_running ? replay._count < _count : replay._count != _count)
            throw new AutogradException(
                $"checkpoint: the region saved {replay._count} tensors when it ran again, {_count} the first time: it must not " +
                "depend on anything that changes between the two runs");
        return replay._values!;
    }
}
