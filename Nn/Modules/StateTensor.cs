using System.Diagnostics.CodeAnalysis;
using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>A tensor that a module owns and its state dict names. The object stays while its tensor may be exchanged
/// (another dtype, another device), so that optimizers and averages can hold on to it.</summary>
public abstract class StateTensor
{
    private Tensor _own;

    private protected StateTensor(Tensor value) => _own = Own(value);

    /// <summary>The tensor in use now: contiguous, with memory of its own, in no scope (unless
    /// <see cref="Module.Substitute"/> put another in its place).</summary>
    public Tensor Value => Substitute ?? _own;

    /// <summary>What stands in for the module's own tensor.</summary>
    internal Tensor? Substitute { get; set; }

    /// <summary>The extents.</summary>
    public Shape Shape => Value.Shape;

    /// <summary>The element type.</summary>
    public DType DType => Value.DType;

    /// <summary>Where the elements live.</summary>
    public Device Device => Value.Device;

    /// <summary>The number of elements.</summary>
    public long Count => Value.Count;

    /// <summary>The tensor, so that a parameter can be handed to any operation.</summary>
    [return: NotNullIfNotNull(nameof(state))]
    public static implicit operator Tensor?(StateTensor? state) => state?.Value;

    /// <summary>Copies elements into the tensor in place; floating dtypes are converted, other devices read.</summary>
    /// <exception cref="TensorException">Another shape, or a conversion between floating point and integers.</exception>
    public void Set(Tensor source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Shape != Shape) throw TensorException.For("Set", "the new values must have the old shape", Value, source);
        if (!Converts(source.DType, DType)) throw TensorException.For("Set", "floating point and other dtypes are not mixed: convert with .To(…)", Value, source);
        using var off = Tensor.NoGrad();
        Value.CopyFrom(source);
    }

    /// <summary>Exchanges the tensor for its conversion.</summary>
    internal void Convert(DType dtype, Device device)
    {
        if (dtype == DType && device == Device) return;
        using (TensorScope.Suspend())
        using (Tensor.NoGrad())
        {
            Replace(Value.To(dtype).To(device));
        }
    }

    /// <summary>True when elements of one dtype may be loaded into another.</summary>
    internal static bool Converts(DType from, DType to) => from == to || (from.IsFloating() && to.IsFloating());

    private protected virtual void Replace(Tensor value) => _own = Own(value);

    private static Tensor Own(Tensor value)
    {
        ArgumentNullException.ThrowIfNull(value);
        using var scope = TensorScope.Suspend();
        using var off = Tensor.NoGrad();
        // A view would let somebody else write into the state, and optimizers walk memory in a straight line.
        if (value.NeedsGradient || !value.IsContiguous || !value.Storage.IsUnique) return value.Clone();
        value.Owner = null;
        return value;
    }
}

/// <summary>A tensor that training changes.</summary>
public sealed class Parameter : StateTensor
{
    private bool _requiresGrad = true;

    /// <summary>Takes over a tensor (copies it when it is a view or on the tape) and makes it collect gradients.</summary>
    /// <exception cref="TensorException">Not floating point.</exception>
    public Parameter(Tensor value) : base(value) => Value.RequiresGrad();

    /// <summary>False for a frozen parameter: no gradient reaches it, and optimizers leave it alone.</summary>
    public bool RequiresGrad
    {
        get => _requiresGrad;
        set
        {
            _requiresGrad = value;
            Value.RequiresGrad(value);
        }
    }

    /// <summary>The gradient accumulated so far, or null.</summary>
    public Tensor? Grad => Value.Grad;

    /// <summary>Forgets the gradient and returns its memory; <see cref="Tensor.Clone"/> it first to keep it. A gradient
    /// that is itself on the tape (made with <c>createGraph</c>) is only let go of.</summary>
    public void ZeroGrad()
    {
        if (Value.Grad is not { } gradient) return;
        Value.Grad = null;
        if (!gradient.NeedsGradient) gradient.Dispose();
    }

    private protected override void Replace(Tensor value)
    {
        base.Replace(value);
        Value.RequiresGrad(_requiresGrad);
    }
}

/// <summary>A tensor that belongs to a module but is not trained: a fixed projection, a running statistic.</summary>
public sealed class StateBuffer : StateTensor
{
    internal StateBuffer(Tensor value, bool persistent) : base(value) => IsPersistent = persistent;

    /// <summary>True when the state dict holds it.</summary>
    public bool IsPersistent { get; }
}
