using Edifice.Engine;

namespace Edifice.Attention;

/// <summary>A block was asked for with options that it does not have, or that do not go together.</summary>
public sealed class OptionException : TensorException
{
    /// <summary>Creates the error.</summary>
    /// <param name="block">The block.</param>
    /// <param name="problems">Everything that is wrong, each with its reason.</param>
    public OptionException(string block, params IReadOnlyList<string> problems)
        : base($"{block}: {string.Join("; ", problems)}")
    {
        Block = block;
        Problems = problems;
    }

    /// <summary>The block.</summary>
    public string Block { get; }

    /// <summary>Everything that is wrong, each with its reason.</summary>
    public IReadOnlyList<string> Problems { get; }
}
