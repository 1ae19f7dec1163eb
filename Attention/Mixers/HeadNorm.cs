using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>The norm of one head's output on its own channels, shared by all heads.</summary>
internal static class HeadNorm
{
    /// <summary>RMS or layer norm over dv channels; <paramref name="affine"/>: with a learned weight (and bias for layer).</summary>
    public static Norm Create(NormKind kind, int width, double eps, bool affine, ParameterOptions? parameters) => kind == NormKind.Rms
        ? new RmsNorm(width, eps, affine, parameters)
        : new LayerNorm(width, eps, affine, bias: affine, parameters);
}
