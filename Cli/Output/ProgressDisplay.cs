using System.Globalization;
using Edifice.Cli.Training;
using Spectre.Console;

namespace Edifice.Cli.Output;

/// <summary>How a running training shows itself: a bar on a terminal, a line every few seconds elsewhere.</summary>
internal static class ProgressDisplay
{
    private static readonly TimeSpan s_between = TimeSpan.FromSeconds(5);

    public static T Show<T>(bool accuracy, bool quiet, Func<Action<TrainingProgress>?, T> run)
    {
        if (quiet) return run(null);
        if (!Terminal.IsInteractive) return Lines(accuracy, run);
        return AnsiConsole.Progress()
            .AutoClear(false)
            .Columns(new ProgressBarColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context =>
            {
                ProgressTask? bar = null;
                return run(p =>
                {
                    bar ??= context.AddTask("training", maxValue: p.Steps);
                    bar.Value = p.Step;
                    bar.Description = Markup.Escape(Text(p, accuracy));
                });
            });
    }

    private static T Lines<T>(bool accuracy, Func<Action<TrainingProgress>?, T> run)
    {
        var last = DateTime.MinValue;
        return run(p =>
        {
            if (DateTime.UtcNow - last < s_between && p.Step < p.Steps) return;
            last = DateTime.UtcNow;
            Console.WriteLine(Text(p, accuracy));
        });
    }

    private static string Text(TrainingProgress p, bool accuracy)
    {
        var score = double.IsNaN(p.Score) ? "" : accuracy ? $", accuracy {p.Score.ToString("P1", CultureInfo.InvariantCulture)}" : string.Create(CultureInfo.InvariantCulture, $", {p.Score:F3} bits per byte");
        return string.Create(CultureInfo.InvariantCulture, $"step {p.Step}/{p.Steps}, loss {p.Loss:F4}{score}, {p.TokensPerSecond:N0} tokens/s, {p.Remaining:m\\:ss} left");
    }
}
