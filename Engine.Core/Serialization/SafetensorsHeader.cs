using System.Text.Json;
using System.Text.Unicode;

namespace Edifice.Engine.Serialization;

/// <summary>A parsed and checked header: what it admits lies inside the file and can be read without further checks.</summary>
internal sealed class SafetensorsHeader
{
    private SafetensorsHeader(OrderedDictionary<string, SafetensorsEntry> tensors, OrderedDictionary<string, string> metadata)
    {
        Tensors = tensors;
        Metadata = metadata;
    }

    /// <summary>The tensors by name, in the header's order.</summary>
    public OrderedDictionary<string, SafetensorsEntry> Tensors { get; }

    /// <summary>The strings under <c>__metadata__</c>, in the header's order.</summary>
    public OrderedDictionary<string, string> Metadata { get; }

    /// <summary>Parses a header.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="json">The header's bytes with their padding.</param>
    /// <param name="dataLength">How many bytes follow the header.</param>
    /// <exception cref="SafetensorsException">The header breaks a rule of the format.</exception>
    public static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json, long dataLength)
    {
        if (json.IsEmpty || json[0] != '{') throw new SafetensorsException(path, null, "the header must begin with '{'");
        if (!Utf8.IsValid(json)) throw new SafetensorsException(path, null, "the header is not valid UTF-8");
        var parser = new Parser(path, json);
        try
        {
            parser.ReadHeader();
        }
        catch (JsonException e)
        {
            throw new SafetensorsException(path, parser.Tensor, $"the header is not valid JSON: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            // How Utf8JsonReader reports an escape that is half of a surrogate pair: valid JSON, but no text.
            throw new SafetensorsException(path, parser.Tensor, $"a string of the header is not text: {e.Message}", e);
        }

        CheckCover(path, parser.Tensors.Values, dataLength);
        return new SafetensorsHeader(parser.Tensors, parser.Metadata);
    }

    /// <summary>The elements of all tensors together must be the rest of the file: each byte belongs to one tensor.</summary>
    private static void CheckCover(string path, IEnumerable<SafetensorsEntry> entries, long dataLength)
    {
        // Empty tensors sort before the tensor that begins where they lie.
        var covered = 0L;
        foreach (var entry in entries.OrderBy(e => e.Begin).ThenBy(e => e.ByteLength))
        {
            if (entry.Begin != covered)
            {
                throw new SafetensorsException(path, entry.Name,
                    $"begins at byte {entry.Begin} of the data where byte {covered} is next: "
                    + (entry.Begin < covered ? "tensors must not overlap" : "there must be no gap before a tensor"));
            }

            covered += entry.ByteLength;
            if (covered > dataLength)
            {
                throw new SafetensorsException(path, entry.Name,
                    $"ends at byte {covered} of the data, but the file holds only {dataLength}");
            }
        }

        if (covered != dataLength)
        {
            throw new SafetensorsException(path, null,
                $"the tensors take {covered} bytes, but {dataLength} follow the header: every byte must belong to a tensor");
        }
    }

    private ref struct Parser(string path, ReadOnlySpan<byte> json)
    {
        // Root, one tensor, one list: nothing legal nests deeper.
        private Utf8JsonReader _json = new(json, new JsonReaderOptions { MaxDepth = 3 });

        /// <summary>The tensor being read, for messages.</summary>
        public string? Tensor { get; private set; }

        public OrderedDictionary<string, SafetensorsEntry> Tensors { get; } = [];

        public OrderedDictionary<string, string> Metadata { get; } = [];

        public void ReadHeader()
        {
            Expect(JsonTokenType.StartObject, "the header");
            var metadataSeen = false;
            while (NextProperty() is { } name)
            {
                if (name == SafetensorsFormat.MetadataKey)
                {
                    if (metadataSeen) throw Broken($"{SafetensorsFormat.MetadataKey} must not appear twice");
                    metadataSeen = true;
                    ReadMetadata();
                    continue;
                }

                Tensor = name;
                if (!Tensors.TryAdd(name, ReadEntry(name))) throw Broken("the name must not appear twice");
                Tensor = null;
            }

            _json.Read(); // Throws unless nothing but padding follows.
        }

        private void ReadMetadata()
        {
            Expect(JsonTokenType.StartObject, SafetensorsFormat.MetadataKey);
            while (NextProperty() is { } key)
            {
                Expect(JsonTokenType.String, $"the metadata value of {SafetensorsException.Quote(key)}");
                if (!Metadata.TryAdd(key, _json.GetString()!))
                    throw Broken($"the metadata key {SafetensorsException.Quote(key)} must not appear twice");
            }
        }

        private SafetensorsEntry ReadEntry(string name)
        {
            Expect(JsonTokenType.StartObject, "its description");
            string? format = null;
            int[]? dims = null;
            (long Begin, long End)? offsets = null;
            while (NextProperty() is { } key)
            {
                switch (key)
                {
                    case "dtype" when format is null:
                        Expect(JsonTokenType.String, "dtype");
                        format = _json.GetString()!;
                        break;
                    case "shape" when dims is null:
                        dims = ReadShape();
                        break;
                    case "data_offsets" when offsets is null:
                        offsets = ReadOffsets();
                        break;
                    case "dtype" or "shape" or "data_offsets":
                        throw Broken($"{key} must not appear twice");
                    default:
                        throw Broken($"{SafetensorsException.Quote(key)} is not one of dtype, shape and data_offsets");
                }
            }

            if (format is null) throw Broken("dtype is missing");
            if (dims is null) throw Broken("shape is missing");
            if (offsets is not var (begin, end)) throw Broken("data_offsets is missing");

            var shape = Shape.Create(dims);
            var byteLength = BytesOf(format, shape);
            if (end - begin != byteLength)
            {
                throw Broken($"data_offsets [{begin}, {end}] span {end - begin} bytes, but {format} {shape} takes {byteLength}");
            }

            return new SafetensorsEntry(name, format, shape, begin, byteLength);
        }

        private int[] ReadShape()
        {
            Expect(JsonTokenType.StartArray, "shape");
            Span<int> dims = stackalloc int[Shape.MaxRank];
            var rank = 0;
            while (NextItem())
            {
                if (rank == dims.Length) throw Broken($"a tensor has at most {Shape.MaxRank} axes");
                var extent = ReadNumber("an extent");
                if (extent > int.MaxValue) throw Broken($"an axis holds at most {int.MaxValue} entries, not {extent}");
                dims[rank++] = (int)extent;
            }

            return dims[..rank].ToArray();
        }

        private (long Begin, long End) ReadOffsets()
        {
            Expect(JsonTokenType.StartArray, "data_offsets");
            Span<long> ends = stackalloc long[2];
            var count = 0;
            while (NextItem())
            {
                if (count == ends.Length) throw Broken("data_offsets must be two numbers");
                ends[count++] = ReadNumber("an offset");
            }

            if (count < ends.Length) throw Broken("data_offsets must be two numbers");
            return ends[0] <= ends[1]
                ? (ends[0], ends[1])
                : throw Broken($"data_offsets [{ends[0]}, {ends[1]}] end before they begin");
        }

        /// <summary>The bytes of a shape. Empty axes are counted as 1 in the overflow check, since strides multiply the
        /// extents that way.</summary>
        private readonly long BytesOf(string format, Shape shape)
        {
            var bits = SafetensorsFormat.BitsOf(format);
            if (bits == 0) throw Broken($"{SafetensorsException.Quote(format)} is not a dtype of the format");
            var reach = (Int128)bits;
            foreach (var extent in shape.AsSpan())
            {
                reach *= Math.Max(extent, 1);
                if (reach > long.MaxValue) throw Broken($"the elements of {format} {shape} are more than can be addressed");
            }

            var total = shape.Count * bits;
            return total % 8 == 0 ? total / 8 : throw Broken($"the elements of {format} {shape} do not fill whole bytes");
        }

        /// <summary>The name of the next property, or null at the end of the object.</summary>
        private string? NextProperty()
        {
            _json.Read();
            return _json.TokenType == JsonTokenType.PropertyName ? _json.GetString() : null;
        }

        /// <summary>Steps to the next item of a list; false at its end.</summary>
        private bool NextItem()
        {
            _json.Read();
            return _json.TokenType != JsonTokenType.EndArray;
        }

        private readonly long ReadNumber(string what) =>
            _json.TokenType == JsonTokenType.Number && _json.TryGetInt64(out var value) && value >= 0
                ? value
                : throw Broken($"{what} must be a whole number from 0 to {long.MaxValue}");

        private void Expect(JsonTokenType type, string what)
        {
            _json.Read();
            if (_json.TokenType != type) throw Broken($"{what} must be {Describe(type)}, not {Describe(_json.TokenType)}");
        }

        private static string Describe(JsonTokenType type) => type switch
        {
            JsonTokenType.StartObject => "an object",
            JsonTokenType.StartArray => "a list",
            JsonTokenType.String => "a string",
            JsonTokenType.Number => "a number",
            JsonTokenType.Null => "null",
            _ => "a truth value",
        };

        private readonly SafetensorsException Broken(string rule) => new(path, Tensor, rule);
    }
}
