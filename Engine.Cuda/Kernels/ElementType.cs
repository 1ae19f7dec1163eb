namespace Edifice.Engine.Cuda.Kernels;

/// <summary>How elements of a dtype are read and written: the type a load names and the type of the register it fills.</summary>
/// <param name="Memory">Type of ld and st.</param>
/// <param name="Register">Type of .reg; bytes travel in 32-bit registers.</param>
/// <param name="Size">Bytes per element.</param>
internal readonly record struct ElementType(string Memory, string Register, int Size)
{
    /// <summary>A bool as a number, 0 or 1.</summary>
    public static readonly ElementType Bool = new("u8", "u32", 1);

    /// <summary>A dtype's elements as numbers (16-bit floats as bits).</summary>
    public static ElementType Of(DType dtype) => dtype switch
    {
        DType.Float32 => new("f32", "f32", 4),
        DType.Float64 => new("f64", "f64", 8),
        DType.BFloat16 or DType.Float16 => new("b16", "b16", 2),
        DType.Int32 => new("s32", "s32", 4),
        DType.Int64 => new("s64", "s64", 8),
        _ => Bool,
    };

    /// <summary>Elements as bits.</summary>
    public static ElementType Bits(DType dtype) => dtype.SizeOf() switch
    {
        1 => Bool,
        2 => new("b16", "b16", 2),
        4 => new("b32", "b32", 4),
        _ => new("b64", "b64", 8),
    };
}
