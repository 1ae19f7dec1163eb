using System.Globalization;
using Edifice.Bench.Measure;

namespace Edifice.Bench.Output;

/// <summary>Rows as they come, in columns.</summary>
internal static class ResultTable
{
    public static void Header() => Console.WriteLine($"{"row",-58} {"ours",10} {"libtorch",10} {"",2} {"ratio",7} {"limit",6}  {"max diff",9}  libtorch's way");

    public static void Print(Row row) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{row.Name,-58} {Number(row.Ours, "G4"),10} {Number(row.Theirs, "G4"),10} {row.Unit,2} {Number(row.Ratio, "F2"),7} {Number(row.LimitShare, "P0"),6}  {Number(row.MaxDiff, "E1"),9}  {row.Libtorch}{(row.Agrees ? "" : $"  RESULTS DIFFER {row.WorstAt}")}"));

    private static string Number(double value, string format) => double.IsNaN(value) ? "-" : value.ToString(format, CultureInfo.InvariantCulture);
}
