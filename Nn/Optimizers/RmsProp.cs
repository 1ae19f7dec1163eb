using System.Text.Json;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Nn;

/// <summary>RMSprop: steps divided by a running root mean square of the gradient.</summary>
/// <remarks>
/// g += λθ; v = α v + (1 - α) g²; centered: a = α a + (1 - α) g and s = v - a², otherwise s = v; u = g / (√s + eps); with
/// momentum b = μ b + u, u = b; θ -= γ u. No bias correction. Tieleman and Hinton 2012; centered as in Graves 2013.
/// </remarks>
public sealed record RmsProp() : UpdateRule(1e-2)
{
    /// <summary>α in [0, 1): how long squares are remembered.</summary>
    public double Alpha { get; init; } = 0.99;

    /// <summary>Keeps the quotient finite; outside the root; at least 0.</summary>
    public double Eps { get; init; } = 1e-8;

    /// <summary>μ, at least 0.</summary>
    public double Momentum { get; init; }

    /// <summary>Subtracts the square of the mean gradient.</summary>
    public bool Centered { get; init; }

    /// <inheritdoc/>
    public override string Name => "rmsprop";

    internal override OptimizerKernel Kernel => OptimizerKernel.RmsProp;

    internal override (string?, string?, string?) States => ("v", Momentum > 0 ? "momentum" : null, Centered ? "mean_grad" : null);

    internal override OptimizerSettings At(long step) => new(LearningRate, WeightDecay, 0, Alpha, Eps, Momentum, 0, false, step);

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        BelowOne(Alpha);
        NotNegative(Eps);
        NotNegative(Momentum);
    }

    internal static RmsProp Read(OptionBag o) => new()
    {
        LearningRate = o.Double("lr", 1e-2),
        Alpha = o.Double("alpha", 0.99),
        Eps = o.Double("eps", 1e-8),
        WeightDecay = o.Double("weight_decay", 0),
        Momentum = o.Double("momentum", 0),
        Centered = o.Bool("centered", false),
    };

    private protected override void Write(Utf8JsonWriter json)
    {
        json.WriteNumber("alpha", Alpha);
        json.WriteNumber("eps", Eps);
        json.WriteNumber("momentum", Momentum);
        json.WriteBoolean("centered", Centered);
    }
}
