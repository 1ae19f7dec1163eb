using Edifice.Engine;
using Edifice.Engine.Serialization;

namespace Edifice.Attention.Checkpoints;

/// <summary>The safetensors files of a checkpoint, one or several parts, as one set of tensors.</summary>
internal sealed class CheckpointFiles : IDisposable
{
    public const string ConfigName = "config.json", WeightsName = "model.safetensors";

    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, SafetensorsFile> _fileOf = [];

    private CheckpointFiles(string path) => Path = path;

    /// <summary>The file or folder.</summary>
    public string Path { get; }

    /// <summary>The configuration beside the weights, when a folder was opened and has one.</summary>
    public string? Config { get; private init; }

    /// <summary>The names.</summary>
    public IReadOnlyCollection<string> Names => _fileOf.Keys;

    /// <summary>Opens a file, or all safetensors files of a folder.</summary>
    /// <exception cref="TensorException">A folder without any, a tensor in two of them, or a broken file.</exception>
    public static CheckpointFiles Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var isFolder = Directory.Exists(path);
        string[] parts = isFolder ? [.. Directory.EnumerateFiles(path, "*.safetensors").Order(StringComparer.Ordinal)] : [path];
        if (parts.Length == 0) throw new TensorException($"{path} has no .safetensors file");
        var config = isFolder ? System.IO.Path.Combine(path, ConfigName) : null;
        var files = new CheckpointFiles(path) { Config = File.Exists(config) ? File.ReadAllText(config) : null };
        try
        {
            foreach (var part in parts) files.Add(SafetensorsFile.Open(part));
            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>What is known about a tensor.</summary>
    public SafetensorsEntry this[string name] => _fileOf[name].Tensors[name];

    /// <summary>Reads a tensor in the dtype it is stored in.</summary>
    public Tensor Read(string name) => _fileOf[name].Read(name);

    public void Dispose()
    {
        foreach (var file in _files) file.Dispose();
    }

    private void Add(SafetensorsFile file)
    {
        _files.Add(file);
        foreach (var name in file.Tensors.Keys)
            if (!_fileOf.TryAdd(name, file)) throw new TensorException($"{Path}: '{name}' is in {_fileOf[name].Path} and in {file.Path}");
    }
}
