using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Simd;

/// <summary>Mathematical functions over lanes, for <see cref="float"/> and <see cref="double"/>.</summary>
/// <remarks>
/// <para>Errors are given in units in the last place of the correctly rounded result; the tests measure them over the whole
/// range of float and over random and special doubles. Polynomials were fitted by the exchange algorithm of Remez to
/// the function named, weighted for the relative error of the final result. Subnormal arguments and results are exact
/// to rounding, NaN stays NaN.</para>
/// <para>Every function treats its lanes alike and apart: an element's bits do not depend on the others.</para>
/// </remarks>
internal static partial class LaneMath
{
    // Adding this to an integral number leaves the integer in the low bits of the fraction: 1.5 · 2^23, 1.5 · 2^52.
    private const double SingleMagic = 12582912, DoubleMagic = 6755399441055744;

    /// <summary>2^n for integral n within the exponents of normal numbers (-126…127, -1022…1023).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V PowerOfTwo<V, T>(V n) where V : unmanaged, ILanes<V, T> where T : unmanaged => typeof(T) == typeof(float)
        ? V.ShiftLeft(n + V.Const(SingleMagic + 127), 23)
        : V.ShiftLeft(n + V.Const(DoubleMagic + 1023), 52);

    /// <summary>Splits a positive normal x into m 2^e with m in [√½, √2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V SplitExponent<V, T>(V x, out V e) where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            // The distance from √½ in bits, its exponent field shifted down (offset by 256 to keep it positive) and put
            // into the fraction of 2^23, gives e as a number by one subtraction.
            var d = V.AddBits(V.SubtractBits(x, V.ConstBits(0x3f3504f3)), V.ConstBits(0x80000000));
            var field = V.ShiftRight(d, 23);
            e = (field | V.ConstBits(0x4b000000)) - V.Const(8388608 + 256);
            return V.SubtractBits(x, V.ShiftLeft(V.SubtractBits(field, V.ConstBits(256)), 23));
        }
        else
        {
            var d = V.AddBits(V.SubtractBits(x, V.ConstBits(0x3fe6a09e667f3bcd)), V.ConstBits(0x8000000000000000));
            var field = V.ShiftRight(d, 52);
            e = (field | V.ConstBits(0x4330000000000000)) - V.Const(4503599627370496 + 2048);
            return V.SubtractBits(x, V.ShiftLeft(V.SubtractBits(field, V.ConstBits(2048)), 52));
        }
    }
}
