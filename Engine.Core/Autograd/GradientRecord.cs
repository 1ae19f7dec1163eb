namespace Edifice.Engine.Autograd;

/// <summary>What the tape knows of one tensor: the node that made it, or, for a leaf, its accumulated gradient. Views
/// made by <c>Detach</c> have none; saved copies of a tensor share it.</summary>
internal sealed class GradientRecord
{
    /// <summary>The node whose output this is; null for a leaf.</summary>
    public Node? Node;

    /// <summary>Which output of <see cref="Node"/>.</summary>
    public int Output;

    /// <summary>The accumulated gradient of a leaf, or of an inner tensor that retains it.</summary>
    public Tensor? Gradient;

    /// <summary>Keep the gradient of an inner tensor.</summary>
    public bool RetainsGradient;

    /// <summary>Called with the complete cotangent; a non-null result replaces it.</summary>
    public List<Func<Tensor, Tensor?>>? Hooks;

    /// <summary>Layout of the tensor, whose shape every cotangent must have.</summary>
    public required Layout Layout;

    /// <summary>The dtype of every cotangent: the tensor's, but Float32 for the narrow copies of <see cref="MixedPrecision"/>.</summary>
    public required DType DType;

    /// <summary>The tensor's device.</summary>
    public required Device Device;

    /// <summary>True for tensors no op made: parameters and inputs.</summary>
    public bool IsLeaf => Node is null;
}
