using Edifice.Cli.Commands;

namespace Edifice.Cli.Tests;

/// <summary>The program run inside the test process, with what it printed.</summary>
internal sealed record ProgramRun(int Code, string Output, string Error)
{
    private static readonly Lock s_console = new();

    public static ProgramRun Of(params string[] args)
    {
        // The console belongs to the process: one run at a time.
        lock (s_console)
        {
            TextWriter output = Console.Out, error = Console.Error;
            using var captured = new StringWriter();
            using var faults = new StringWriter();
            try
            {
                Console.SetOut(captured);
                Console.SetError(faults);
                var code = CommandTree.Run(args);
                return new ProgramRun(code, captured.ToString(), faults.ToString());
            }
            finally
            {
                Console.SetOut(output);
                Console.SetError(error);
            }
        }
    }
}
