using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Cli.Tasks;

/// <summary>Multi-query associative recall (Arora et al., "Zoology", 2023, section 3): key-value pairs, then every key is asked
/// for once, at places drawn with a power law, between random tokens.</summary>
internal sealed class AssociativeRecall : ITask
{
    public static readonly TaskOption[] Options =
    [
        new("vocab", "128", "number of tokens V: keys from the lower half, values from the upper"),
        new("length", "64", "tokens per sequence L, even"),
        new("pairs", "4", "key-value pairs N, 4 N ≤ L"),
        new("min_pairs", "pairs", "the fewest pairs of a sequence: each draws its N from min_pairs, twice, four times as many, … up to pairs"),
        new("power", "0.01", "exponent a: a query stands at pair place g with weight (g+1)^(a-1)"),
        new("random_fill", "true", "random tokens between the queries instead of token 0"),
    ];

    private readonly int _pairs, _minPairs, _doublings;
    private readonly bool _randomFill;
    private readonly double[] _weights;

    public AssociativeRecall(OptionBag options)
    {
        Vocabulary = options.Int("vocab", 128);
        Length = options.Int("length", 64);
        _pairs = options.Int("pairs", 4);
        _minPairs = options.Int("min_pairs", _pairs);
        _randomFill = options.Bool("random_fill", true);
        var power = options.Double("power", 0.01);
        if (_pairs < 1) throw new TensorException($"mqar: pairs must be at least 1, got {_pairs}");
        if (Length % 2 != 0) throw new TensorException($"mqar: the length must be even (keys and values come in pairs), got {Length}");
        if (4L * _pairs > Length) throw new TensorException($"mqar: {_pairs} pairs need a length of at least {4L * _pairs}, got {Length}");
        if (Vocabulary <= Length) throw new TensorException($"mqar: the vocabulary ({Vocabulary}) must be larger than the length ({Length})");
        if (_minPairs < 1 || _minPairs > _pairs) throw new TensorException($"mqar: min_pairs must lie between 1 and pairs ({_pairs}), got {_minPairs}");
        while (_minPairs << (_doublings + 1) <= _pairs) _doublings++;
        _weights = new double[(Length - 2 * _minPairs) / 2];
        for (var g = 0; g < _weights.Length; g++) _weights[g] = Math.Pow(g + 1, power - 1);
    }

    public string Name => "mqar";

    public TaskForm Form => TaskForm.TokenByToken;

    public int Vocabulary { get; }

    public int Classes => Vocabulary;

    public int Length { get; }

    public Batch Draw(Generator random, int batch)
    {
        var rows = new Sequences(batch, Length);
        for (var b = 0; b < batch; b++)
        {
            Span<long> tokens = rows.Tokens(b), targets = rows.Targets(b);
            var pairs = _doublings == 0 ? _pairs : _minPairs << random.NextInt(_doublings + 1);
            var keys = Sequences.Distinct(random, 1, Vocabulary / 2, pairs);
            var values = Sequences.Distinct(random, Vocabulary / 2, Vocabulary, pairs);
            for (var i = 0; i < pairs; i++) (tokens[2 * i], tokens[2 * i + 1]) = (keys[i], values[i]);
            if (_randomFill)
                for (var t = 2 * pairs; t < Length; t++) tokens[t] = random.NextInt(Vocabulary);
            var places = Places(random, pairs);
            for (var i = 0; i < pairs; i++)
            {
                var t = 2 * pairs + 2 * places[i];
                tokens[t] = keys[i];
                targets[t] = values[i];
            }
        }

        return rows.ToBatch();
    }

    /// <summary>Pair places without repetition, weighted.</summary>
    private int[] Places(Generator random, int pairs)
    {
        var weights = _weights[..((Length - 2 * pairs) / 2)];
        var places = new int[pairs];
        for (var i = 0; i < pairs; i++)
        {
            double total = 0;
            foreach (var w in weights) total += w;
            var at = random.NextDouble() * total;
            var g = 0;
            while (g < weights.Length - 1 && (weights[g] == 0 || (at -= weights[g]) >= 0)) g++;
            while (weights[g] == 0) g--;
            places[i] = g;
            weights[g] = 0;
        }

        return places;
    }
}
