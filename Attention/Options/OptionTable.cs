using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Edifice.Engine.Ops;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>All options of one block as rows: what lists print and what JSON and the command line set.</summary>
public abstract class OptionTable
{
    private protected OptionTable(string block, string recordBlock) => (Block, RecordBlock) = (block, recordBlock);

    /// <summary>The block.</summary>
    public string Block { get; }

    /// <summary>The block whose options record this is: another one than <see cref="Block"/> for a preset.</summary>
    internal string RecordBlock { get; }

    /// <summary>The options in the order in which they are listed.</summary>
    public abstract IReadOnlyList<BlockOption> Rows { get; }

    /// <summary>Starts a table with the options that every block has.</summary>
    /// <param name="defaults">An object with every default; its <see cref="BlockOptions.EmbedDim"/> is not looked at.</param>
    public static OptionTable<T> For<T>(T defaults) where T : BlockOptions => new(defaults);

    /// <summary>Reads options from JSON; those left out have their defaults.</summary>
    /// <exception cref="OptionException">An unknown name or word (the message has the nearest one), <c>embed_dim</c> is
    /// missing, or the values do not go together.</exception>
    /// <exception cref="Engine.TensorException">A value of another kind.</exception>
    public BlockOptions Read(OptionBag options)
    {
        ArgumentNullException.ThrowIfNull(options);
        foreach (var name in options.Names)
        {
            var row = Find(name);
            if (options.Has(name) || row.IsNullable) continue;
            throw new OptionException(Block, $"{name} cannot be null: it needs {row.Values}");
        }

        foreach (var row in Rows)
            if (row.Default is null && !options.Has(row.Name))
                throw new OptionException(Block, $"{row.Name} is missing ({row.Description})");

        var read = ReadRows(options);
        read.Validate();
        return read;
    }

    /// <summary>A row by its name.</summary>
    /// <exception cref="OptionException">There is none.</exception>
    public BlockOption Find(string name) => Rows.FirstOrDefault(r => r.Name == name) ?? throw new OptionException(
        Block, $"there is no option '{name}'{NearestName.Hint(name, Rows.Select(r => r.Name))}; there are {string.Join(", ", Rows.Select(r => r.Name))}");

    /// <summary>Sets one option from text, as after <c>--option</c> on the command line: <c>num_heads=8</c>,
    /// <c>position=rope</c>, <c>head_dim=null</c>.</summary>
    /// <exception cref="OptionException">The name is unknown, or the text is no value of the option.</exception>
    public OptionBag With(OptionBag options, string name, string text)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(text);
        var row = Find(name);
        var word = text.Trim();
        var json = word switch
        {
            "null" => row.IsNullable ? word : null,
            _ => row.Kind switch
            {
                OptionKind.WholeNumber => int.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var i)
                    ? i.ToString(CultureInfo.InvariantCulture) : null,
                OptionKind.Number => double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var d) && double.IsFinite(d)
                    ? d.ToString("R", CultureInfo.InvariantCulture) : null,
                OptionKind.TruthValue => word is "true" or "false" ? word : null,
                _ => row.Choices.Contains(word) ? $"\"{word}\"" : null,
            },
        };
        return json is not null ? options.With(name, json) : throw NoValue(row, text);
    }

    /// <summary>The values of this table's rows, as <see cref="Read"/> takes them; numbers keep all their bits. A block that
    /// fixes some of its type's options, as Hawk does with Griffin's, has no row for those.</summary>
    /// <param name="options">Options that <see cref="Read"/> gave.</param>
    public OptionBag Write(BlockOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            WriteRows(options, json);
            json.WriteEndObject();
        }

        return OptionBag.Parse(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }

    private protected abstract BlockOptions ReadRows(OptionBag options);

    private protected abstract void WriteRows(BlockOptions options, Utf8JsonWriter json);

    private protected OptionException NoValue(BlockOption row, string text) =>
        new(Block, $"{row.Name} must be {row.Values}, got '{text}'{NearestName.Hint(text, row.Choices)}");
}

/// <summary>The rows of one options record: each knows how its option is read into the record and written from it.</summary>
public sealed class OptionTable<T> : OptionTable where T : BlockOptions
{
    private sealed record Row(BlockOption Option, Func<T, OptionBag, T> Read, Action<T, Utf8JsonWriter> Write);

    private readonly T _defaults;
    private readonly List<Row> _rows = [];
    private readonly Row _dropout;
    private IReadOnlyList<BlockOption>? _listed;

    internal OptionTable(T defaults) : base(defaults.Block, defaults.Block)
    {
        _defaults = defaults;
        _rows.Add(new Row(
            new BlockOption("embed_dim", OptionKind.WholeNumber, "width of the input"),
            (o, json) => With(o, b => b with { EmbedDim = json.Int("embed_dim", 0) }),
            (o, json) => json.WriteNumber("embed_dim", o.EmbedDim)));
        Int("hidden_size", "width of hidden states and output", o => o.HiddenSize, (o, v) => With(o, b => b with { HiddenSize = v }));
        Int("num_layers", "number of layers", o => o.NumLayers, (o, v) => With(o, b => b with { NumLayers = v }));
        Number("dropout", "probability of dropping an element in training", o => o.Dropout, (o, v) => With(o, b => b with { Dropout = v }));
        // Listed last, after the rows that are still to be added.
        _dropout = _rows[^1];
        _rows.Remove(_dropout);
    }

