namespace Edifice.Nn;

/// <summary>How the weight and the bias of a linear map begin; each receives the weight's fans.</summary>
public sealed record LinearInit(Initializer Weight, Initializer Bias)
{
    /// <summary>Weight and bias uniform in ±1/√fan_in.</summary>
    public static LinearInit FanInUniform { get; } = new(Initializer.FanInUniform, Initializer.FanInUniform);

    /// <summary>Weight Xavier-uniform, bias 0.</summary>
    public static LinearInit Xavier { get; } = WithZeroBias(Initializer.XavierUniform());

    /// <summary>Weight by a rule, bias 0.</summary>
    public static LinearInit WithZeroBias(Initializer weight) => new(weight, Initializer.Zeros);

    /// <summary>Weight normal, bias 0.</summary>
    public static LinearInit Normal(double std) => WithZeroBias(Initializer.Normal(std));
}
