namespace PtxEmulator.Parsing;

/// <summary>A text is not PTX, or PTX that the declared version and target do not have. The message begins with the line.</summary>
public sealed class PtxSyntaxException(int line, string message) : Exception($"ptx line {line}: {message}")
{
    /// <summary>Line of the text, from 1.</summary>
    public int Line { get; } = line;
}
