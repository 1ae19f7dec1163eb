using System.Text.Json;
using Edifice.Engine;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Nn;

/// <summary>Gradient descent, with momentum if wanted.</summary>
/// <remarks>
/// g += λθ; with momentum μ: b = g at t = 1, later b = μ b + (1 - τ) g; θ -= γ u with u = g + μ b (Nesterov), b (momentum) or
/// g. Polyak 1964; Nesterov's form as in Sutskever et al. 2013.
/// </remarks>
public sealed record Sgd() : UpdateRule(1e-3)
{
    /// <summary>μ, at least 0; 0: no momentum, no state.</summary>
    public double Momentum { get; init; }

    /// <summary>τ: the share of a gradient that the momentum buffer does not take.</summary>
    public double Dampening { get; init; }

    /// <summary>Steps along g + μ b.</summary>
    public bool Nesterov { get; init; }

    /// <inheritdoc/>
    public override string Name => "sgd";

    internal override OptimizerKernel Kernel => OptimizerKernel.Sgd;

    internal override (string?, string?, string?) States => (Momentum != 0 ? "momentum" : null, null, null);

    internal override OptimizerSettings At(long step) => new(LearningRate, WeightDecay, 0, 0, 0, Momentum, Dampening, Nesterov, step);

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        NotNegative(Momentum);
        if (!double.IsFinite(Dampening)) throw new TensorException($"{Name}: Dampening must be finite, got {Dampening}");
        if (Nesterov && (Momentum == 0 || Dampening != 0))
            throw new TensorException($"{Name}: Nesterov needs a momentum and no dampening, got momentum {Momentum} and dampening {Dampening}");
    }

    internal static Sgd Read(OptionBag o) => new()
    {
        LearningRate = o.Double("lr", 1e-3),
        Momentum = o.Double("momentum", 0),
        Dampening = o.Double("dampening", 0),
        Nesterov = o.Bool("nesterov", false),
        WeightDecay = o.Double("weight_decay", 0),
    };

    private protected override void Write(Utf8JsonWriter json)
    {
        json.WriteNumber("momentum", Momentum);
        json.WriteNumber("dampening", Dampening);
        json.WriteBoolean("nesterov", Nesterov);
    }
}
