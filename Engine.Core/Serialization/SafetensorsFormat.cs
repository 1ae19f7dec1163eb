namespace Edifice.Engine.Serialization;

/// <summary>The facts of the format that reader and writer share.</summary>
/// <remarks>
/// A file is: the header's length (8 bytes, unsigned, little-endian); the header, one JSON object that maps each name to
/// its <c>dtype</c>, <c>shape</c> and <c>data_offsets</c> (begin and end counted from the end of the header) and
/// <c>__metadata__</c> to an object of strings, padded with spaces; the elements, row-major and little-endian, covering
/// the rest of the file without gaps or overlaps. Source: the format section of the safetensors project's README,
/// https://github.com/huggingface/safetensors.
/// </remarks>
internal static class SafetensorsFormat
{
    /// <summary>Bytes before the header.</summary>
    public const int LengthBytes = 8;

    /// <summary>The longest header the format allows.</summary>
    public const int MaxHeaderBytes = 100_000_000;

    /// <summary>The key that is not a tensor.</summary>
    public const string MetadataKey = "__metadata__";

    /// <summary>The engine's type for a type of the format, or null when it has none.</summary>
    public static DType? TryDType(string format) => format switch
    {
        "F64" => DType.Float64,
        "F32" => DType.Float32,
        "F16" => DType.Float16,
        "BF16" => DType.BFloat16,
        "I64" => DType.Int64,
        "I32" => DType.Int32,
        "BOOL" => DType.Bool,
        _ => null,
    };

    /// <summary>The format's type for one of the engine's.</summary>
    public static string NameOf(DType dtype) => dtype switch
    {
        DType.Float64 => "F64",
        DType.Float32 => "F32",
        DType.Float16 => "F16",
        DType.BFloat16 => "BF16",
        DType.Int64 => "I64",
        DType.Int32 => "I32",
        DType.Bool => "BOOL",
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "unknown dtype"),
    };

    /// <summary>Bits per element of every type the format names, those the engine cannot read included: their place in a
    /// file is checked all the same. 0 for an unknown type.</summary>
    public static int BitsOf(string format) => format switch
    {
        "F4" => 4,
        "F6_E2M3" or "F6_E3M2" => 6,
        "BOOL" or "U8" or "I8" or "F8_E5M2" or "F8_E4M3" or "F8_E8M0" or "F8_E5M2FNUZ" or "F8_E4M3FNUZ" => 8,
        "I16" or "U16" or "F16" or "BF16" => 16,
        "I32" or "U32" or "F32" => 32,
        "I64" or "U64" or "F64" or "C64" => 64,
        _ => 0,
    };
}
