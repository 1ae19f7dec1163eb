using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Edifice.Engine.Serialization;

/// <summary>What stands before the elements of a .npy file: element type, byte order, axis order, extents.</summary>
/// <remarks>Format: magic, version, length, and a Python dictionary literal of exactly the keys descr, fortran_order and shape
/// (NumPy Enhancement Proposal 1, and its versions 2.0 with a longer length and 3.0 in UTF-8).</remarks>
internal sealed record NpyHeader(DType DType, bool Swapped, bool FortranOrder, int[] Dims)
{
    private const int Alignment = 64;
    private const int LongestHeader = 1 << 20;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    public static NpyHeader Read(Stream stream, string path)
    {
        Span<byte> start = stackalloc byte[12];
        Fill(stream, start[..10], path);
        if (!start[..6].SequenceEqual(Magic)) throw Broken(path, "it does not begin as a .npy file does");
        if (start[6] is < 1 or > 3 || start[7] != 0) throw Broken(path, $"its version is {start[6]}.{start[7]}; 1.0, 2.0 and 3.0 are known");
        long length = BinaryPrimitives.ReadUInt16LittleEndian(start[8..]);
        if (start[6] > 1)
        {
            Fill(stream, start[10..12], path);
            length = BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
        }

        if (length > LongestHeader) throw Broken(path, $"its header claims {length} bytes");
        var bytes = new byte[length];
        Fill(stream, bytes, path);
        return new NpyLiteral((start[6] == 3 ? Encoding.UTF8 : Encoding.Latin1).GetString(bytes), path).Parse();
    }

    public static void Write(Stream stream, DType dtype, ReadOnlySpan<int> dims)
    {
        var shape = new StringBuilder();
        foreach (var n in dims) shape.Append(CultureInfo.InvariantCulture, $"{n}, ");
        if (dims.Length > 1) shape.Length -= 2;
        else if (dims.Length == 1) shape.Length--;
        var text = $"{{'descr': '{Describe(dtype)}', 'fortran_order': False, 'shape': ({shape}), }}";
        // Spaces and a line end fill up to where elements begin at a multiple of 64 bytes.
        var length = (text.Length + 1 + 10 + Alignment - 1) / Alignment * Alignment - 10;
        stream.Write(Magic);
        stream.Write([1, 0, (byte)length, (byte)(length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(text.PadRight(length - 1) + "\n"));
    }

    public static SerializationException Broken(string path, string rule) => new($"{path}: {rule}");

    /// <summary>The element type that a descr such as &lt;f4 names, and whether its bytes run the other way.</summary>
    public static (DType DType, bool Swapped)? Parse(string descr)
    {
        if (descr.Length < 3 || descr[0] is not ('<' or '>' or '=' or '|')) return null;
        DType? dtype = descr[1..] switch
        {
            "f4" => DType.Float32,
            "f8" => DType.Float64,
            "f2" => DType.Float16,
            "i4" => DType.Int32,
            "i8" => DType.Int64,
            "b1" => DType.Bool,
            _ => null,
        };
        return dtype is { } known ? (known, descr[0] == '>') : null;
    }

    public static void Fill(Stream stream, Span<byte> bytes, string path)
    {
        if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length) throw Broken(path, "it ends too early");
    }

    private static string Describe(DType dtype) => dtype switch
    {
        DType.Float32 => "<f4",
        DType.Float64 => "<f8",
        DType.Float16 => "<f2",
        DType.Int32 => "<i4",
        DType.Int64 => "<i8",
        DType.Bool => "|b1",
        _ => throw new TensorException($"NumPy has no {dtype}: use .To(DType.Float32) first, which loses nothing"),
    };
}
