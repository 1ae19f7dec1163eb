using System.Globalization;

namespace Edifice.Attention;

/// <summary>Collects what is wrong with a block's options, so that one message names all of it.</summary>
public sealed class OptionProblems
{
    private readonly List<string> _found = [];

    internal IReadOnlyList<string> Found => _found;

    /// <summary>A rule of the block's own.</summary>
    /// <param name="broken">True: the rule is broken.</param>
    /// <param name="problem">What is wrong and what would be right.</param>
    public void When(bool broken, string problem)
    {
        if (broken) _found.Add(problem);
    }

    /// <summary>The size must be at least 1; null passes.</summary>
    public void Size(string name, int? value) => When(value < 1, $"{name} must be at least 1, got {value}");

    /// <summary>The number must be above a bound and finite; null passes.</summary>
    public void Above(string name, double? value, double bound) => When(
        value is { } v && !(v > bound && double.IsFinite(v)), Text($"{name} must be a finite number above {bound}, got {value}"));

    /// <summary>The number must lie in [0, 1).</summary>
    public void Fraction(string name, double value) => When(value is not (>= 0 and < 1), Text($"{name} must lie in [0, 1), got {value}"));

    /// <summary>One size must divide another. Sizes below 1 pass: <see cref="Size"/> reports them.</summary>
    public void Divides(string name, int value, string wholeName, int whole, string hint = "") => When(
        value >= 1 && whole >= 1 && whole % value != 0, $"{wholeName} {whole} is not divisible by {name} {value}{hint}");

    /// <summary>The multiple of H that is the inner width of a feed-forward, rounded, must give at least 1.</summary>
    public void FeedForward(double multiple, int hiddenSize) => When(
        hiddenSize >= 1 && Choices.InnerWidth(multiple, hiddenSize) < 1,
        Text($"ffn_mult {multiple} times hidden_size {hiddenSize} gives no inner width of at least 1"));

    /// <summary>An enumeration's value must be one that has a name.</summary>
    public void Known<TEnum>(string name, TEnum value) where TEnum : struct, Enum =>
        When(!Enum.IsDefined(value), $"{name} has the unknown value {value}");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
