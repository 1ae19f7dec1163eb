using System.Diagnostics;

namespace Edifice.Bench.Measure;

/// <summary>Several ways to the same result, of which the fastest on this machine is to be measured.</summary>
internal static class Fastest
{
    private const int Trials = 3;

    /// <summary>Runs each way a few times, the first not counted.</summary>
    public static (string Name, T Way) Of<T>(IReadOnlyList<(string Name, T Way)> ways, Action<T> run) =>
        ways.Count == 1 ? ways[0] : ways.MinBy(w => Best(() => run(w.Way)));

    private static TimeSpan Best(Action run)
    {
        run();
        return Enumerable.Range(0, Trials).Min(_ =>
        {
            var start = Stopwatch.GetTimestamp();
            run();
            return Stopwatch.GetElapsedTime(start);
        });
    }
}
