using Edifice.Engine.Autograd;

namespace Edifice.Engine;

/// <summary>The tape as seen from a tensor.</summary>
public sealed partial class Tensor
{
    /// <summary>True when gradients flow to or through this tensor.</summary>
    public bool NeedsGradient => Record is not null;

    /// <summary>True for tensors no recorded op made.</summary>
    public bool IsLeaf => Record is null || Record.IsLeaf;

    /// <summary>The accumulated gradient of a leaf (or of a tensor that retains it); null before the first backward pass.</summary>
    public Tensor? Grad
    {
        get => Record?.Gradient;
        set
        {
            var record = Record ?? throw TensorException.For("Grad", "the tensor requires no gradient: call RequiresGrad() first", this);
            if (value is not null && (value.Shape != Shape || value.DType != DType || value.Device != Device))
                throw TensorException.For("Grad", "a gradient must have the tensor's shape, dtype and device", this, value);
            record.Gradient = value;
        }
    }

    /// <summary>Makes a leaf collect gradients (or stop to); returns the tensor itself.</summary>
    /// <exception cref="TensorException">Not a leaf, or not floating point.</exception>
    public Tensor RequiresGrad(bool value = true)
    {
        if (!IsLeaf) throw TensorException.For("RequiresGrad", "only a leaf can be told to (this tensor is the result of a recorded op): Detach() it first", this);
        if (value && !DType.IsFloating()) throw TensorException.For("RequiresGrad", "only floating-point tensors have gradients", this);
        Record = value ? Record ?? new GradientRecord { Layout = Layout, DType = DType, Device = Device } : null;
        return this;
    }

    /// <summary>Keeps the gradient of an inner tensor in <see cref="Grad"/> as for a leaf.</summary>
    public Tensor RetainGrad()
    {
        (Record ?? throw TensorException.For("RetainGrad", "the tensor requires no gradient", this)).RetainsGradient = true;
        return this;
    }

    /// <summary>Calls <paramref name="hook"/> with the complete cotangent of this tensor in every backward pass; a non-null
    /// result replaces it. Dispose the result to remove the hook.</summary>
    /// <remarks>Hooks run outside the pass's own scope; operations in them are recorded only in a pass with <c>createGraph</c>.</remarks>
    public IDisposable RegisterHook(Func<Tensor, Tensor?> hook)
    {
        var record = Record ?? throw TensorException.For("RegisterHook", "the tensor requires no gradient", this);
        (record.Hooks ??= []).Add(hook);
        return new HookHandle(record, hook);
    }

    /// <summary>Backpropagates from this tensor into the <see cref="Grad"/> of every leaf it depends on.</summary>
    /// <param name="cotangent">∂loss/∂this; may be left out for a one-element tensor (then 1).</param>
    /// <param name="retainGraph">Keep what the graph saved for another pass; default: as <paramref name="createGraph"/>.</param>
    /// <param name="createGraph">Record the pass itself, so that gradients can be differentiated again.</param>
    public void Backward(Tensor? cotangent = null, bool? retainGraph = null, bool createGraph = false) =>
        BackwardPass.Run([this], [cotangent], retainGraph ?? createGraph, createGraph);

    /// <summary>Stops recording on this thread until the result is disposed: <c>using (Tensor.NoGrad()) …</c></summary>
    public static GradMode.Region NoGrad() => GradMode.Off();

    private sealed class HookHandle(GradientRecord record, Func<Tensor, Tensor?> hook) : IDisposable
    {
        public void Dispose() => record.Hooks?.Remove(hook);
    }
}
