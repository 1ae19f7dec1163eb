using Edifice.Engine;
using Edifice.Engine.Serialization;

namespace Edifice.Nn;

/// <summary>Where state is loaded from: what there is, and how to get it.</summary>
internal interface IStateSource
{
    /// <summary>The names.</summary>
    IReadOnlyCollection<string> Names { get; }

    /// <summary>Dtype (null: one that cannot be read) and shape of a tensor.</summary>
    (DType? DType, Shape Shape) Describe(string name);

    /// <summary>The tensor, as an object of the caller's.</summary>
    Tensor Read(string name);
}

/// <summary>Tensors in memory.</summary>
internal sealed class TensorsByName(IReadOnlyDictionary<string, Tensor> tensors) : IStateSource
{
    public IReadOnlyCollection<string> Names { get; } = [.. tensors.Keys];

    public (DType? DType, Shape Shape) Describe(string name) => (tensors[name].DType, tensors[name].Shape);

    public Tensor Read(string name) => tensors[name].Detach();
}

/// <summary>The tensors of a file whose names begin with a prefix, without it.</summary>
internal sealed class TensorsOfFile(SafetensorsFile file, string prefix = "") : IStateSource
{
    public IReadOnlyCollection<string> Names { get; } =
        [.. file.Tensors.Keys.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Select(n => n[prefix.Length..])];

    public (DType? DType, Shape Shape) Describe(string name) => (file.Tensors[prefix + name].DType, file.Tensors[prefix + name].Shape);

    public Tensor Read(string name) => file.Read(prefix + name);
}
