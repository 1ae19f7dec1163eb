using System.Globalization;
using System.Text.Json;

namespace Edifice.Engine.Ops;

/// <summary>Named options as JSON: of an op case, a block, an optimizer. Readers state type and default where they use them.</summary>
public sealed class OptionBag
{
    private readonly Dictionary<string, JsonElement> _values;

    private OptionBag(Dictionary<string, JsonElement> values) => _values = values;

    /// <summary>No options.</summary>
    public static OptionBag Empty { get; } = new([]);

    /// <summary>The names that are set, in the order they were written.</summary>
    public IReadOnlyCollection<string> Names => _values.Keys;

    /// <summary>Reads a JSON object.</summary>
    /// <exception cref="TensorException">Not a JSON object, or a name is set twice.</exception>
    public static OptionBag Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new TensorException($"options: needs a JSON object, got {document.RootElement.ValueKind}");
            var values = new Dictionary<string, JsonElement>();
            foreach (var p in document.RootElement.EnumerateObject())
                if (!values.TryAdd(p.Name, p.Value.Clone()))
                    throw new TensorException($"options: '{p.Name}' is set twice");
            return new OptionBag(values);
        }
        catch (JsonException e)
        {
            throw new TensorException($"options: not valid JSON: {e.Message}", e);
        }
    }

    /// <summary>These options with one more set; <paramref name="json"/> is a JSON value.</summary>
    public OptionBag With(string name, string json)
    {
        using var document = JsonDocument.Parse(json);
        return new OptionBag(new(_values) { [name] = document.RootElement.Clone() });
    }

    /// <summary>These options without one of them.</summary>
    public OptionBag Without(string name)
    {
        var values = new Dictionary<string, JsonElement>(_values);
        values.Remove(name);
        return new OptionBag(values);
    }

    /// <summary>True when the option is set to something other than null.</summary>
    public bool Has(string name) => _values.TryGetValue(name, out var v) && v.ValueKind != JsonValueKind.Null;

    /// <summary>The raw value, or null when unset.</summary>
    public JsonElement? Raw(string name) => _values.TryGetValue(name, out var v) ? v : null;

    /// <summary>A whole number.</summary>
    public int Int(string name, int fallback) => IntOrNull(name) ?? fallback;

    /// <summary>A whole number or null.</summary>
    public int? IntOrNull(string name)
    {
        if (!Has(name)) return null;
        var v = _values[name];
        if (v.ValueKind == JsonValueKind.Number)
        {
            if (v.TryGetInt32(out var i)) return i;
            if (v.TryGetDouble(out var d) && d == Math.Floor(d) && Math.Abs(d) <= int.MaxValue) return (int)d;
        }

        throw Wrong(name, "a whole number");
    }

    /// <summary>A finite number.</summary>
    public double Double(string name, double fallback) => DoubleOrNull(name) ?? fallback;

    /// <summary>A finite number or null.</summary>
    public double? DoubleOrNull(string name)
    {
        if (!Has(name)) return null;
        return _values[name].ValueKind == JsonValueKind.Number && _values[name].TryGetDouble(out var d) && double.IsFinite(d)
            ? d
            : throw Wrong(name, "a finite number");
    }

    /// <summary>True or false.</summary>
    public bool Bool(string name, bool fallback) => !Has(name) ? fallback : _values[name].ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(name, "true or false"),
    };

    /// <summary>A text.</summary>
    public string Text(string name, string fallback) => !Has(name) ? fallback
        : _values[name].ValueKind == JsonValueKind.String ? _values[name].GetString()! : throw Wrong(name, "a text");

    /// <summary>A list of whole numbers, or null when unset.</summary>
    public int[]? Ints(string name)
    {
        if (!Has(name)) return null;
        var v = _values[name];
        if (v.ValueKind != JsonValueKind.Array) throw Wrong(name, "a list of whole numbers");
        return [.. v.EnumerateArray().Select(e => e.TryGetInt32(out var i) ? i : throw Wrong(name, "a list of whole numbers"))];
    }

    /// <summary>A list of numbers, or null when unset.</summary>
    public double[]? Doubles(string name)
    {
        if (!Has(name)) return null;
        var v = _values[name];
        if (v.ValueKind != JsonValueKind.Array) throw Wrong(name, "a list of numbers");
        return [.. v.EnumerateArray().Select(e => e.TryGetDouble(out var d) ? d : throw Wrong(name, "a list of numbers"))];
    }

    /// <summary>The options as one JSON object.</summary>
    public override string ToString() =>
        "{" + string.Join(", ", _values.Select(p => $"{JsonEncodedText.Encode(p.Key).ToString().Insert(0, "\"")}\": {p.Value.GetRawText()}")) + "}";

    private TensorException Wrong(string name, string needed) => new(string.Create(
        CultureInfo.InvariantCulture, $"option '{name}': needs {needed}, got {_values[name].GetRawText()}"));
}
