using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Cli.Tasks;

/// <summary>Induction heads (Olsson et al. 2022; Mamba, section 4.3.2): what followed the special token the first time is the
/// answer when it comes again at the end.</summary>
internal sealed class InductionHeads : ITask
{
    private const int Special = 0;

    public static readonly TaskOption[] Options =
    [
        new("vocab", "16", "number of tokens V, the special one included"),
        new("length", "64", "tokens per sequence L; tested up to 16 L"),
    ];

    public InductionHeads(OptionBag options)
        : this(options.Int("vocab", 16), options.Int("length", 64))
    {
    }

    private InductionHeads(int vocabulary, int length)
    {
        if (vocabulary < 3) throw new TensorException($"induction: the vocabulary needs at least 3 tokens, got {vocabulary}");
        if (length < 4) throw new TensorException($"induction: the length must be at least 4, got {length}");
        (Vocabulary, Length) = (vocabulary, length);
    }

    public string Name => "induction";

    public TaskForm Form => TaskForm.TokenByToken;

    public int Vocabulary { get; }

    public int Classes => Vocabulary;

    public int Length { get; }

    /// <summary>The same task on longer sequences, to see what a model trained on this one generalises to.</summary>
    public InductionHeads Longer(int factor) => new(Vocabulary, Length * factor);

    public Batch Draw(Generator random, int batch)
    {
        var rows = new Sequences(batch, Length);
        for (var b = 0; b < batch; b++)
        {
            Span<long> tokens = rows.Tokens(b), targets = rows.Targets(b);
            for (var t = 0; t < Length; t++) tokens[t] = 1 + random.NextInt(Vocabulary - 1);
            var first = random.NextInt(Length / 2);
            tokens[first] = Special;
            tokens[^1] = Special;
            targets[^1] = tokens[first + 1];
        }

        return rows.ToBatch();
    }
}
