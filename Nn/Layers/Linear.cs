using Edifice.Engine;
using Edifice.Engine.Backends;

namespace Edifice.Nn;

/// <summary>act(x Wᵀ + b) over the last axis, in one product with a fused epilogue.</summary>
/// <remarks>Parameters: <c>weight</c> [out, in], <c>bias</c> [out].</remarks>
public sealed class Linear : Module
{
    /// <summary>Creates the map.</summary>
    /// <param name="inputs">Width of the last axis, at least 1.</param>
    /// <param name="outputs">Width of the result's last axis, at least 1.</param>
    /// <param name="bias">With a bias.</param>
    /// <param name="activation">Applied to the result.</param>
    /// <param name="init">How it begins; null: <see cref="LinearInit.FanInUniform"/>.</param>
    /// <param name="options">Dtype, device and random stream.</param>
    public Linear(
        int inputs, int outputs, bool bias = true, Activation activation = Activation.None, LinearInit? init = null, ParameterOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inputs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(outputs, 1);
        init ??= LinearInit.FanInUniform;
        var fans = new Fans(inputs, outputs);
        Activation = activation;
        Weight = Register("weight", init.Weight.Create([outputs, inputs], options, fans));
        if (bias) Bias = Register("bias", init.Bias.Create([outputs], options, fans));
    }

    /// <summary>W [out, in].</summary>
    public Parameter Weight { get; }

    /// <summary>b [out], or null.</summary>
    public Parameter? Bias { get; }

    /// <summary>What follows the product.</summary>
    public Activation Activation { get; }

    /// <summary>Applies the map.</summary>
    /// <param name="x">[…, in].</param>
    /// <returns>[…, out].</returns>
    /// <exception cref="TensorException">Another last axis, dtype or device.</exception>
    public Tensor Forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.Linear(Weight, Bias, Activation);
    }
}
