using System.Text.Json;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Nn;

/// <summary>Lion: the sign of an interpolated momentum.</summary>
/// <remarks>
/// c = β₁ m + (1 - β₁) g; θ -= γ (sign(c) + λ θ), sign(0) = 0; m = β₂ m + (1 - β₂) g. Chen et al. 2023, algorithm 2. Every
/// entry moves by γ, so the rate is usually three to ten times smaller than Adam's.
/// </remarks>
public sealed record Lion() : UpdateRule(1e-4)
{
    /// <summary>β₁ in [0, 1), for the direction.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>β₂ in [0, 1), for the momentum.</summary>
    public double Beta2 { get; init; } = 0.99;

    /// <inheritdoc/>
    public override string Name => "lion";

    internal override OptimizerKernel Kernel => OptimizerKernel.Lion;

    internal override (string?, string?, string?) States => ("m", null, null);

    internal override OptimizerSettings At(long step) => new(LearningRate, WeightDecay, Beta1, Beta2, 0, 0, 0, false, step);

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        BelowOne(Beta1);
        BelowOne(Beta2);
    }

    internal static Lion Read(OptionBag o)
    {
        var (beta1, beta2) = ReadBetas(o, 0.9, 0.99);
        return new() { LearningRate = o.Double("lr", 1e-4), Beta1 = beta1, Beta2 = beta2, WeightDecay = o.Double("weight_decay", 0) };
    }

    private protected override void Write(Utf8JsonWriter json) => WriteBetas(json, Beta1, Beta2);
}
