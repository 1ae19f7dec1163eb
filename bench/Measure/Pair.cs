using System.Diagnostics;

namespace Edifice.Bench.Measure;

/// <summary>Runs the same work by this engine and by libtorch in turn, so that both see the same machine.</summary>
/// <param name="limits">What the machine can do.</param>
/// <param name="threads">Of each engine.</param>
/// <param name="rounds">Rounds of both; the medians count.</param>
/// <param name="filter">Only rows whose name contains this are measured.</param>
internal sealed class Pair(MachineLimits limits, int threads, int rounds, string filter)
{
    private const double RoundMilliseconds = 20, StretchMilliseconds = 300, LeastWarmUpMilliseconds = 1000, LongestWarmUpMilliseconds = 3000, Settled = 1.05;

    // After its last parallel loop a runtime's threads wait awake for the next one, up to 200 ms, and would take a processor from the other engine.
    private const int SettlingMilliseconds = 250;

    /// <summary>Rounds of both; the medians count.</summary>
    public int Rounds => rounds;

    /// <summary>False when a row of this name was not asked for: what it needs need not be made.</summary>
    public bool Wants(string name) => name.Contains(filter, StringComparison.OrdinalIgnoreCase);

    /// <summary>Interleaved rounds; each round repeats a call often enough to be timed.</summary>
    /// <param name="name">What is measured.</param>
    /// <param name="work">What it must do at least.</param>
    /// <param name="ours">One call of ours.</param>
    /// <param name="libtorch">One call of libtorch's; null: it has nothing to set beside.</param>
    /// <param name="difference">The results of both compared; null: there is nothing to compare.</param>
    /// <param name="formulation">How libtorch does it, where there is a choice.</param>
    public Row Run(string name, Work work, Action ours, Action? libtorch, Func<Difference>? difference = null, string formulation = "")
    {
        if (!Wants(name)) return Row.LeftOut(name);
        // Compared first: figures of wrong results are worth nothing.
        var found = difference?.Invoke();
        var a = Repeats(ours);
        var b = libtorch is null ? 0 : Repeats(libtorch);
        double[] mine = new double[rounds], theirs = new double[rounds];
        for (var r = 0; r < rounds; r++)
        {
            mine[r] = Time(ours, a);
            theirs[r] = libtorch is null ? double.NaN : Time(libtorch, b);
        }

        var (least, limit) = limits.Least(work);
        return new Row(name, Median(mine), Median(theirs), found?.Relative ?? double.NaN, found?.Tolerance ?? double.NaN)
        {
            LeastMs = least, Limit = limit, Libtorch = formulation, Agrees = found?.Agrees ?? true, WorstAt = found?.At ?? "",
        };
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
    }

    private static int Repeats(Action call)
    {
        // Until the just-in-time compiler has had its say, which comes late when it is busy: some stretches of calls, the last one as fast as
        // the one before it. A call that takes long has it after a few.
        var clock = Stopwatch.StartNew();
        double before, last = double.PositiveInfinity;
        do (before, last) = (last, Stretch(call));
        while (clock.Elapsed.TotalMilliseconds is var spent
            && (spent < LeastWarmUpMilliseconds || (before > Settled * last && spent < LongestWarmUpMilliseconds)));
        return Math.Max(1, (int)(RoundMilliseconds / last));
    }

    /// <summary>Milliseconds of a call.</summary>
    private static double Stretch(Action call)
    {
        var clock = Stopwatch.StartNew();
        var n = 0;
        for (; clock.Elapsed.TotalMilliseconds < StretchMilliseconds || n < 2; n++) call();
        return clock.Elapsed.TotalMilliseconds / n;
    }

    private double Time(Action call, int repeats)
    {
        if (threads > 1)
        {
            Thread.Sleep(SettlingMilliseconds);
            call(); // wakes the engine's own threads
        }

        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < repeats; i++) call();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / repeats;
    }
}
