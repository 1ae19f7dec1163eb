using System.Text.RegularExpressions;

namespace Edifice.Engine.Tests;

public partial class DocumentationTests
{
    public static TheoryData<string> Pages =>
    [
        .. new[] { RepositoryFiles.Root, RepositoryFiles.At("docs") }
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.md"))
            .Select(page => Path.GetRelativePath(RepositoryFiles.Root, page))
            .Order(StringComparer.Ordinal),
    ];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_file_a_page_names_exists(string page)
    {
        var text = File.ReadAllText(RepositoryFiles.At(page));
        var missing = PathInCode().Matches(text).Select(m => m.Groups[1].Value)
            .Where(path => !Exists(RepositoryFiles.Root, path));

        Assert.Empty(missing);
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_link_to_a_file_leads_somewhere(string page)
    {
        var full = RepositoryFiles.At(page);
        var missing = Link().Matches(File.ReadAllText(full)).Select(m => m.Groups[1].Value)
            .Where(target => !target.Contains("://", StringComparison.Ordinal))
            .Where(target => !Exists(Path.GetDirectoryName(full)!, target));

        Assert.Empty(missing);
    }

    [Fact]
    public void The_readme_gives_the_two_commands()
    {
        var commands = File.ReadLines(RepositoryFiles.At("README.md")).Select(line => line.Trim()).ToArray();

        Assert.Contains(commands, line => line.StartsWith("dotnet run -c Release --project Cli -- ", StringComparison.Ordinal));
        Assert.Contains(commands, line => line.StartsWith("dotnet test Edifice.Engine.sln ", StringComparison.Ordinal));
    }

    private static bool Exists(string folder, string path)
    {
        var full = Path.Combine(folder, path);
        if (!path.Contains('*', StringComparison.Ordinal)) return Path.Exists(full);
        var parent = Path.GetDirectoryName(full)!;
        return Directory.Exists(parent) && Directory.EnumerateFileSystemEntries(parent, Path.GetFileName(full)).Any();
    }

    /// <summary>`Folder/file.cs` or `Folder/` in code font.</summary>
    [GeneratedRegex(@"`((?:[\w.*-]+/)+(?:[\w.*-]*\w)?)`")]
    private static partial Regex PathInCode();

    /// <summary>The target of [text](target), without its fragment.</summary>
    [GeneratedRegex(@"\]\(([^)#\s]+)(?:#[^)]*)?\)")]
    private static partial Regex Link();
}
