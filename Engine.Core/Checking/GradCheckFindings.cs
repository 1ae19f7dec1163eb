namespace Edifice.Engine.Checking;

/// <summary>What one gradient check has found so far, over both orders.</summary>
internal sealed class GradCheckFindings
{
    private const int Shown = 3;

    private readonly List<string> _failures = [];
    private readonly List<GradCheckEntry> _differing = [];
    private GradCheckEntry? _worst;
    private long _entries;

    public bool Any => _failures.Count > 0 || _differing.Count > 0;

    public void Fail(string problem) => _failures.Add(problem);

    /// <summary>Counts an entry; <paramref name="describe"/> is asked only for those worth keeping.</summary>
    /// <returns>True when it agrees.</returns>
    public bool Judge(double analytic, double numeric, double tolerance, Func<GradCheckEntry> describe)
    {
        _entries++;
        var excess = GradCheckEntry.ExcessOf(analytic, numeric, tolerance);
        if (_worst is null || excess > _worst.Excess) _worst = describe();
        if (excess <= 1) return true;
        _differing.Add(describe());
        return false;
    }

    public GradCheckResult Result(string function)
    {
        var lines = new List<string>(_failures);
        lines.AddRange(_differing.OrderByDescending(e => e.Excess).Take(Shown).Select(e => e.ToString()));
        if (_differing.Count > Shown) lines.Add($"… {_differing.Count} of {_entries} entries differ");
        return new GradCheckResult(function, lines, _worst, _entries);
    }
}
