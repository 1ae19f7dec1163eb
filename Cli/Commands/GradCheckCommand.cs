using System.CommandLine;
using System.Globalization;
using Edifice.Attention;
using Edifice.Attention.Checking;
using Edifice.Cli.Output;
using Edifice.Engine;
using Edifice.Engine.Checking;
using Edifice.Engine.Ops;
using Edifice.Nn;

namespace Edifice.Cli.Commands;

/// <summary><c>edifice gradcheck</c>: gradients against central differences, of first and second order, of ops and blocks.</summary>
internal static class GradCheckCommand
{
    private const string All = "all";

    public static Command Build()
    {
        var op = new Option<string?>("--op") { Description = "an op of the table, or all" };
        var block = new Option<string?>("--block") { Description = "a block, or all" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("gradcheck", "check gradients numerically, to first and second order") { op, block, json };
        command.SetAction(parsed => Run(parsed.GetValue(op), parsed.GetValue(block), parsed.GetValue(json)));
        return command;
    }

    private static int Run(string? op, string? block, bool asJson)
    {
        if (op is null && block is null) (op, block) = (All, All);
        NnOps.Register();
        var rows = new List<(string Name, string Kind, int Cases, GradCheckEntry? Worst, string? Failure)>();
        if (op is not null)
            foreach (var entry in Ops(op))
            {
                var result = GradCheck.RunOp(entry, new GradCheckOptions { Order = 2 });
                rows.Add((entry.Name, "op", result.Samples.Count, result.Worst, result.Passed ? null : result.Report));
            }

        if (block is not null)
            foreach (var info in block == All ? Blocks.All : [Blocks.Find(block)])
            {
                var results = BlockGradCheck.Run(info.Name, new GradCheckOptions { Order = 2 });
                rows.Add((info.Name, "block", results.Count, results.Select(r => r.Worst).MaxBy(w => w?.Excess ?? -1),
                    results.FirstOrDefault(r => !r.Passed)?.Report));
            }

        if (asJson) WriteJson(rows);
        else WriteTable(rows);
        return rows.All(r => r.Failure is null) ? CommandTree.Done : CommandTree.CheckFailed;
    }

    private static IEnumerable<OpEntry> Ops(string op) => op == All
        ? OpTable.All
        : [OpTable.Find(op) ?? throw new TensorException($"there is no op '{op}'{NearestName.Hint(op, OpTable.All.Select(e => e.Name))}")];

    private static void WriteTable(List<(string Name, string Kind, int Cases, GradCheckEntry? Worst, string? Failure)> rows)
    {
        Terminal.Table(["name", "kind", "cases", "worst error", "tolerance", "result"], rows.Select(r => new[]
        {
            r.Name, r.Kind, r.Cases.ToString(CultureInfo.InvariantCulture), Number(r.Worst?.Error), Number(r.Worst?.Tolerance), r.Failure is null ? "ok" : "FAIL",
        }));
        foreach (var row in rows)
            if (row.Failure is { } failure) Console.WriteLine($"{row.Name}: FAIL {failure}");
        Console.WriteLine(
            $"{rows.Count(r => r.Kind == "op")} ops, {rows.Count(r => r.Kind == "block")} blocks, {rows.Count(r => r.Failure is not null)} failed");
    }

    private static string Number(double? value) => value is { } v ? v.ToString("G3", CultureInfo.InvariantCulture) : "-";

    private static void WriteJson(List<(string Name, string Kind, int Cases, GradCheckEntry? Worst, string? Failure)> rows) => JsonOut.Write(json =>
    {
        json.WriteStartArray();
        foreach (var row in rows)
        {
            json.WriteStartObject();
            json.WriteString("name", row.Name);
            json.WriteString("kind", row.Kind);
            json.WriteNumber("cases", row.Cases);
            json.Number("worst_error", row.Worst?.Error ?? 0);
            json.Number("tolerance", row.Worst?.Tolerance ?? 0);
            json.WriteBoolean("ok", row.Failure is null);
            if (row.Failure is { } failure) json.WriteString("failure", failure);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
