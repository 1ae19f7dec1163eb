using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>A layer norm over each group of neighbouring channels and all axes after them (Wu and He 2018), with weight and
/// bias per channel.</summary>
/// <remarks>Parameters: <c>weight</c> and <c>bias</c> [C], 1 and 0 at first.</remarks>
public sealed class GroupNorm : Module
{
    /// <summary>Creates the norm.</summary>
    /// <param name="groups">At least 1; divides the channels.</param>
    /// <param name="channels">C.</param>
    /// <param name="eps">Added to the variance, above 0.</param>
    /// <param name="affine">With weight and bias.</param>
    /// <param name="options">Dtype and device.</param>
    /// <exception cref="TensorException">The channels do not divide into the groups, or eps is not above 0.</exception>
    public GroupNorm(int groups, int channels, double eps = 1e-5, bool affine = true, ParameterOptions? options = null)
    {
        if (groups < 1 || channels < 1 || channels % groups != 0)
            throw new TensorException($"group_norm: {channels} channels do not divide into {groups} groups");
        if (!(eps > 0 && double.IsFinite(eps))) throw new TensorException($"group_norm: eps must be finite and above 0, got {eps}");
        Groups = groups;
        Eps = eps;
        if (!affine) return;
        options ??= ParameterOptions.Default;
        Weight = Register("weight", options.Ones([channels]));
        Bias = Register("bias", options.Zeros([channels]));
    }

    /// <summary>[C], or null.</summary>
    public Parameter? Weight { get; }

    /// <summary>[C], or null.</summary>
    public Parameter? Bias { get; }

    /// <summary>How many groups.</summary>
    public int Groups { get; }

    /// <summary>Added to the variance.</summary>
    public double Eps { get; }

    /// <summary>Normalises x [N, C, …].</summary>
    public Tensor Forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.GroupNorm(Groups, Weight, Bias, Eps);
    }
}
