namespace Edifice.Engine.Checking;

/// <summary>How much of a Jacobian a check looks at.</summary>
public enum GradCheckMode
{
    /// <summary><see cref="Full"/> while the Jacobian is small, <see cref="Fast"/> beyond.</summary>
    Auto,

    /// <summary>Every entry of the Jacobian: each output element by each input element.</summary>
    Full,

    /// <summary>One random cotangent for all outputs and one random direction per input: two evaluations per input.</summary>
    Fast,
}

/// <summary>What to check, how, and how exact it must be.</summary>
/// <remarks>
/// <para>Central differences with step h err by h²|f‴|/6 (truncation) and about ε|f|/h (rounding of the two values). Balanced,
/// h ~ ε^(1/3) and the error ~ ε^(2/3) ≈ 4e-11 of the function's scale. The default step is a little below that balance:
/// 1e-6 leaves 1e-13 f‴ of truncation, so that steep functions pass, at 2e-10 |f| of rounding.</para>
/// <para>An entry passes when |analytic - numeric| ≤ <see cref="AbsoluteTolerance"/> + <see cref="RelativeTolerance"/> · M + noise, with M
/// the largest entry of its block (one output by one input) and noise the rounding of the two evaluations,
/// <see cref="NoiseUnits"/> · ε · max|f| / h. The first two carry the truncation, the third grows with the values of the
/// function, which no gradient can foretell.</para>
/// </remarks>
public sealed record GradCheckOptions
{
    /// <summary>The function's name in reports.</summary>
    public string Function { get; init; } = "function";

    /// <summary>Names of the inputs in reports; default: <c>input 0</c>, <c>input 1</c>, ….</summary>
    public IReadOnlyList<string>? InputNames { get; init; }

    /// <summary>Inputs, by place, that are not varied. Inputs that are not floating point never are.</summary>
    public IReadOnlyList<int> Fixed { get; init; } = [];

    /// <summary>How much of the Jacobian to look at.</summary>
    public GradCheckMode Mode { get; init; }

    /// <summary>1: the gradient; 2: also the gradient of the gradient, by inputs and by cotangents.</summary>
    public int Order { get; init; } = 1;

    /// <summary>Runs the function inside <see cref="Autograd.Gradients.Checkpoint(Func{Tensor[]})"/>.</summary>
    public bool Checkpoint { get; init; }

    /// <summary>h for an element of size up to 1; larger elements take h·|x|.</summary>
    public double Step { get; init; } = 1e-6;

    /// <summary>Allowed difference whatever the gradient's size.</summary>
    public double AbsoluteTolerance { get; init; } = 1e-9;

    /// <summary>Allowed difference as a part of the largest entry of the same block.</summary>
    public double RelativeTolerance { get; init; } = 1e-7;

    /// <summary>How many roundings of the function's largest value the difference of two evaluations may carry: the error of a
    /// sum of some tens of terms.</summary>
    public double NoiseUnits { get; init; } = 8;

    /// <summary>Seed of the random cotangents and directions, and of what the function itself draws from the thread's stream.</summary>
    public ulong Seed { get; init; }

    internal string InputName(int i) => InputNames is { } names && i < names.Count ? names[i] : $"input {i}";
}
