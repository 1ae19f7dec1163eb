namespace PtxEmulator.Isa;

/// <summary>The fundamental types of PTX.</summary>
internal enum ScalarType
{
    None, Pred, B8, B16, B32, B64, U8, U16, U32, U64, S8, S16, S32, S64, F16, F16x2, BF16, BF16x2, TF32, F32, F64,
}

internal static class ScalarTypes
{
    private static readonly Dictionary<string, ScalarType> ByName = Enum.GetValues<ScalarType>()
        .Where(t => t != ScalarType.None).ToDictionary(t => t.ToString().ToLowerInvariant());

    /// <summary>The type of a name without its dot; None if it names none.</summary>
    public static ScalarType Parse(string name) => ByName.GetValueOrDefault(name);

    public static string Name(this ScalarType type) => "." + type.ToString().ToLowerInvariant();

    /// <summary>Width of a value; 1 for a predicate.</summary>
    public static int Bits(this ScalarType type) => type switch
    {
        ScalarType.Pred => 1,
        ScalarType.B8 or ScalarType.U8 or ScalarType.S8 => 8,
        ScalarType.B16 or ScalarType.U16 or ScalarType.S16 or ScalarType.F16 or ScalarType.BF16 => 16,
        ScalarType.B64 or ScalarType.U64 or ScalarType.S64 or ScalarType.F64 => 64,
        _ => 32,
    };

    public static int Bytes(this ScalarType type) => type.Bits() / 8;

    public static bool IsFloat(this ScalarType type) => type >= ScalarType.F16;

    public static bool IsSigned(this ScalarType type) => type is >= ScalarType.S8 and <= ScalarType.S64;

    public static bool IsInteger(this ScalarType type) => type is >= ScalarType.U8 and <= ScalarType.S64;

    /// <summary>Types without a meaning of their own: they agree with any other of their size.</summary>
    public static bool IsUntyped(this ScalarType type) => type is >= ScalarType.B8 and <= ScalarType.B64;
}
