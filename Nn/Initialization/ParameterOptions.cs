using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>How the tensors of new modules are made; handed down from a model to its layers.</summary>
public sealed record ParameterOptions
{
    /// <summary>Float32, on the CPU, drawn from the thread's random stream.</summary>
    public static ParameterOptions Default { get; } = new();

    /// <summary>The element type.</summary>
    public DType DType { get; init; } = DType.Float32;

    /// <summary>Where the elements live; null: the CPU.</summary>
    public Device? Device { get; init; }

    /// <summary>Where initial values are drawn from; null: <see cref="Generator.Current"/>. The same state of the stream
    /// gives the same model.</summary>
    public Generator? Generator { get; init; }

    /// <summary>Initializers draw nothing and leave 0: for a model whose state is loaded next. Drawing takes long for large models,
    /// orthogonal matrices most of all.</summary>
    public bool SkipInit { get; init; }

    /// <summary>Zeros with these options.</summary>
    public Tensor Zeros(Shape shape) => Tensor.Zeros(shape, DType, Device);

    /// <summary>Ones with these options.</summary>
    public Tensor Ones(Shape shape) => Tensor.Ones(shape, DType, Device);
}
