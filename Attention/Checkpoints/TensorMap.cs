using Edifice.Engine;

namespace Edifice.Attention.Checkpoints;

/// <summary>How a published tensor and one of ours hold the same numbers: a map that goes both ways.</summary>
internal sealed class TensorMap
{
    private readonly Func<Shape, Shape> _shape;
    private readonly Func<Tensor, Tensor> _toOurs, _toPublished;

    private TensorMap(string description, Func<Shape, Shape> shape, Func<Tensor, Tensor> toOurs, Func<Tensor, Tensor> toPublished, bool isExact = true)
    {
        Description = description;
        IsExact = isExact;
        (_shape, _toOurs, _toPublished) = (shape, toOurs, toPublished);
    }

    /// <summary>As it is.</summary>
    public static TensorMap Same { get; } = new("", s => s, t => t, t => t);

    /// <summary>A matrix stored the other way round.</summary>
    public static TensorMap Transposed { get; } = new("transposed", s => [s[1], s[0]], t => t.Transpose(0, 1), t => t.Transpose(0, 1));

    /// <summary>Published [1, 1, n] for our [n].</summary>
    public static TensorMap LeadingOnes { get; } = new("flattened", s => [s[2]], t => t.Flatten(0, 2), t => t.Unflatten(0, 1, 1, -1));

    /// <summary>Published [n, 1, k] for our [n, k]: a depthwise kernel.</summary>
    public static TensorMap MiddleOne { get; } = new("axis 1 dropped", s => [s[0], s[2]], t => t.Squeeze(1), t => t.Unsqueeze(1));

    /// <summary>Published is what ours exceeds 1 by.</summary>
    public static TensorMap PlusOne { get; } = new("1 added", s => s, t => t + 1, t => t - 1, isExact: false);

    /// <summary>What is done to the published tensor, in words; empty: nothing.</summary>
    public string Description { get; }

    /// <summary>True when only places change. Otherwise elements are computed in float64 and rounded once.</summary>
    public bool IsExact { get; }

    /// <summary>Our shape for a published one.</summary>
    public Shape ToOurs(Shape published) => _shape(published);

    /// <summary>Our tensor for a published one.</summary>
    public Tensor ToOurs(Tensor published) => _toOurs(IsExact ? published : published.To(DType.Float64));

    /// <summary>The published tensor for one of ours.</summary>
    public Tensor ToPublished(Tensor ours) => _toPublished(IsExact ? ours : ours.To(DType.Float64));
}
