using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Cli.Tasks;

/// <summary>Selective copying (Gu and Dao, "Mamba", 2023, section 4.3.1): data tokens at random places among blanks; at the
/// markers behind them they are to be repeated in order.</summary>
internal sealed class SelectiveCopy : ITask
{
    private const int Blank = 0, Marker = 1, FirstData = 2;

    public static readonly TaskOption[] Options =
    [
        new("vocab", "16", "number of tokens V, blank and marker included"),
        new("tokens", "8", "data tokens M to remember"),
        new("length", "48", "places L for data and blanks; M markers follow"),
    ];

    private readonly int _data;
    private readonly int _places;

    public SelectiveCopy(OptionBag options)
    {
        Vocabulary = options.Int("vocab", 16);
        _data = options.Int("tokens", 8);
        _places = options.Int("length", 48);
        if (Vocabulary < FirstData + 1) throw new TensorException($"copy: the vocabulary needs at least {FirstData + 1} tokens, got {Vocabulary}");
        if (_data < 1 || _data > _places) throw new TensorException($"copy: {_data} data tokens do not fit {_places} places");
    }

    public string Name => "copy";

    public TaskForm Form => TaskForm.TokenByToken;

    public int Vocabulary { get; }

    public int Classes => Vocabulary;

    public int Length => _places + _data;

    public Batch Draw(Generator random, int batch)
    {
        var rows = new Sequences(batch, Length);
        for (var b = 0; b < batch; b++)
        {
            Span<long> tokens = rows.Tokens(b), targets = rows.Targets(b);
            tokens.Fill(Blank);
            var places = Sequences.Distinct(random, 0, _places, _data);
            Array.Sort(places);
            for (var i = 0; i < _data; i++)
            {
                var token = FirstData + random.NextInt(Vocabulary - FirstData);
                tokens[places[i]] = token;
                tokens[_places + i] = Marker;
                targets[_places + i] = token;
            }
        }

        return rows.ToBatch();
    }
}
