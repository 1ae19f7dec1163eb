namespace Edifice.Engine.Autograd;

/// <summary>One checkpointed region: while it runs, the tape saves nothing but places; the first backward step that needs
/// a value runs the region again and fills them all.</summary>
/// <remarks>Because only saving is deferred and the graph itself is recorded as usual, gradients of captured parameters,
/// hooks, <c>Autograd.Grad</c> and gradients of gradients work as without a checkpoint.</remarks>
internal sealed class CheckpointFrame
{
    [ThreadStatic] private static CheckpointFrame? s_current;

    private readonly Func<Tensor[]> _region;
    private readonly RandomState _random;
    private readonly bool _replaying;
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

    public static Tensor[] Run(Func<Tensor[]> region)
    {
        var frame = new CheckpointFrame(region, Generator.Current.Save(), replaying: false);
        var outer = s_current;
        s_current = frame;
        try
        {
            return region();
        }
        finally
        {
            s_current = outer;
        }
    }

    /// <summary>Numbers a tensor about to be saved. Leaves (parameters and inputs) are saved as usual: they exist anyway.</summary>
    public bool Defers(Tensor tensor, out int index)
    {
        index = _count++;
        if (_replaying) _values!.Add(tensor.Alias());
        return !_replaying && tensor.Record is not { IsLeaf: true };
    }

    /// <summary>Lets go of one recomputed value: its op has used it.</summary>
    public void Free(int index) => _values?[index].Dispose();

    public Tensor Recompute(int index, GradientRecord? record)
    {
        if (_values is null)
        {
            var replay = new CheckpointFrame(_region, _random, replaying: true);
            var outer = s_current;
            var now = Generator.Current.Save();
            s_current = replay;
            try
            {
                using (TensorScope.Suspend())
                using (GradMode.On())
                {
                    Generator.Current.Restore(_random);
                    _ = _region();
                }
            }
            finally
            {
                s_current = outer;
                Generator.Current.Restore(now);
            }

            if (replay._count != _count)
                throw new AutogradException(
                    $"checkpoint: the region saved {replay._count} tensors when it ran again, {_count} the first time: it must not " +
                    "depend on anything that changes between the two runs");
            _values = replay._values;
        }

        var value = _values![index];
        return new Tensor(value.Storage, value.Layout, value.Offset, value.DType, retain: true) { Record = record };
    }
}
