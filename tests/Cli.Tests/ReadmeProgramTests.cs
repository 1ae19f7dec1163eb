using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Edifice.Cli.Tests;

/// <summary>Tests that read what is written to the console run while no other test writes there.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ConsoleCollection
{
    public const string Name = "Console";
}

[Collection(ConsoleCollection.Name)]
public partial class ReadmeProgramTests
{
    [Fact]
    public void The_program_in_the_readme_runs_learns_and_checks_a_gradient()
    {
        var output = OutputOfTheProgram();
        var errors = Number().Matches(output).Select(m => double.Parse(m.Value, CultureInfo.InvariantCulture)).ToArray();

        Assert.True(errors.Length >= 2, "the program prints its error at least twice");
        Assert.InRange(errors[^1], 0, errors[0] / 50);
        Assert.Contains("the gradient agrees", output, StringComparison.Ordinal);
    }

    private static string OutputOfTheProgram()
    {
        var main = Assembly.Load("ReadmeProgram").EntryPoint!;
        var screen = Console.Out;
        using var output = new StringWriter();
        Console.SetOut(output);
        try
        {
            main.Invoke(null, main.GetParameters().Length == 0 ? [] : [Array.Empty<string>()]);
        }
        finally
        {
            Console.SetOut(screen);
        }

        return output.ToString();
    }

    /// <summary>The last number of a line.</summary>
    [GeneratedRegex(@"[\d.]+(?=\s*$)", RegexOptions.Multiline)]
    private static partial Regex Number();
}
