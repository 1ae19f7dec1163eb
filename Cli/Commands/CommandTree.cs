using System.CommandLine;
using Edifice.Cli.Output;
using Edifice.Engine;

namespace Edifice.Cli.Commands;

/// <summary>The program's commands. Exit codes: 0 done, 1 a check failed, 2 bad usage or bad input.</summary>
internal static class CommandTree
{
    public const int Done = 0, CheckFailed = 1, BadUsage = 2;

    public static RootCommand Build() => new("Edifice: a tensor engine with twelve attention blocks")
    {
        InfoCommand.Build(),
        BlocksCommand.Build(),
        GradCheckCommand.Build(),
        VerifyCommand.Build(),
        TrainCommand.Build(),
        GenerateCommand.Build(),
        CompareCommand.Build(),
    };

    public static int Run(string[] args)
    {
        var parsed = Build().Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors) Terminal.Fault(error.Message);
            return BadUsage;
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (TensorException e)
        {
            Terminal.Fault(e.Message);
            return BadUsage;
        }
        catch (IOException e)
        {
            Terminal.Fault(e.Message);
            return BadUsage;
        }
    }
}
