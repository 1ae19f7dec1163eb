using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Edifice.Engine.Serialization;

/// <summary>Tensors spread over several safetensors files, with an index that says which file has which: the form in which
/// large published models come (<c>model.safetensors.index.json</c>).</summary>
public sealed class SafetensorsShards : IDisposable
{
    private const string WeightMap = "weight_map", MetadataKey = "metadata", TotalSize = "total_size", IndexSuffix = ".index.json";

    private readonly Dictionary<string, SafetensorsFile> _files = [];
    private readonly OrderedDictionary<string, SafetensorsEntry> _tensors = [];
    private readonly Dictionary<string, SafetensorsFile> _fileOf = [];

    private SafetensorsShards(string path) => Path = path;

    /// <summary>The index file.</summary>
    public string Path { get; }

    /// <summary>What the files say about each tensor, by name, in the index's order.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Tensors => _tensors;

    /// <summary>Opens an index and all files it names, and checks that they agree.</summary>
    /// <exception cref="SafetensorsException">The index is no index, names a file outside its folder, or a file lacks a tensor that
    /// the index says it has, or has one that the index does not name; or a file breaks a rule of the format.</exception>
    /// <exception cref="IOException">A file cannot be opened.</exception>
    public static SafetensorsShards Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
        var shards = new SafetensorsShards(path);
        try
        {
            foreach (var (tensor, name) in ReadIndex(path))
            {
                // A path out of the folder would let an index read any file.
                if (name != System.IO.Path.GetFileName(name)) throw new SafetensorsException(path, tensor, $"its file {SafetensorsException.Quote(name)} is not in the index's folder");
                if (!shards._files.TryGetValue(name, out var file))
                    shards._files.Add(name, file = SafetensorsFile.Open(System.IO.Path.Combine(folder, name)));
                if (!file.Tensors.TryGetValue(tensor, out var entry)) throw new SafetensorsException(path, tensor, $"{SafetensorsException.Quote(name)} does not have it");
                if (!shards._tensors.TryAdd(tensor, entry)) throw new SafetensorsException(path, tensor, "the index names it twice");
                shards._fileOf.Add(tensor, file);
            }

            foreach (var (name, file) in shards._files)
                foreach (var tensor in file.Tensors.Keys)
                    if (shards._fileOf.GetValueOrDefault(tensor) != file) throw new SafetensorsException(path, tensor, $"{SafetensorsException.Quote(name)} has it, and the index says otherwise");
            return shards;
        }
        catch
        {
            shards.Dispose();
            throw;
        }
    }

    /// <summary>Reads one tensor, as <see cref="SafetensorsFile.Read"/> does.</summary>
    /// <exception cref="SafetensorsException">As there.</exception>
    public Tensor Read(string name, DType? dtype = null, Device? device = null) =>
        _fileOf.TryGetValue(name, out var file) ? file.Read(name, dtype, device) : throw new SafetensorsException(Path, name, $"there is none of this name among {_tensors.Count}");

    /// <summary>Writes tensors to as many files as are needed, <c>PREFIX-00001-of-00003.safetensors</c> and so on, and then their
    /// index <c>PREFIX.safetensors.index.json</c>: a folder whose index is there is complete.</summary>
    /// <param name="folder">The folder; it must exist.</param>
    /// <param name="tensors">The tensors by name, in the order in which the files are filled.</param>
    /// <param name="mostBytes">How many bytes of elements a file has at most; a larger tensor has a file of its own.</param>
    /// <param name="prefix">How the files are called.</param>
    /// <returns>The path of the index.</returns>
    public static string Write(string folder, IEnumerable<KeyValuePair<string, Tensor>> tensors, long mostBytes, string prefix = "model")
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(tensors);
        ArgumentOutOfRangeException.ThrowIfLessThan(mostBytes, 1);
        var parts = new List<List<KeyValuePair<string, Tensor>>>();
        long inPart = 0, total = 0;
        foreach (var tensor in tensors)
        {
            var bytes = tensor.Value.Count * tensor.Value.DType.SizeOf();
            if (parts.Count == 0 || (inPart > 0 && inPart + bytes > mostBytes))
            {
                parts.Add([]);
                inPart = 0;
            }

            parts[^1].Add(tensor);
            inPart += bytes;
            total += bytes;
        }

        var index = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(index, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteStartObject(MetadataKey);
            json.WriteNumber(TotalSize, total);
            json.WriteEndObject();
            json.WriteStartObject(WeightMap);
            for (var i = 0; i < parts.Count; i++)
            {
                var name = $"{prefix}-{i + 1:D5}-of-{parts.Count:D5}.safetensors";
                SafetensorsFile.Write(System.IO.Path.Combine(folder, name), parts[i]);
                foreach (var (tensor, _) in parts[i]) json.WriteString(tensor, name);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        var path = System.IO.Path.Combine(folder, $"{prefix}.safetensors{IndexSuffix}");
        AtomicFile.Write(path, file => file.Write(index.WrittenSpan));
        return path;
    }

    /// <summary>Closes the files. Tensors read from them stay.</summary>
    public void Dispose()
    {
        foreach (var file in _files.Values) file.Dispose();
    }

    private static List<KeyValuePair<string, string>> ReadIndex(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllText(path, Encoding.UTF8));
            if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty(WeightMap, out var map) || map.ValueKind != JsonValueKind.Object)
                throw new SafetensorsException(path, null, $"it is no index: there is no object '{WeightMap}'");
            return [.. map.EnumerateObject().Select(p => new KeyValuePair<string, string>(
                p.Name, p.Value.ValueKind == JsonValueKind.String ? p.Value.GetString()! : throw new SafetensorsException(path, p.Name, "its file is no text")))];
        }
        catch (JsonException e)
        {
            throw new SafetensorsException(path, null, $"it is no JSON: {e.Message}", e);
        }
    }
}
