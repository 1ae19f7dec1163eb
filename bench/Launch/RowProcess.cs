using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Edifice.Bench.Measure;

namespace Edifice.Bench.Launch;

/// <summary>Measures one row, by both engines, in a process of its own.</summary>
/// <remarks>For rows that build whole models: in a process in which libtorch has trained a dozen of them, what its allocator has left behind
/// makes both engines slower, ours by up to 80 %, and the order of the rows would decide the figures.</remarks>
internal static class RowProcess
{
    /// <summary>The hidden argument with which the program measures one row and prints it.</summary>
    public const string ChildArgument = "measure-row";

    private static readonly JsonSerializerOptions s_json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>The row of this name.</summary>
    /// <param name="session">What the parent measures with.</param>
    /// <param name="suite">The suite that has the row.</param>
    /// <param name="name">The row's whole name.</param>
    public static Row Measure(Session session, string suite, string name)
    {
        var limits = session.Limits;
        var output = OwnProcess.Output(ChildArgument, suite, name, Text(session.Threads), Text(session.Pair.Rounds),
            Text(limits.SinglePeak), Text(limits.DoublePeak), Text(limits.CopyBandwidth), Text(limits.ReadBandwidth));
        return JsonSerializer.Deserialize<Row>(output, s_json)!;
    }

    /// <summary>What the child measures with.</summary>
    /// <param name="args"><see cref="ChildArgument"/> and what <see cref="Measure"/> puts behind it.</param>
    public static (string Suite, Session Session) Asked(string[] args)
    {
        var limits = new MachineLimits(Number(args[5]), Number(args[6]), Number(args[7]), Number(args[8]));
        var threads = (int)Number(args[3]);
        return (args[1], new Session(threads, limits, new Pair(limits, threads, (int)Number(args[4]), args[2])) { IsRowProcess = true });
    }

    /// <summary>Hands the row to the parent.</summary>
    public static void Print(Row row) => Console.WriteLine(JsonSerializer.Serialize(row, s_json));

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
