namespace Edifice.Attention;

/// <summary>What values an option takes.</summary>
public enum OptionKind
{
    /// <summary>A whole number.</summary>
    WholeNumber,

    /// <summary>A finite number.</summary>
    Number,

    /// <summary>True or false.</summary>
    TruthValue,

    /// <summary>One of a few words.</summary>
    Choice,
}

/// <summary>One option of a block, as lists and error messages show it.</summary>
/// <param name="Name">Its name in JSON, files and on the command line.</param>
/// <param name="Kind">What values it takes.</param>
/// <param name="Description">What it means.</param>
public sealed record BlockOption(string Name, OptionKind Kind, string Description)
{
    /// <summary>True when null is a value too; the description says what it stands for.</summary>
    public bool IsNullable { get; init; }

    /// <summary>The words of a <see cref="OptionKind.Choice"/>.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>The default as JSON; null: the option must be given.</summary>
    public string? Default { get; init; }

    /// <summary>The values in words: <c>a whole number or null</c>; <c>none, rope or alibi</c>.</summary>
    public string Values => (Kind switch
    {
        OptionKind.WholeNumber => "a whole number",
        OptionKind.Number => "a number",
        OptionKind.TruthValue => "true or false",
        _ => Listed(Choices),
    }) + (IsNullable ? " or null" : "");

    /// <summary>Words joined with commas and an "or".</summary>
    internal static string Listed(IReadOnlyList<string> words) =>
        words.Count < 2 ? string.Concat(words) : $"{string.Join(", ", words.Take(words.Count - 1))} or {words[^1]}";
}
