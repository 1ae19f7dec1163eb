using Edifice.Bench.Measure;
using ScottPlot;

namespace Edifice.Bench.Output;

/// <summary>Libtorch's figure over ours for each row, as bars: how many times faster, or smaller where the unit is one of memory; the line at 1 is where
/// both are equal.</summary>
internal static class RatioPlot
{
    public static void Write(string path, string title, IReadOnlyList<Row> rows)
    {
        var shown = rows.Where(r => double.IsFinite(r.Ratio)).Reverse().ToArray();
        if (shown.Length == 0) return;
        var plot = new Plot();
        var bars = plot.Add.Bars([.. shown.Select(r => r.Ratio)]);
        bars.Horizontal = true;
        plot.Add.VerticalLine(1);
        plot.Axes.Left.SetTicks([.. shown.Select((_, i) => (double)i)], [.. shown.Select(r => r.Unit == "ms" ? r.Name : $"{r.Name} ({r.Unit})")]);
        plot.Axes.Left.MajorTickStyle.Length = 0;
        plot.Axes.Margins(left: 0);
        plot.Title(title);
        plot.XLabel(shown.All(r => r.Unit == "ms") ? "times as fast as libtorch" : "libtorch's time or memory over ours");
        plot.SavePng(path, 1000, 120 + 22 * shown.Length);
    }
}
