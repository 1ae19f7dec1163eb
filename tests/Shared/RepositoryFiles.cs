namespace Edifice.Tests;

/// <summary>Finds files of this repository from a test, wherever the checkout lies and the test host runs.</summary>
internal static class RepositoryFiles
{
    private static readonly Lazy<string> s_root = new(FindRoot);

    /// <summary>The folder that holds the solution.</summary>
    public static string Root => s_root.Value;

    /// <summary>A path below <see cref="Root"/>.</summary>
    public static string At(params ReadOnlySpan<string> parts) => Path.Combine([Root, .. parts]);

    /// <summary>The path of one golden file by its name without extension, such as <c>gqa-base</c>.</summary>
    public static string Golden(string name) => At("tests", "Golden", name + ".safetensors");

    /// <summary>The names (without extension) of the golden files that start with <paramref name="prefix"/>, in ordinal
    /// order; fails when there are none, so that a theory over them can never be empty by mistake.</summary>
    public static IReadOnlyList<string> GoldenNames(string prefix = "")
    {
        var names = Directory.EnumerateFiles(At("tests", "Golden"), prefix + "*.safetensors")
            .Select(path => Path.GetFileNameWithoutExtension(path))
            .Order(StringComparer.Ordinal)
            .ToArray();
        return names.Length > 0 ? names : throw new FileNotFoundException($"no golden file starts with '{prefix}'");
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Edifice.Engine.sln"))) return folder.FullName;
        throw new DirectoryNotFoundException($"no folder above {AppContext.BaseDirectory} holds Edifice.Engine.sln");
    }
}
