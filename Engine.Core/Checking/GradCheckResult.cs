using System.Globalization;

namespace Edifice.Engine.Checking;

/// <summary>One entry of a Jacobian, by the tape and by differences.</summary>
/// <param name="Function">Which function.</param>
/// <param name="Order">1: its gradient; 2: the gradient of its gradient.</param>
/// <param name="Output">The differentiated result with its element, or "the results along a random cotangent".</param>
/// <param name="Input">The varied input with its element, or "… along a random direction".</param>
/// <param name="Analytic">By the tape.</param>
/// <param name="Numeric">By central differences.</param>
/// <param name="Tolerance">The difference allowed.</param>
/// <param name="Step">The step taken.</param>
public sealed record GradCheckEntry(
    string Function, int Order, string Output, string Input, double Analytic, double Numeric, double Tolerance, double Step)
{
    /// <summary>|analytic - numeric|; equal values, infinities included, differ by 0.</summary>
    public double Error => Analytic == Numeric ? 0 : Math.Abs(Analytic - Numeric);

    /// <summary>The error as a part of what is allowed; above 1 the entry fails. Infinite when one value is NaN.</summary>
    public double Excess => ExcessOf(Analytic, Numeric, Tolerance);

    /// <summary>True when the two values agree.</summary>
    public bool Passed => Excess <= 1;

    internal static double ExcessOf(double analytic, double numeric, double tolerance)
    {
        if (analytic == numeric) return 0;
        var excess = Math.Abs(analytic - numeric) / tolerance;
        return double.IsNaN(excess) ? double.PositiveInfinity : excess;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"d {Output} / d {Input}: analytic {Analytic:G17}, numeric {Numeric:G17}, difference {Error:G3}, allowed {Tolerance:G3}, step {Step:G3}");
}

/// <summary>What a gradient check found.</summary>
/// <param name="Function">The function checked.</param>
/// <param name="Failures">One line each; empty when all is well.</param>
/// <param name="Worst">The entry that came closest to its tolerance, or went furthest beyond; null when there was none to compare.</param>
/// <param name="Entries">How many entries were compared.</param>
public sealed record GradCheckResult(string Function, IReadOnlyList<string> Failures, GradCheckEntry? Worst, long Entries)
{
    /// <summary>True when nothing failed.</summary>
    public bool Passed => Failures.Count == 0;

    /// <summary>The findings as text; on success the worst entry.</summary>
    public string Report => Passed
        ? $"{Function}: passed, {Entries} entries{(Worst is null ? "" : $"; closest: {Worst}")}"
        : $"{Function}: failed\n  {string.Join("\n  ", Failures)}";

    /// <summary>Throws the report when something failed.</summary>
    /// <exception cref="TensorException">The check failed.</exception>
    public void ThrowIfFailed()
    {
        if (!Passed) throw new TensorException(Report);
    }
}

/// <summary>The checks of one op on all of its samples.</summary>
/// <param name="Op">Its name.</param>
/// <param name="Family">Its family.</param>
/// <param name="Samples">One result per sample.</param>
public sealed record OpCheckResult(string Op, string Family, IReadOnlyList<GradCheckResult> Samples)
{
    /// <summary>True when there are samples and all of them passed.</summary>
    public bool Passed => Samples.Count > 0 && Samples.All(s => s.Passed);

    /// <summary>The worst entry over the samples.</summary>
    public GradCheckEntry? Worst => Samples.Select(s => s.Worst).MaxBy(w => w?.Excess ?? -1);

    /// <summary>The findings as text.</summary>
    public string Report => Samples.Count == 0
        ? $"{Op}: failed\n  it has no samples to check"
        : string.Join("\n", Samples.Where(s => Passed || !s.Passed).Select(s => s.Report));
}
