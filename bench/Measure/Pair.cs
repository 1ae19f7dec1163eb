using System.Diagnostics;

namespace Edifice.Bench.Measure;

/// <summary>One row: the same work by this engine and by libtorch, in turn, so that both see the same machine.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="OursMs">Median milliseconds of one call of ours.</param>
/// <param name="LibtorchMs">Median milliseconds of one call of libtorch's.</param>
/// <param name="MaxDiff">The largest difference between the two results; NaN: not compared.</param>
internal sealed record Row(string Name, double OursMs, double LibtorchMs, double MaxDiff)
{
    public double Ratio => LibtorchMs / OursMs;
}

internal static class Pair
{
    private const int Rounds = 15;
    private const double RoundMilliseconds = 20;

    /// <summary>Interleaved rounds; each round repeats a call often enough to be timed, and the medians over the rounds count.</summary>
    public static Row Run(string name, Action ours, Action libtorch, double maxDiff = double.NaN)
    {
        int a = Repeats(ours), b = Repeats(libtorch);
        double[] mine = new double[Rounds], theirs = new double[Rounds];
        for (var r = 0; r < Rounds; r++)
        {
            mine[r] = Time(ours, a);
            theirs[r] = Time(libtorch, b);
        }

        Array.Sort(mine);
        Array.Sort(theirs);
        return new Row(name, mine[Rounds / 2], theirs[Rounds / 2], maxDiff);
    }

    private static int Repeats(Action call)
    {
        // Warm up until the just-in-time compiler has had its say.
        var clock = Stopwatch.StartNew();
        var n = 0;
        while (clock.ElapsedMilliseconds < 300 || n < 3)
        {
            call();
            n++;
        }

        return Math.Max(1, (int)(RoundMilliseconds * n / clock.Elapsed.TotalMilliseconds));
    }

    private static double Time(Action call, int repeats)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < repeats; i++) call();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / repeats;
    }
}
