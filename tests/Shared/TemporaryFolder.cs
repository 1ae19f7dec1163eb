namespace Edifice.Tests;

/// <summary>A fresh folder that is removed with all it holds.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("edifice-").FullName;

    /// <summary>A path inside the folder.</summary>
    public string At(string name) => Path.Combine(_path, name);

    /// <summary>The names of everything inside.</summary>
    public string[] Names() => [.. Directory.EnumerateFileSystemEntries(_path).Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(_path, recursive: true);
}
