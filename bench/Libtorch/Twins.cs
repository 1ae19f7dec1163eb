using Edifice.Engine;
using static TorchSharp.torch;
using Tensor = Edifice.Engine.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Data of this engine for libtorch.</summary>
internal static class Twins
{
    /// <summary>A shape as libtorch has it.</summary>
    public static long[] Sizes(Shape shape) => Array.ConvertAll(shape.AsSpan().ToArray(), n => (long)n);

    /// <summary>The same values as a tensor of libtorch's.</summary>
    public static TorchSharp.torch.Tensor Twin(this Tensor t)
    {
        var shape = Sizes(t.Shape);
        using var scope = Tensor.Scope();
        var row = t.Detach().Contiguous();
        return t.DType switch
        {
            DType.Float32 => tensor(row.ToArray<float>(), shape),
            DType.Float64 => tensor(row.ToArray<double>(), shape),
            DType.Int64 => tensor(row.ToArray<long>(), shape),
            _ => throw new NotSupportedException($"no twin for {t.DType}"),
        };
    }
}
