namespace Edifice.Bench.Measure;

/// <summary>What a suite gets to measure with.</summary>
/// <param name="Threads">For both engines.</param>
/// <param name="Limits">What the machine can do with so many.</param>
/// <param name="Pair">Measures rows.</param>
internal sealed record Session(int Threads, MachineLimits Limits, Pair Pair)
{
    /// <summary>True in a process that measures one row for another one.</summary>
    public bool IsRowProcess { get; init; }

    /// <summary>Lines of Markdown that suites leave beside their rows.</summary>
    public List<string> Tables { get; } = [];
}
