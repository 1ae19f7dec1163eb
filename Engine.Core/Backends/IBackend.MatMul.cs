namespace Edifice.Engine.Backends;

/// <summary>A function applied to the result of a matrix product while it is still in registers.</summary>
public enum Activation
{
    /// <summary>Nothing.</summary>
    None,
    /// <summary>max(x, 0).</summary>
    Relu,
    /// <summary>Exact GELU.</summary>
    Gelu,
    /// <summary>GELU by tanh.</summary>
    GeluTanh,
    /// <summary>x σ(x).</summary>
    Silu,
    /// <summary>Logistic function.</summary>
    Sigmoid,
    /// <summary>tanh x.</summary>
    Tanh,
}

/// <summary>What follows a matrix product: y = act(a b + bias), or y += a b.</summary>
/// <param name="Bias">[n], added to every row; null: none.</param>
/// <param name="Activation">Applied last.</param>
/// <param name="PreActivation">Receives a b + bias when the backward pass needs it; null: not kept.</param>
/// <param name="Accumulate">Adds to what y holds (without bias and activation).</param>
public readonly record struct Epilogue(
    Tensor? Bias = null, Activation Activation = Activation.None, Tensor? PreActivation = null, bool Accumulate = false);

public partial interface IBackend
{
    /// <summary>y[…, m, n] = a[…, m, k] b[…, k, n]. a and b have y's leading axes (already expanded) and any
    /// strides, transposed views included; y has unit stride on its last axis and any others. k = 0
    /// gives zeros. Sums over k run in a fixed order per element that does not depend on m, n, the batch or the number of
    /// threads.</summary>
    /// <remarks>
    /// <para>All three are float32, or all three float64; such operands are read in place, without copies.</para>
    /// <para>Or a and b are both bfloat16 or both float16, and y is float32 or of their dtype. Products of their elements and
    /// sums are float32 then, and a narrow y is rounded once, at the end: beyond its range to an infinity, NaN stays NaN. A
    /// float32 y takes every epilogue, with its tensors in float32; a narrow y takes none. bfloat16 is refused by cards before
    /// sm_80.</para>
    /// </remarks>
    /// <exception cref="TensorException">Other dtypes, or a device without products of these.</exception>
    void MatMul(Tensor a, Tensor b, Tensor y, in Epilogue epilogue);
}
