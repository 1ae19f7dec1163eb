using ScottPlot;

namespace Edifice.Cli.Output;

/// <summary>Pictures of runs, as PNG.</summary>
internal static class Plots
{
    private const int Width = 900, Height = 540;

    /// <summary>Curves over the training steps.</summary>
    public static void Curves(string path, string title, string yLabel, IReadOnlyList<(string Name, double[] X, double[] Y)> curves)
    {
        using var plot = new Plot();
        foreach (var (name, x, y) in curves)
        {
            if (x.Length == 0) continue;
            var line = plot.Add.Scatter(x, y);
            line.LegendText = name;
            line.MarkerSize = x.Length > 60 ? 0 : 4;
            line.LineWidth = 2;
        }

        plot.Title(title);
        plot.XLabel("step");
        plot.YLabel(yLabel);
        plot.ShowLegend();
        Save(plot, path);
    }

    /// <summary>One bar per name.</summary>
    public static void Bars(string path, string title, string yLabel, IReadOnlyList<(string Name, double Value)> bars)
    {
        using var plot = new Plot();
        var positions = Enumerable.Range(0, bars.Count).Select(i => (double)i).ToArray();
        plot.Add.Bars(positions, bars.Select(b => b.Value).ToArray());
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(positions, bars.Select(b => b.Name).ToArray());
        plot.Axes.Bottom.TickLabelStyle.Rotation = 35;
        plot.Axes.Bottom.TickLabelStyle.Alignment = Alignment.MiddleLeft;
        plot.Axes.Bottom.MinimumSize = 90;
        plot.Axes.Margins(bottom: 0);
        plot.Title(title);
        plot.YLabel(yLabel);
        Save(plot, path);
    }

    private static void Save(Plot plot, string path)
    {
        var temporary = path + ".tmp";
        File.WriteAllBytes(temporary, plot.GetImageBytes(Width, Height, ImageFormat.Png));
        File.Move(temporary, path, overwrite: true);
    }
}
