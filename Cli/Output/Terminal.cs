using Spectre.Console;

namespace Edifice.Cli.Output;

/// <summary>Where results go: tables and progress bars on a terminal, plain lines into a pipe or a file.</summary>
internal static class Terminal
{
    /// <summary>True when standard output is a terminal that draws.</summary>
    public static bool IsInteractive => !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Ansi;

    /// <summary>One line on standard error, for faults.</summary>
    public static void Fault(string message) => Console.Error.WriteLine($"edifice: {message.ReplaceLineEndings(" ")}");

    /// <summary>A table: drawn on a terminal, tab-separated with a header line elsewhere.</summary>
    public static void Table(string[] header, IEnumerable<string[]> rows)
    {
        if (!IsInteractive)
        {
            Console.WriteLine(string.Join('\t', header));
            foreach (var row in rows) Console.WriteLine(string.Join('\t', row));
            return;
        }

        var table = new Table().Border(TableBorder.Rounded);
        foreach (var column in header) table.AddColumn(new TableColumn(Markup.Escape(column)));
        foreach (var row in rows) table.AddRow(row.Select(Markup.Escape).ToArray());
        AnsiConsole.Write(table);
    }
}
