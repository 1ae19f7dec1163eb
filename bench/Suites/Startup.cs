using Edifice.Bench.Measure;

namespace Edifice.Bench.Suites;

/// <summary>What a program waits for before it has done anything: process start, libraries, the just-in-time compiler, one product.</summary>
internal static class Startup
{
    private const int Runs = 7;

    public static IEnumerable<Row> Run(Session session)
    {
        const string Name = "process start to first result";
        if (!session.Pair.Wants(Name)) yield break;
        double[] ours = new double[Runs], libtorch = new double[Runs];
        for (var i = 0; i < Runs; i++) (ours[i], libtorch[i]) = (FirstResult.MillisecondsOfOurs(), FirstResult.MillisecondsOfLibtorch());
        Array.Sort(ours);
        Array.Sort(libtorch);
        yield return new Row(Name, ours[Runs / 2], libtorch[Runs / 2], double.NaN, double.NaN) { Libtorch = "a .NET process with TorchSharp" };
    }
}
