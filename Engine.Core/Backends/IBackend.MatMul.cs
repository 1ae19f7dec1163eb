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
    /// <summary>y[…, m, n] = a[…, m, k] b[…, k, n] for f32/f64. a and b have y's leading axes (already expanded) and any
    /// strides, transposed views included, without copies; y has unit stride on its last axis and any others. k = 0
    /// gives zeros. Sums over k run in a fixed order per element that does not depend on m, n, the batch or the number of
    /// threads.</summary>
    void MatMul(Tensor a, Tensor b, Tensor y, in Epilogue epilogue);
}
