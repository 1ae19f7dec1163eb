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
/// <para>What is differentiated is φ = Σ u_k f_k: one element of a result (u has a single 1), or all of them along a random
/// cotangent u. A central difference of computed values φ + δ errs by at most h²|φ‴|/6 (truncation) + |δ|/h (rounding of two values,
/// over a distance of 2h).</para>
/// <para>δ has two parts. Adding the u_k f_k errs by ε Σ|u_k f_k|, not ε|φ|: terms that cancel leave their roundings behind. And each
/// f_k carries the roundings of the terms inside it, which may be far larger than f_k: the gradient of the key bias of softmax
/// attention is a sum of terms of size 1 whose value is 0. Those terms cannot be seen, but how far values of φ close by scatter
/// about a straight line can: σ. So noise = <see cref="NoiseUnits"/> · max(ε Σ|u_k f_k|, σ) / h, to first and to second order alike.</para>
/// <para>Balanced, h ~ ε^(1/3). The default step is a little below: 1e-6 leaves 2e-13 φ‴ of truncation, so that steep functions pass, at
/// 1e-10 of the sum of terms of rounding.</para>
/// <para>An entry passes when |analytic - numeric| ≤ <see cref="AbsoluteTolerance"/> + <see cref="RelativeTolerance"/> · M + noise, with M
/// the largest entry of its block (one result by one input): the first two carry the truncation. An entry that does not pass is
/// measured again by differences of fourth order, in which truncation h²φ‴/6 cancels.</para>
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

    /// <summary>How many times the rounding seen in the function's values may go into a difference of them.</summary>
    public double NoiseUnits { get; init; } = 4;

    /// <summary>Seed of the random cotangents and directions, and of what the function itself draws from the thread's stream.</summary>
    public ulong Seed { get; init; }

    internal string InputName(int i) => InputNames is { } names && i < names.Count ? names[i] : $"input {i}";
}
