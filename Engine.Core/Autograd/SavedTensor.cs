namespace Edifice.Engine.Autograd;

/// <summary>A tensor kept for the backward pass: it holds the storage itself, so that disposing the tensor does no harm,
/// and remembers the storage's version, so that an in-place write is noticed.</summary>
internal sealed class SavedTensor
{
    private readonly Layout _layout;
    private readonly long _offset;
    private readonly DType _dtype;
    private readonly int _version;
    private readonly GradientRecord? _record;
    private readonly CheckpointFrame? _frame;
    private readonly int _frameIndex;
    private Storage? _storage;

    public SavedTensor(Tensor tensor)
    {
        _layout = tensor.Layout;
        _offset = tensor.Offset;
        _dtype = tensor.DType;
        _record = tensor.Record;
        if (CheckpointFrame.Current is { } frame && frame.Defers(tensor, out _frameIndex))
        {
            _frame = frame;
            return;
        }

        _storage = tensor.Storage;
        _storage.Retain();
        _version = _storage.Version;
    }

    /// <summary>The tensor as it was, with its place in the graph.</summary>
    /// <exception cref="AutogradException">It was written in place meanwhile.</exception>
    public Tensor Unpack(string op)
    {
        if (_frame is not null) return _frame.Recompute(_frameIndex, _record);
        var storage = _storage ?? throw new AutogradException($"{op}: a saved tensor was already freed");
        if (storage.Version != _version)
            throw new AutogradException(
                $"{op}: a tensor it needs for the backward pass ({_dtype} {_layout.Shape}) was written in place after the " +
                $"forward pass (version {storage.Version}, saved at {_version}): use the out-of-place form, or Clone() before writing");
        return new Tensor(storage, _layout, _offset, _dtype, retain: true) { Record = _record };
    }

    public void Free()
    {
        _frame?.Free(_frameIndex);
        _storage?.Release();
        _storage = null;
    }
}
