using System.Runtime.CompilerServices;
using System.Text;
using Edifice.Attention.Checkpoints;
using Edifice.Attention.Tests.Examples;

namespace Edifice.Attention.Tests.Checkpoints;

/// <summary>docs/checkpoints.md: its example is run, and its tables are the library's.</summary>
public class CheckpointPageTests
{
    private static readonly string s_page = RepositoryFiles.At("docs", "checkpoints.md");

    public static TheoryData<string> Layouts => new(PublishedLayouts.All.Select(l => l.Name));

    [Fact]
    public void The_example_of_the_page_runs()
    {
        using var temporary = new TemporaryFolder();
        var gla = MadeUpCheckpoint.Of("fla-gla");
        MadeUpCheckpoint.Write(temporary.At("gla"), gla.Tensors(), gla.Config);
        Example(temporary.At("gla"), temporary.At("copy"));
        Assert.True(File.Exists(temporary.At("copy/model.safetensors")));
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void The_page_shows_the_rules_of_every_layout(string layout)
    {
        var sections = File.ReadAllText(s_page).Split("\n## ");
        var section = Assert.Single(sections, s => s.StartsWith($"{layout}: {PublishedLayouts.Find(layout).Description}\n", StringComparison.Ordinal));
        var table = Table(layout);
        Assert.True(section.Contains(table, StringComparison.Ordinal), $"docs/checkpoints.md must have this table under {layout}:\n{table}");
    }

    private static void Example(string folder, string copy)
    {
        using var checkpoint = PublishedCheckpoint.Open(folder, "fla-gla");
        var model = checkpoint.Load();
        Console.WriteLine($"{checkpoint.Model.Options.NumLayers} layers, {model.ParameterCount} weights");
        foreach (var token in model.Generate([1, 7, 4], 8)) Console.Write($"{token} ");
        PublishedCheckpoint.Save(model, copy, "fla-gla");
        Check();
    }

    private static void Check([CallerFilePath] string here = "") => PageExample.Check(s_page, "void Example(", here);

    private static string Table(string layout)
    {
        using var folder = new TemporaryFolder();
        var made = MadeUpCheckpoint.Of(layout);
        MadeUpCheckpoint.Write(folder.At("x"), made.Tensors(), made.Config);
        using var checkpoint = PublishedCheckpoint.Open(folder.At("x"), layout);
        var text = new StringBuilder("| Published | Shape | Ours | |\n| --- | --- | --- | --- |\n");
        foreach (var rule in checkpoint.Layout.Rules(checkpoint.Model with { Tied = false }, _ => false))
        {
            var ours = rule is MappedRule mapped ? string.Join(", ", mapped.Ours.Select(o => $"`{o}`")) : "";
            text.Append($"| `{rule.Published}` | [{rule.Shape}] | {ours} | {string.Join("; ", new[] { rule.Layers?.Words, rule.Description }.Where(w => !string.IsNullOrEmpty(w)))} |\n");
        }

        return text.ToString();
    }
}
