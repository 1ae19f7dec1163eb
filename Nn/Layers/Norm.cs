using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>A norm over the last axis: <see cref="LayerNorm"/> or <see cref="RmsNorm"/>.</summary>
public abstract class Norm : Module
{
    private protected Norm() { }

    /// <summary>Makes a norm by its name in options.</summary>
    /// <param name="kind"><c>layer</c> or <c>rms</c>.</param>
    /// <param name="width">The width of the last axis.</param>
    /// <param name="eps">Null: the kind's default, 1e-5 or 1e-6.</param>
    /// <param name="options">Dtype and device.</param>
    /// <exception cref="TensorException">Another name.</exception>
    public static Norm Create(string kind, int width, double? eps = null, ParameterOptions? options = null) => kind switch
    {
        "layer" => new LayerNorm(width, eps ?? LayerNorm.DefaultEps, options: options),
        "rms" => new RmsNorm(width, eps ?? RmsNorm.DefaultEps, options: options),
        _ => throw new TensorException($"norm: unknown kind '{kind}': layer or rms"),
    };

    /// <summary>Normalises every row.</summary>
    /// <param name="x">[…, width].</param>
    public abstract Tensor Forward(Tensor x);

    private protected static double CheckEps(double eps) =>
        eps > 0 && double.IsFinite(eps) ? eps : throw new TensorException($"norm: eps must be finite and above 0, got {eps}");
}

/// <summary>(x - μ) / √(var + eps) · weight + bias (Ba et al. 2016).</summary>
/// <remarks>Parameters: <c>weight</c> and <c>bias</c> [width], 1 and 0 at first.</remarks>
public sealed class LayerNorm : Norm
{
    /// <summary>eps where nothing else is said.</summary>
    public const double DefaultEps = 1e-5;

    /// <summary>Creates the norm.</summary>
    /// <param name="width">Width of the last axis, at least 1.</param>
    /// <param name="eps">Added to the variance, above 0.</param>
    /// <param name="affine">With weight and bias.</param>
    /// <param name="bias">With a bias beside the weight.</param>
    /// <param name="options">Dtype and device.</param>
    public LayerNorm(int width, double eps = DefaultEps, bool affine = true, bool bias = true, ParameterOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        Eps = CheckEps(eps);
        if (!affine) return;
        options ??= ParameterOptions.Default;
        Weight = Register("weight", options.Ones([width]));
        if (bias) Bias = Register("bias", options.Zeros([width]));
    }

    /// <summary>[width], or null.</summary>
    public Parameter? Weight { get; }

    /// <summary>[width], or null.</summary>
    public Parameter? Bias { get; }

    /// <summary>Added to the variance.</summary>
    public double Eps { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.LayerNorm(Weight, Bias, Eps);
    }
}

/// <summary>x / √(mean x² + eps) · weight (Zhang and Sennrich 2019).</summary>
/// <remarks>Parameter: <c>weight</c> [width], 1 at first.</remarks>
public sealed class RmsNorm : Norm
{
    /// <summary>eps where nothing else is said.</summary>
    public const double DefaultEps = 1e-6;

    /// <summary>Creates the norm.</summary>
    /// <param name="width">Width of the last axis, at least 1.</param>
    /// <param name="eps">Added to the mean square, above 0.</param>
    /// <param name="affine">With a weight.</param>
    /// <param name="options">Dtype and device.</param>
    public RmsNorm(int width, double eps = DefaultEps, bool affine = true, ParameterOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        Eps = CheckEps(eps);
        if (affine) Weight = Register("weight", (options ?? ParameterOptions.Default).Ones([width]));
    }

    /// <summary>[width], or null.</summary>
    public Parameter? Weight { get; }

    /// <summary>Added to the mean square.</summary>
    public double Eps { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.RmsNorm(Weight, Eps);
    }
}
