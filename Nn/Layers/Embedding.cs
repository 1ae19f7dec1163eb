using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>A table of vectors, looked up by whole numbers.</summary>
/// <remarks>Parameter: <c>weight</c> [V, D].</remarks>
public sealed class Embedding : Module
{
    /// <summary>Creates the table.</summary>
    /// <param name="entries">V, at least 1.</param>
    /// <param name="width">D, at least 1.</param>
    /// <param name="paddingIndex">A row that begins at 0 and gets no gradient.</param>
    /// <param name="init">How the rows begin; null: standard normal.</param>
    /// <param name="options">Dtype, device and random stream.</param>
    public Embedding(int entries, int width, int? paddingIndex = null, Initializer? init = null, ParameterOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(entries, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (paddingIndex is { } p && (uint)p >= (uint)entries)
            throw new TensorException($"embedding: padding index {p} is outside [0, {entries})");
        PaddingIndex = paddingIndex;
        Weight = Register("weight", (init ?? Initializer.Normal(1)).Create([entries, width], options));
        if (paddingIndex is not { } row) return;
        using var off = Tensor.NoGrad();
        using var padding = Weight.Value.Select(0, row);
        padding.FillInPlace(0);
    }

    /// <summary>[V, D].</summary>
    public Parameter Weight { get; }

    /// <summary>The row without a gradient, if any.</summary>
    public int? PaddingIndex { get; }

    /// <summary>The rows of <paramref name="index"/>: its shape with a last axis of D.</summary>
    /// <param name="index">Int64 or Int32, in [0, V).</param>
    public Tensor Forward(Tensor index) => Tensor.Embedding(Weight, index, PaddingIndex);
}