    private OptionTable(string block, T defaults, IEnumerable<Row> rows, Row dropout) : base(block, defaults.Block)
    {
        _defaults = defaults;
        _rows.AddRange(rows.Select(Defaulted));
        _dropout = Defaulted(dropout);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<BlockOption> Rows => _listed ??= [.. All.Select(r => r.Option)];

    private IEnumerable<Row> All => _rows.Append(_dropout);

    /// <summary>Adds a whole number.</summary>
    public OptionTable<T> Int(string name, string description, Func<T, int> get, Func<T, int, T> set) => Add(
        new BlockOption(name, OptionKind.WholeNumber, description),
        (o, json) => set(o, json.Int(name, get(o))), (o, json) => json.WriteNumber(name, get(o)));

    /// <summary>Adds a whole number or null.</summary>
    public OptionTable<T> IntOrNull(string name, string description, Func<T, int?> get, Func<T, int?, T> set) => Add(
        new BlockOption(name, OptionKind.WholeNumber, description) { IsNullable = true },
        (o, json) => set(o, json.IntOrNull(name)),
        (o, json) =>
        {
            if (get(o) is { } v) json.WriteNumber(name, v);
            else json.WriteNull(name);
        });

    /// <summary>Adds a number.</summary>
    public OptionTable<T> Number(string name, string description, Func<T, double> get, Func<T, double, T> set) => Add(
        new BlockOption(name, OptionKind.Number, description),
        (o, json) => set(o, json.Double(name, get(o))), (o, json) => json.WriteNumber(name, get(o)));

    /// <summary>Adds a number or null.</summary>
    public OptionTable<T> NumberOrNull(string name, string description, Func<T, double?> get, Func<T, double?, T> set) => Add(
        new BlockOption(name, OptionKind.Number, description) { IsNullable = true },
        (o, json) => set(o, json.DoubleOrNull(name)),
        (o, json) =>
        {
            if (get(o) is { } v) json.WriteNumber(name, v);
            else json.WriteNull(name);
        });

    /// <summary>Adds a truth value.</summary>
    public OptionTable<T> Bool(string name, string description, Func<T, bool> get, Func<T, bool, T> set) => Add(
        new BlockOption(name, OptionKind.TruthValue, description),
        (o, json) => set(o, json.Bool(name, get(o))), (o, json) => json.WriteBoolean(name, get(o)));

    /// <summary>Adds a choice between words, each standing for a value.</summary>
    public OptionTable<T> Choice<TValue>(
        string name, string description, (string Word, TValue Value)[] words, Func<T, TValue> get, Func<T, TValue, T> set) where TValue : notnull
    {
        var option = new BlockOption(name, OptionKind.Choice, description) { Choices = [.. words.Select(w => w.Word)] };
        return Add(
            option,
            (o, json) =>
            {
                var given = json.Text(name, "");
                foreach (var (word, value) in words)
                    if (word == given) return set(o, value);
                throw NoValue(option, given);
            },
            (o, json) => json.WriteString(name, words.First(w => w.Value.Equals(get(o))).Word));
    }

    /// <summary>The same options under another block's name and with other defaults.</summary>
    /// <param name="block">The name.</param>
    /// <param name="change">Changes the defaults.</param>
    /// <param name="fixedRows">Rows that are no longer options but keep the changed default.</param>
    public OptionTable<T> Preset(string block, Func<T, T> change, params IReadOnlyCollection<string> fixedRows) =>
        new(block, change(_defaults), _rows.Where(r => !fixedRows.Contains(r.Option.Name)), _dropout);

    private protected override BlockOptions ReadRows(OptionBag options)
    {
        var read = _defaults;
        foreach (var row in All)
            if (options.Raw(row.Option.Name) is not null) read = row.Read(read, options);
        return read;
    }

    private protected override void WriteRows(BlockOptions options, Utf8JsonWriter json)
    {
        foreach (var row in All) row.Write((T)options, json);
    }

    private OptionTable<T> Add(BlockOption option, Func<T, OptionBag, T> read, Action<T, Utf8JsonWriter> write)
    {
        _rows.Add(new Row(option with { Default = DefaultOf(option.Name, write) }, read, write));
        return this;
    }

    private Row Defaulted(Row row) => row.Option.Default is null
        ? row
        : row with { Option = row.Option with { Default = DefaultOf(row.Option.Name, row.Write) } };

    private string DefaultOf(string name, Action<T, Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(_defaults, json);
            json.WriteEndObject();
        }

        return OptionBag.Parse(Encoding.UTF8.GetString(buffer.WrittenSpan)).Raw(name)!.Value.GetRawText();
    }

    // A copy made through the base type keeps the derived type and all of its properties.
    private static T With(T options, Func<BlockOptions, BlockOptions> change) => (T)change(options);
}
