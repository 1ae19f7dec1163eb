using System.Diagnostics;

namespace Edifice.Bench.Launch;

/// <summary>This program, to be started once more.</summary>
internal static class OwnProcess
{
    /// <summary>How to start it with these arguments, be it an executable or run by <c>dotnet</c>.</summary>
    public static ProcessStartInfo With(params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") start.ArgumentList.Add(typeof(OwnProcess).Assembly.Location);
        foreach (var a in arguments) start.ArgumentList.Add(a);
        return start;
    }
}
