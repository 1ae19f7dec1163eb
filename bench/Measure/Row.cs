namespace Edifice.Bench.Measure;

/// <summary>One row: the same work by this engine and by libtorch.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Ours">This engine: median milliseconds of one call, or what <see cref="Unit"/> says.</param>
/// <param name="Theirs">Libtorch's; NaN where it has nothing to set beside it.</param>
/// <param name="MaxDiff">The largest difference between the two results, as a share of the largest magnitude of
/// libtorch's; NaN: not compared.</param>
/// <param name="Tolerance">What that difference may be.</param>
internal sealed record Row(string Name, double Ours, double Theirs, double MaxDiff, double Tolerance)
{
    /// <summary>What both figures count; less is better.</summary>
    public string Unit { get; init; } = "ms";

    /// <summary>Milliseconds that the machine's limit allows for this work; NaN: no limit applies.</summary>
    public double LeastMs { get; init; } = double.NaN;

    /// <summary>Which limit: arithmetic, copying, or reading the same weights again.</summary>
    public string Limit { get; init; } = "";

    /// <summary>How libtorch did it, where there was a choice.</summary>
    public string Libtorch { get; init; } = "";

    /// <summary>Libtorch's figure over ours.</summary>
    public double Ratio => Theirs / Ours;

    /// <summary>How much of the machine's limit ours reaches, 0 to 1.</summary>
    public double LimitShare => LeastMs / Ours;

    /// <summary>False when the two results were compared and differ by more than the tolerance, or are not numbers.</summary>
    public bool Agrees { get; init; } = true;

    /// <summary>Which result <see cref="MaxDiff"/> is of, where several were compared.</summary>
    public string WorstAt { get; init; } = "";

    /// <summary>True when the row was not asked for and so not measured.</summary>
    public bool IsLeftOut => double.IsNaN(Ours);

    public static Row LeftOut(string name) => new(name, double.NaN, double.NaN, double.NaN, double.NaN);
}
