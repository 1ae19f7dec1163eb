using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Cli.Tasks;

/// <summary>Does the second half repeat the first? In half of the sequences one token of the second half is changed.</summary>
internal sealed class HalvesMatch : ITask
{
    public static readonly TaskOption[] Options =
    [
        new("vocab", "8", "number of tokens V"),
        new("length", "16", "tokens per sequence L, even"),
    ];

    public HalvesMatch(OptionBag options)
    {
        Vocabulary = options.Int("vocab", 8);
        Length = options.Int("length", 16);
        if (Vocabulary < 2) throw new TensorException($"match: the vocabulary needs at least 2 tokens, got {Vocabulary}");
        if (Length < 2 || Length % 2 != 0) throw new TensorException($"match: the length must be even and at least 2, got {Length}");
    }

    public string Name => "match";

    public TaskForm Form => TaskForm.WholeSequence;

    public int Vocabulary { get; }

    public int Classes => 2;

    public int Length { get; }

    public Batch Draw(Generator random, int batch)
    {
        var rows = new Sequences(batch, Length);
        var answers = new long[batch];
        var half = Length / 2;
        for (var b = 0; b < batch; b++)
        {
            var tokens = rows.Tokens(b);
            for (var t = 0; t < half; t++) tokens[t] = tokens[half + t] = random.NextInt(Vocabulary);
            answers[b] = random.NextInt(2);
            if (answers[b] == 1) continue;
            var place = half + random.NextInt(half);
            tokens[place] = (tokens[place] + 1 + random.NextInt(Vocabulary - 1)) % Vocabulary;
        }

        return rows.ToBatch(answers);
    }
}
