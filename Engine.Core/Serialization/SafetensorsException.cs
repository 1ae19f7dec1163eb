using System.Text;

namespace Edifice.Engine.Serialization;

/// <summary>A safetensors file breaks a rule of the format, holds what the engine has no type for, or was asked for a
/// tensor it does not have.</summary>
public sealed class SafetensorsException : TensorException
{
    private const int LongestNameShown = 80;

    /// <summary>Creates the error.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensor">The tensor at fault; null when it is the file as a whole.</param>
    /// <param name="rule">The rule that was broken, with the values that broke it.</param>
    /// <param name="inner">What noticed it first, if anything else did.</param>
    public SafetensorsException(string path, string? tensor, string rule, Exception? inner = null)
        : base($"{path}: {(tensor is null ? "" : $"tensor {Quote(tensor)}: ")}{rule}", inner!)
    {
        Path = path;
        Tensor = tensor;
        Rule = rule;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The tensor at fault; null when it is the file as a whole.</summary>
    public string? Tensor { get; }

    /// <summary>The rule that was broken, with the values that broke it.</summary>
    public string Rule { get; }

    /// <summary>A name from a file as a message may show it: names are foreign text, of any length and with any
    /// characters in them.</summary>
    internal static string Quote(string name)
    {
        var shown = new StringBuilder("'");
        foreach (var c in name.AsSpan(0, Math.Min(name.Length, LongestNameShown)))
            _ = char.IsControl(c) ? shown.Append($"\\u{(int)c:x4}") : shown.Append(c);
        return shown.Append(name.Length > LongestNameShown ? "…'" : "'").ToString();
    }
}
