using Edifice.Engine;

namespace Edifice.Attention;

/// <summary>What a pass may be given beside the sequence. Most blocks take none of it and refuse it; see
/// <see cref="SequenceBlock.Takes"/>.</summary>
public sealed record SequenceInputs
{
    /// <summary>Nothing.</summary>
    public static SequenceInputs None { get; } = new();

    /// <summary>bool [B, L]: true where there is a real position, false for padding.</summary>
    public Tensor? KeyMask { get; init; }

    /// <summary>bool [B, L]: true where a new segment (document) begins.</summary>
    public Tensor? Reset { get; init; }

    /// <summary>The given ones by their names in files.</summary>
    internal IEnumerable<(string Name, Tensor Value)> Given
    {
        get
        {
            if (KeyMask is not null) yield return (KeyMaskName, KeyMask);
            if (Reset is not null) yield return (ResetName, Reset);
        }
    }

    /// <summary>Those of <paramref name="length"/> positions from <paramref name="start"/> on.</summary>
    internal SequenceInputs Narrow(int start, int length) =>
        new() { KeyMask = KeyMask?.Narrow(1, start, length), Reset = Reset?.Narrow(1, start, length) };

    internal const string KeyMaskName = "key_mask", ResetName = "reset";

    /// <summary>From named truth values; null for names that are absent.</summary>
    internal static SequenceInputs FromNamed(Func<string, Tensor?> named) =>
        new() { KeyMask = named(KeyMaskName), Reset = named(ResetName) };
}
