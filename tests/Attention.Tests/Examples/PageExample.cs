namespace Edifice.Attention.Tests.Examples;

/// <summary>Holds a page's example against the code of a test, so that what a page shows has been compiled and run.</summary>
internal static class PageExample
{
    /// <summary>The page's first C# block must be the lines of a method up to where it calls its check.</summary>
    public static void Check(string page, string method, string sourceFile)
    {
        var shown = File.ReadAllText(page).Split("```csharp\n")[1].Split("```")[0].TrimEnd().Split('\n');
        var source = File.ReadAllLines(sourceFile);
        var start = Array.FindIndex(source, line => line.Contains(method, StringComparison.Ordinal)) + 2;
        var lines = source[start..].TakeWhile(line => !line.Contains("Check(", StringComparison.Ordinal)).Select(line => line.Length > 8 ? line[8..] : "").ToArray();
        Assert.Equal(lines, shown);
    }
}
