namespace Edifice.Engine;

/// <summary>The element type of a tensor.</summary>
public enum DType : byte
{
    /// <summary>IEEE 754 binary32. The default.</summary>
    Float32,

    /// <summary>IEEE 754 binary64: gradient checks and reference results.</summary>
    Float64,

    /// <summary>Upper half of binary32 (8 exponent bits, 7 fraction bits): storage, casts, comparisons, matrix products.</summary>
    BFloat16,

    /// <summary>IEEE 754 binary16: storage, casts, comparisons, matrix products.</summary>
    Float16,

    /// <summary>32-bit signed integer.</summary>
    Int32,

    /// <summary>64-bit signed integer: indices and class numbers.</summary>
    Int64,

    /// <summary>One byte per element, 0 or 1.</summary>
    Bool,
}

/// <summary>Facts about <see cref="DType"/> values.</summary>
public static class DTypes
{
    /// <summary>Bytes per element.</summary>
    public static int SizeOf(this DType dtype) => dtype switch
    {
        DType.Float32 or DType.Int32 => 4,
        DType.Float64 or DType.Int64 => 8,
        DType.BFloat16 or DType.Float16 => 2,
        DType.Bool => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "unknown dtype"),
    };

    /// <summary>True for the four floating-point types: only these can require a gradient.</summary>
    public static bool IsFloating(this DType dtype) => dtype <= DType.Float16;

    /// <summary>True for the two 16-bit floating-point types, whose sums are formed in Float32.</summary>
    public static bool IsNarrowFloat(this DType dtype) => dtype is DType.BFloat16 or DType.Float16;

    /// <summary>True for the two types every arithmetic kernel computes in.</summary>
    public static bool IsComputeFloat(this DType dtype) => dtype <= DType.Float64;

    /// <summary>The dtype stored for a .NET element type.</summary>
    /// <exception cref="TensorException"><typeparamref name="T"/> has no dtype.</exception>
    public static DType Of<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? DType.Float32
        : typeof(T) == typeof(double) ? DType.Float64
        : typeof(T) == typeof(int) ? DType.Int32
        : typeof(T) == typeof(long) ? DType.Int64
        : typeof(T) == typeof(bool) ? DType.Bool
        : typeof(T) == typeof(Half) ? DType.Float16
        : throw new TensorException(
            $"no dtype for {typeof(T).Name}: use float, double, int, long, bool or Half");
}
