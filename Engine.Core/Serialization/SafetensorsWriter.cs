using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Edifice.Engine.Autograd;

namespace Edifice.Engine.Serialization;

/// <summary>Writes safetensors files.</summary>
internal static class SafetensorsWriter
{
    private const int PieceBytes = 1 << 20;

    /// <summary>Fails where an encoder would put a replacement character: such a name could not be read back.</summary>
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>See <see cref="SafetensorsFile.Write"/>.</summary>
    public static void Write(
        string path,
        IEnumerable<KeyValuePair<string, Tensor>> tensors,
        IEnumerable<KeyValuePair<string, string>>? metadata)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        var ordered = tensors
            .OrderByDescending(t => t.Value.DType.SizeOf())
            .ThenBy(t => t.Key, StringComparer.Ordinal)
            .ToArray();
        var header = BuildHeader(path, ordered, (metadata ?? []).OrderBy(m => m.Key, StringComparer.Ordinal));

        AtomicFile.Write(path, file =>
        {
            Span<byte> length = stackalloc byte[SafetensorsFormat.LengthBytes];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.WrittenCount);
            file.Write(length);
            file.Write(header.WrittenSpan);
            var piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
            try
            {
                foreach (var (_, tensor) in ordered) WriteElements(file, tensor, piece);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(piece);
            }
        });
    }

    private static ArrayBufferWriter<byte> BuildHeader(
        string path,
        ReadOnlySpan<KeyValuePair<string, Tensor>> tensors,
        IEnumerable<KeyValuePair<string, string>> metadata)
    {
        var header = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(header, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            WriteMetadata(path, json, metadata);
            var names = new HashSet<string>();
            var offset = 0L;
            foreach (var (name, tensor) in tensors)
            {
                if (name == SafetensorsFormat.MetadataKey)
                    throw new SafetensorsException(path, name, "the name is kept for the file's metadata");
                if (!names.Add(name)) throw new SafetensorsException(path, name, "the name must not appear twice");
                CheckText(path, name, name);
                json.WriteStartObject(name);
                json.WriteString("dtype", SafetensorsFormat.NameOf(tensor.DType));
                json.WriteStartArray("shape");
                foreach (var extent in tensor.Shape) json.WriteNumberValue(extent);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                offset = checked(offset + tensor.Count * tensor.DType.SizeOf());
                json.WriteNumberValue(offset);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        var padding = -header.WrittenCount & 7;
        header.GetSpan(padding)[..padding].Fill((byte)' ');
        header.Advance(padding);
        return header.WrittenCount <= SafetensorsFormat.MaxHeaderBytes
            ? header
            : throw new SafetensorsException(path, null,
                $"the header takes {header.WrittenCount} bytes; the format allows {SafetensorsFormat.MaxHeaderBytes}");
    }

    private static void WriteMetadata(string path, Utf8JsonWriter json, IEnumerable<KeyValuePair<string, string>> metadata)
    {
        string? last = null;
        foreach (var (key, value) in metadata)
        {
            if (last is null) json.WriteStartObject(SafetensorsFormat.MetadataKey);
            if (key == last)
            {
                throw new SafetensorsException(path, null,
                    $"the metadata key {SafetensorsException.Quote(key)} must not appear twice");
            }

            CheckText(path, null, key);
            CheckText(path, null, value);
            json.WriteString(key, value);
            last = key;
        }

        if (last is not null) json.WriteEndObject();
    }

    private static void CheckText(string path, string? tensor, string text)
    {
        try
        {
            _ = s_strict.GetByteCount(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new SafetensorsException(path, tensor,
                $"{SafetensorsException.Quote(text)} holds half of a surrogate pair and cannot be written as UTF-8", e);
        }
    }

    internal static void WriteElements(Stream file, Tensor tensor, byte[] piece)
    {
        using var off = GradMode.Off();
        var dense = tensor.IsContiguous ? tensor : tensor.Contiguous();
        try
        {
            var size = dense.DType.SizeOf();
            var (done, end) = (dense.Offset * size, (dense.Offset + dense.Count) * size);
            while (done < end)
            {
                var part = piece.AsSpan(0, (int)Math.Min(end - done, piece.Length));
                dense.Backend.Read(dense.Storage, done, part);
                file.Write(part);
                done += part.Length;
            }
        }
        finally
        {
            if (!ReferenceEquals(dense, tensor)) dense.Dispose();
        }
    }
}
