using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Cli.Tasks;

/// <summary>Which token occurs most often: a class of the whole sequence, for blocks that see it both ways.</summary>
internal sealed class Majority : ITask
{
    public static readonly TaskOption[] Options =
    [
        new("vocab", "4", "number of tokens V, which are also the answers"),
        new("length", "32", "tokens per sequence L"),
    ];

    public Majority(OptionBag options)
    {
        Vocabulary = options.Int("vocab", 4);
        Length = options.Int("length", 32);
        if (Vocabulary < 2) throw new TensorException($"majority: the vocabulary needs at least 2 tokens, got {Vocabulary}");
        if (Length < 1) throw new TensorException($"majority: the length must be at least 1, got {Length}");
    }

    public string Name => "majority";

    public TaskForm Form => TaskForm.WholeSequence;

    public int Vocabulary { get; }

    public int Classes => Vocabulary;

    public int Length { get; }

    public Batch Draw(Generator random, int batch)
    {
        var rows = new Sequences(batch, Length);
        var answers = new long[batch];
        var counts = new int[Vocabulary];
        for (var b = 0; b < batch; b++)
        {
            int best;
            do
            {
                // A tie has no answer: such a sequence is drawn again.
                Array.Clear(counts);
                foreach (ref var token in rows.Tokens(b)) counts[token = random.NextInt(Vocabulary)]++;
                best = counts.Max();
            }
            while (counts.Count(c => c == best) > 1);
            answers[b] = Array.IndexOf(counts, best);
        }

        return rows.ToBatch(answers);
    }
}
