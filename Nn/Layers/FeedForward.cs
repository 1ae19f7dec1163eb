using Edifice.Engine;
using Edifice.Engine.Backends;

namespace Edifice.Nn;

/// <summary>The position-wise network of a block: <see cref="MlpFeedForward"/> or <see cref="GatedFeedForward"/>.</summary>
public abstract class FeedForward : Module
{
    private protected FeedForward() { }

    /// <summary>Makes a feed-forward by its name in options, with the activation and biases that name stands for.</summary>
    /// <param name="kind"><c>mlp</c> (exact GELU, biases) or <c>gated</c> (SiLU, no biases).</param>
    /// <param name="width">H.</param>
    /// <param name="inner">I.</param>
    /// <param name="init">How its maps begin.</param>
    /// <param name="options">Dtype, device and random stream.</param>
    /// <exception cref="TensorException">Another name, or a width below 1.</exception>
    public static FeedForward Create(string kind, int width, int inner, LinearInit? init = null, ParameterOptions? options = null) => kind switch
    {
        "mlp" => new MlpFeedForward(width, inner, init: init, options: options),
        "gated" => new GatedFeedForward(width, inner, init: init, options: options),
        _ => throw new TensorException($"ffn: unknown kind '{kind}': mlp or gated"),
    };

    /// <summary>Applies the network to every position.</summary>
    /// <param name="x">[…, H].</param>
    /// <returns>[…, H].</returns>
    public abstract Tensor Forward(Tensor x);

    private protected static void CheckWidths(int width, int inner)
    {
        if (width < 1 || inner < 1) throw new TensorException($"ffn: widths must be at least 1, got {width} and inner {inner}");
    }
}

/// <summary>down(act(up(x))) (Vaswani et al. 2017, section 3.3).</summary>
/// <remarks>Parameters: <c>up.weight</c> [I, H], <c>up.bias</c> [I], <c>down.weight</c> [H, I], <c>down.bias</c> [H].</remarks>
public sealed class MlpFeedForward : FeedForward
{
    /// <summary>Creates the network.</summary>
    /// <param name="width">H, at least 1.</param>
    /// <param name="inner">I, at least 1.</param>
    /// <param name="activation">Between the maps.</param>
    /// <param name="bias">With biases.</param>
    /// <param name="init">How <c>up</c> begins.</param>
    /// <param name="downInit">How <c>down</c> begins; null: as <paramref name="init"/>.</param>
    /// <param name="options">Dtype, device and random stream.</param>
    /// <exception cref="TensorException">A width below 1.</exception>
    public MlpFeedForward(
        int width, int inner, Activation activation = Activation.Gelu, bool bias = true,
        LinearInit? init = null, LinearInit? downInit = null, ParameterOptions? options = null)
    {
        CheckWidths(width, inner);
        Up = Register("up", new Linear(width, inner, bias, activation, init, options));
        Down = Register("down", new Linear(inner, width, bias, Activation.None, downInit ?? init, options));
    }

    /// <summary>H to I, with the activation.</summary>
    public Linear Up { get; }

    /// <summary>I to H.</summary>
    public Linear Down { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x) => Down.Forward(Up.Forward(x));
}

/// <summary>down(act(gate(x)) ⊙ up(x)) (Shazeer 2020), the product in one pass.</summary>
/// <remarks>Parameters: <c>gate.weight</c>, <c>up.weight</c> [I, H], <c>down.weight</c> [H, I]; with biases also
/// <c>gate.bias</c>, <c>up.bias</c> [I] and <c>down.bias</c> [H].</remarks>
public sealed class GatedFeedForward : FeedForward
{
    private readonly Activation _activation;

    /// <summary>Creates the network.</summary>
    /// <param name="width">H, at least 1.</param>
    /// <param name="inner">I, at least 1.</param>
    /// <param name="activation">Of the gate.</param>
    /// <param name="bias">With biases.</param>
    /// <param name="init">How <c>gate</c> and <c>up</c> begin.</param>
    /// <param name="downInit">How <c>down</c> begins; null: as <paramref name="init"/>.</param>
    /// <param name="options">Dtype, device and random stream.</param>
    /// <exception cref="TensorException">A width below 1.</exception>
    public GatedFeedForward(
        int width, int inner, Activation activation = Activation.Silu, bool bias = false,
        LinearInit? init = null, LinearInit? downInit = null, ParameterOptions? options = null)
    {
        CheckWidths(width, inner);
        _activation = activation;
        Gate = Register("gate", new Linear(width, inner, bias, Activation.None, init, options));
        Up = Register("up", new Linear(width, inner, bias, Activation.None, init, options));
        Down = Register("down", new Linear(inner, width, bias, Activation.None, downInit ?? init, options));
    }

    /// <summary>H to I: what opens the gate.</summary>
    public Linear Gate { get; }

    /// <summary>H to I: what passes it.</summary>
    public Linear Up { get; }

    /// <summary>I to H.</summary>
    public Linear Down { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x) => Down.Forward(Tensor.Gated(_activation, Gate.Forward(x), Up.Forward(x)));
}
