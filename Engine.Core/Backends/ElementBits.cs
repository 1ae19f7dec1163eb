using System.Runtime.CompilerServices;

namespace Edifice.Engine.Backends;

/// <summary>Numbers as elements of a dtype, for backends: parameters of kernels, and the roundings .NET has no type for.</summary>
internal static class ElementBits
{
    /// <summary>A number as the bits of an element: rounded to nearest even, cut to an integer in range, or "not zero".</summary>
    public static ulong Encode(double value, DType dtype) => dtype switch
    {
        DType.Float32 => BitConverter.SingleToUInt32Bits((float)value),
        DType.Float64 => BitConverter.DoubleToUInt64Bits(value),
        DType.BFloat16 => RoundToBFloat16(value),
        DType.Float16 => BitConverter.HalfToUInt16Bits((Half)value),
        DType.Int32 => (uint)(int)value,
        DType.Int64 => (ulong)(long)value,
        _ => value != 0 ? 1UL : 0,
    };

    /// <summary>The upper half of a float, rounded to nearest even; NaN keeps its sign and stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort RoundToBFloat16(float x)
    {
        var bits = BitConverter.SingleToUInt32Bits(x);
        return float.IsNaN(x) ? (ushort)(bits >> 16 | 0x40) : (ushort)(bits + 0x7fff + (bits >> 16 & 1) >> 16);
    }

    /// <summary>As <see cref="RoundToBFloat16(float)"/>, in one rounding.</summary>
    public static ushort RoundToBFloat16(double x)
    {
        // Rounding twice goes wrong only when the first rounding lands on a tie. Where the float is not exact it is moved to
        // an odd neighbour between the true value's neighbours ("round to odd"), which is never a tie.
        var f = (float)x;
        if (f == x || !float.IsFinite(f)) return RoundToBFloat16(f);
        var bits = BitConverter.SingleToUInt32Bits(f);
        if ((bits & 1) == 0) bits = Math.Abs(f) < Math.Abs(x) ? bits + 1 : bits - 1;
        return RoundToBFloat16(BitConverter.UInt32BitsToSingle(bits));
    }

    /// <summary>Replaces a comparison of integers with s by one with an integer of their range that has the same result.</summary>
    /// <returns>False when the result is the same for all integers: then it is <paramref name="always"/>.</returns>
    public static bool TryMakeIntegral(ref CompareKernel kernel, ref double s, DType dtype, out bool always)
    {
        double least = dtype switch { DType.Int32 => int.MinValue, DType.Int64 => long.MinValue, _ => 0 };
        var beyond = dtype switch { DType.Int32 => -least, DType.Int64 => -least, _ => 2 };
        var above = s >= beyond;
        always = kernel switch
        {
            CompareKernel.NotEqual => true,
            CompareKernel.Less or CompareKernel.LessEqual => above,
            CompareKernel.Greater or CompareKernel.GreaterEqual => s < least,
            _ => false,
        };
        if (double.IsNaN(s) || above || s < least) return false;
        if (Math.Truncate(s) == s) return true;
        switch (kernel)
        {
            case CompareKernel.Equal or CompareKernel.NotEqual: return false;
            case CompareKernel.Less or CompareKernel.LessEqual: kernel = CompareKernel.LessEqual; break;
            default: kernel = CompareKernel.Greater; break;
        }

        s = Math.Floor(s); // x < s and x ≤ s are x ≤ ⌊s⌋, x > s and x ≥ s are x > ⌊s⌋
        return true;
    }
}
