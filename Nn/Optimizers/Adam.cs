using System.Text.Json;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Nn;

/// <summary>What <see cref="Adam"/> and <see cref="AdamW"/> share: two moments of the gradient with bias correction.</summary>
/// <remarks>
/// (A): m = β₁ m + (1 - β₁) g; v = β₂ v + (1 - β₂) g²; AMSGrad: top = max(top, v) takes the place of v below;
/// θ -= γ (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + eps), eps outside the root and after the correction. Kingma and Ba 2015,
/// algorithm 1; Reddi et al. 2018.
/// </remarks>
public abstract record AdaptiveMoments : UpdateRule
{
    private protected AdaptiveMoments() : base(1e-3) { }

    /// <summary>β₁ in [0, 1).</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>β₂ in [0, 1).</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Keeps the quotient finite; at least 0.</summary>
    public double Eps { get; init; } = 1e-8;

    /// <summary>Divides by the largest second moment so far.</summary>
    public bool AmsGrad { get; init; }

    internal override (string?, string?, string?) States => ("m", "v", AmsGrad ? "v_max" : null);

    internal override OptimizerSettings At(long step) => new(LearningRate, WeightDecay, Beta1, Beta2, Eps, 0, 0, false, step);

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        BelowOne(Beta1);
        BelowOne(Beta2);
        NotNegative(Eps);
    }

    private protected static T Read<T>(T defaults, OptionBag o) where T : AdaptiveMoments
    {
        var (beta1, beta2) = ReadBetas(o, defaults.Beta1, defaults.Beta2);
        return (T)(defaults with
        {
            LearningRate = o.Double("lr", defaults.LearningRate),
            Beta1 = beta1,
            Beta2 = beta2,
            Eps = o.Double("eps", defaults.Eps),
            WeightDecay = o.Double("weight_decay", defaults.WeightDecay),
            AmsGrad = o.Bool("amsgrad", defaults.AmsGrad),
        });
    }

    private protected override void Write(Utf8JsonWriter json)
    {
        WriteBetas(json, Beta1, Beta2);
        json.WriteNumber("eps", Eps);
        json.WriteBoolean("amsgrad", AmsGrad);
    }
}

/// <summary>Adam; weight decay is added to the gradient (g += λθ before (A) of <see cref="AdaptiveMoments"/>), so that it
/// enters both moments.</summary>
public sealed record Adam : AdaptiveMoments
{
    /// <inheritdoc/>
    public override string Name => "adam";

    internal override OptimizerKernel Kernel => OptimizerKernel.Adam;

    internal static Adam Read(OptionBag options) => Read(new Adam(), options);
}

/// <summary>Adam with decoupled weight decay: θ -= γ λ θ, then (A) of <see cref="AdaptiveMoments"/> with the bare gradient
/// (Loshchilov and Hutter 2019).</summary>
public sealed record AdamW : AdaptiveMoments
{
    /// <summary>The rule with its usual decay of 0.01.</summary>
    public AdamW() => WeightDecay = 0.01;

    /// <inheritdoc/>
    public override string Name => "adamw";

    internal override OptimizerKernel Kernel => OptimizerKernel.AdamW;

    internal static AdamW Read(OptionBag options) => Read(new AdamW(), options);
}
