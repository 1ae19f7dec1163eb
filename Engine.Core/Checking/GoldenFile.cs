using System.Globalization;
using Edifice.Engine.Ops;
using Edifice.Engine.Serialization;

namespace Edifice.Engine.Checking;

/// <summary>A safetensors file of inputs and the results that are right for them: of one op, one block, or one training run.</summary>
/// <remarks>
/// Tensors are F64 whatever they stand for (truth values as 0 and 1, class numbers as exact integers) and named by role:
/// <c>in.</c>, <c>out.</c>, <c>cotangent.</c> and <c>grad.</c>, for blocks <c>param.</c> and <c>buffer.</c>, for training runs
/// <c>final.</c>. The metadata say what is run (<c>op</c> or <c>block</c>, <c>kind</c> for a training run) and with which <c>options</c>.
/// </remarks>
public sealed class GoldenFile : IDisposable
{
    private readonly SafetensorsFile _file;

    private GoldenFile(SafetensorsFile file)
    {
        _file = file;
        Name = Path.GetFileNameWithoutExtension(file.Path);
        Options = Metadata("options") is { } options ? OptionBag.Parse(options) : OptionBag.Empty;
        DType = Metadata("dtype") switch
        {
            null => null,
            "f32" => Engine.DType.Float32,
            "f64" => Engine.DType.Float64,
            var other => throw new TensorException($"{file.Path}: metadata dtype must be f32 or f64, got '{other}'"),
        };
    }

    /// <summary>The file's name without folder and extension.</summary>
    public string Name { get; }

    /// <summary>The op whose case this is, or null.</summary>
    public string? Op => Metadata("op");

    /// <summary>The block whose case or training run this is, or null.</summary>
    public string? Block => Metadata("block");

    /// <summary><c>train</c> for a training run, null for a plain case.</summary>
    public string? Kind => Metadata("kind");

    /// <summary>The options of the op or block.</summary>
    public OptionBag Options { get; }

    /// <summary>The dtype the case must run in; null: any.</summary>
    public DType? DType { get; }

    /// <summary>True for op cases named <c>special…</c>: infinities, NaN, subnormals, largest numbers.</summary>
    public bool IsSpecial => Op is { } op && Name.StartsWith($"op-{op}-special", StringComparison.Ordinal);

    /// <summary>Opens a file.</summary>
    /// <exception cref="SafetensorsException">It breaks a rule of the format.</exception>
    /// <exception cref="TensorException">Its metadata make no sense.</exception>
    public static GoldenFile Open(string path)
    {
        var file = SafetensorsFile.Open(path);
        try
        {
            return new GoldenFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The names of one role, without the role: <c>Names("in")</c>.</summary>
    public IEnumerable<string> Names(string role) => _file.Tensors.Keys
        .Where(n => n.Length > role.Length && n[role.Length] == '.' && n.StartsWith(role, StringComparison.Ordinal))
        .Select(n => n[(role.Length + 1)..]);

    /// <summary>True when the file has a tensor (by its full name).</summary>
    public bool Has(string name) => _file.Tensors.ContainsKey(name);

    /// <summary>A tensor by its full name, converted.</summary>
    public Tensor Read(string name, DType dtype = Engine.DType.Float64, Device? device = null) => _file.Read(name, dtype, device);

    /// <summary>A note of the file's metadata, or null.</summary>
    public string? Metadata(string key) => _file.Metadata.GetValueOrDefault(key);

    /// <summary>A whole number of the metadata.</summary>
    /// <exception cref="TensorException">It is absent or no whole number.</exception>
    public int Number(string key) => int.TryParse(Metadata(key), NumberStyles.Integer, CultureInfo.InvariantCulture, out var n)
        ? n
        : throw new TensorException($"{_file.Path}: metadata '{key}' must be a whole number, got '{Metadata(key)}'");

    /// <summary>G: the largest magnitude among all gradients of the file.</summary>
    public double LargestGradient()
    {
        double largest = 0;
        foreach (var name in Names("grad"))
        {
            using var g = Read("grad." + name);
            foreach (var v in g.AsSpan<double>())
                if (double.IsFinite(v)) largest = Math.Max(largest, Math.Abs(v));
        }

        return largest;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
