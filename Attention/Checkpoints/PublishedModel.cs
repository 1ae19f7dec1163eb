using Edifice.Nn;

namespace Edifice.Attention.Checkpoints;

/// <summary>A published language model as one of ours: everything but its weights.</summary>
/// <param name="Options">The block's options; those that say how and not what to compute have their defaults, dropout is 0.</param>
/// <param name="Vocabulary">V.</param>
/// <param name="Tied">The head's weight is the embedding's.</param>
/// <param name="EmbeddingScale">What the embedding's weight is multiplied by.</param>
/// <param name="LogitCap">The bound on the scores' size; null: none.</param>
public sealed record PublishedModel(BlockOptions Options, int Vocabulary, bool Tied, double EmbeddingScale = 1, double? LogitCap = null)
{
    /// <summary>A new model of this description.</summary>
    /// <param name="parameters">Dtype, device and random stream; null: the defaults.</param>
    public LanguageModel Build(ParameterOptions? parameters = null) => new(
        Vocabulary, Blocks.Build(Options, parameters), Tied, parameters: parameters, embeddingScale: EmbeddingScale, logitCap: LogitCap);

    /// <summary>What is different in another model of the same block, with both values.</summary>
    internal IEnumerable<string> Differences(PublishedModel other)
    {
        var (mine, theirs) = (Options.ToOptions(), other.Options.ToOptions());
        foreach (var name in mine.Names)
        {
            string a = mine.Raw(name)!.Value.GetRawText(), b = theirs.Raw(name)!.Value.GetRawText();
            if (a != b) yield return $"{name} is {a}, the layout can only say {b}";
        }

        if (Vocabulary != other.Vocabulary) yield return $"the vocabulary is {Vocabulary}, the layout can only say {other.Vocabulary}";
        if (Tied != other.Tied) yield return Tied ? "the head is tied, in the layout it is not" : "the head has a weight of its own, in the layout it is tied";
        if (!EmbeddingScale.Equals(other.EmbeddingScale))
            yield return FormattableString.Invariant($"the embedding is multiplied by {EmbeddingScale}, in the layout by {other.EmbeddingScale}");
        if (!Nullable.Equals(LogitCap, other.LogitCap))
            yield return FormattableString.Invariant($"the cap on scores is {LogitCap?.ToString() ?? "none"}, in the layout {other.LogitCap?.ToString() ?? "none"}");
    }
}
