using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>A depthwise causal convolution over time, channels last: out[t] = bias + Σ_j weight[:, j] x[t + j - (K-1)].</summary>
/// <remarks>Parameters: <c>weight</c> [C, K], tap K - 1 for the present input; <c>bias</c> [C]. The state of a stream is the
/// last K - 1 inputs [B, K-1, C], oldest first; pieces of any lengths give the outputs of one pass.</remarks>
public sealed class CausalConv1d : Module
{
    /// <summary>Creates the convolution.</summary>
    /// <param name="channels">C, at least 1.</param>
    /// <param name="kernelSize">K, at least 1.</param>
    /// <param name="bias">With a bias.</param>
    /// <param name="init">How it begins (fan_in is K); null: <see cref="LinearInit.FanInUniform"/>.</param>
    /// <param name="options">Dtype, device and random stream.</param>
    public CausalConv1d(int channels, int kernelSize, bool bias = true, LinearInit? init = null, ParameterOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(kernelSize, 1);
        init ??= LinearInit.FanInUniform;
        var fans = new Fans(kernelSize, kernelSize);
        Weight = Register("weight", init.Weight.Create([channels, kernelSize], options, fans));
        if (bias) Bias = Register("bias", init.Bias.Create([channels], options, fans));
    }

    /// <summary>[C, K].</summary>
    public Parameter Weight { get; }

    /// <summary>[C], or null.</summary>
    public Parameter? Bias { get; }

    /// <summary>The state before the first input: zeros.</summary>
    public Tensor InitialState(int batch) => Tensor.Zeros([batch, Weight.Shape[1] - 1, Weight.Shape[0]], Weight.DType, Weight.Device);

    /// <summary>A whole sequence from its beginning.</summary>
    /// <param name="x">[B, L, C].</param>
    /// <returns>[B, L, C].</returns>
    public Tensor Forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.CausalConv1d(Weight, Bias).Output;
    }

    /// <summary>A piece of a stream, of any length.</summary>
    /// <param name="x">[B, L, C].</param>
    /// <param name="state">What the piece before gave.</param>
    /// <param name="reset">bool [B, L]: true where a new segment begins; null: nowhere.</param>
    /// <returns>[B, L, C] and the state for the next piece.</returns>
    public (Tensor Output, Tensor State) Forward(Tensor x, Tensor state, Tensor? reset = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(state);
        return x.CausalConv1d(Weight, Bias, state, reset);
    }

    /// <summary>One position of a stream.</summary>
    /// <param name="x">[B, C].</param>
    /// <param name="state">What the position before gave.</param>
    /// <returns>[B, C] and the state for the next position.</returns>
    public (Tensor Output, Tensor State) Step(Tensor x, Tensor state)
    {
        ArgumentNullException.ThrowIfNull(x);
        var (output, next) = Forward(x.Unsqueeze(1), state);
        return (output.Squeeze(1), next);
    }
}
