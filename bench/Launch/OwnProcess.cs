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

    /// <summary>What it prints when it is run to its end with these arguments.</summary>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public static string Output(params IEnumerable<string> arguments)
    {
        var start = With(arguments);
        start.RedirectStandardOutput = true;
        using var child = Process.Start(start)!;
        var output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        return child.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"the process with the arguments {string.Join(' ', arguments)} failed with code {child.ExitCode}");
    }
}
