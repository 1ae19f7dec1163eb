using Edifice.Engine.Backends;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>The norm that stands before sublayers and at the end of a block.</summary>
public enum NormKind
{
    /// <summary>Layer norm: weight and bias, eps 1e-5.</summary>
    Layer,

    /// <summary>RMS norm: weight, eps 1e-6.</summary>
    Rms,
}

/// <summary>The position-wise network of a layer.</summary>
public enum FeedForwardKind
{
    /// <summary>down(act(up(x))), with biases.</summary>
    Mlp,

    /// <summary>down(act(gate(x)) ⊙ up(x)), without biases.</summary>
    Gated,
}

/// <summary>Words of options that several blocks have, and what they stand for.</summary>
internal static class Choices
{
    public static readonly (string, NormKind)[] Norms = [("layer", NormKind.Layer), ("rms", NormKind.Rms)];

    public static readonly (string, FeedForwardKind)[] FeedForwards = [("mlp", FeedForwardKind.Mlp), ("gated", FeedForwardKind.Gated)];

    /// <summary>A norm over the last axis.</summary>
    public static Norm Create(this NormKind kind, int width, ParameterOptions? parameters, double? eps = null) => kind == NormKind.Layer
        ? new LayerNorm(width, eps ?? LayerNorm.DefaultEps, options: parameters)
        : new RmsNorm(width, eps ?? RmsNorm.DefaultEps, options: parameters);

    /// <summary>A feed-forward with its usual biases and, unless another is given, activation: exact GELU or SiLU.</summary>
    public static FeedForward Create(
        this FeedForwardKind kind, int width, int inner, LinearInit init, ParameterOptions? parameters, Activation? activation = null) => kind == FeedForwardKind.Mlp
        ? new MlpFeedForward(width, inner, activation ?? Activation.Gelu, init: init, options: parameters)
        : new GatedFeedForward(width, inner, activation ?? Activation.Silu, init: init, options: parameters);

    /// <summary>floor(multiple · H + 1/2): the inner width where a page gives no other rule. 0 for what is no width.</summary>
    public static int InnerWidth(double multiple, int hiddenSize)
    {
        var width = Math.Floor(multiple * hiddenSize + 0.5);
        return width is >= 1 and <= int.MaxValue ? (int)width : 0;
    }
}
