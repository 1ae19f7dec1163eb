using System.Numerics;
using PtxEmulator.Isa;

namespace PtxEmulator.Execution;

internal enum Rounding { Nearest, Zero, Down, Up, NearestInteger, ZeroInteger, DownInteger, UpInteger }

/// <summary>cvt between any two of the scalar types.</summary>
internal sealed unsafe class Convert(Slot d, Slot a, ScalarType to, ScalarType from, Rounding rounding, bool isSaturated, bool isFlushed, bool isWide) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp);
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            var bits = One(from.Bits() == 64 ? ((ulong*)pa)[lane] : ((uint*)pa)[lane]);
            if (isWide) ((ulong*)pd)[lane] = bits;
            else ((uint*)pd)[lane] = (uint)bits;
        }
    }

    private ulong One(ulong bits)
    {
        if (!from.IsFloat())
        {
            // The number itself, in 128 bits.
            Int128 value = from switch
            {
                ScalarType.U8 or ScalarType.B8 => (byte)bits,
                ScalarType.S8 => (sbyte)bits,
                ScalarType.U16 or ScalarType.B16 => (ushort)bits,
                ScalarType.S16 => (short)bits,
                ScalarType.U32 or ScalarType.B32 => (uint)bits,
                ScalarType.S32 => (int)bits,
                ScalarType.S64 => (long)bits,
                _ => bits,
            };
            return to.IsFloat() ? FromInteger(value) : ToInteger(value);
        }

        var number = from switch
        {
            ScalarType.F16 => (double)BitConverter.UInt16BitsToHalf((ushort)bits),
            ScalarType.BF16 => BitConverter.UInt32BitsToSingle((uint)bits << 16),
            ScalarType.F32 => BitConverter.UInt32BitsToSingle((uint)bits),
            _ => BitConverter.UInt64BitsToDouble(bits),
        };
        if (isFlushed && from == ScalarType.F32) number = Approximate.Flush((float)number);
        if (!to.IsFloat()) return FromFloat(number);
        if (rounding >= Rounding.NearestInteger) number = Integral(number);
        if (isSaturated) number = number > 0 ? Math.Min(number, 1) : 0;
        return Encode(number, 0);
    }

    private ulong ToInteger(Int128 value)
    {
        var bits = to.Bits();
        if (isSaturated)
        {
            var low = to.IsSigned() ? -(Int128.One << (bits - 1)) : 0;
            var high = to.IsSigned() ? (Int128.One << (bits - 1)) - 1 : (Int128.One << bits) - 1;
            value = Int128.Clamp(value, low, high);
        }

        var result = (ulong)(value & ulong.MaxValue);
        // Narrow results are continued to the width of the register, by sign or zero.
        if (bits == 64) return result;
        return to.IsSigned() ? (ulong)((long)(result << (64 - bits)) >> (64 - bits)) : result & ((1UL << bits) - 1);
    }

    private ulong FromInteger(Int128 value)
    {
        // Rounded to double first where that is exact; what does not fit is told to the last rounding by its sign.
        var near = (double)value;
        var rest = value - (Int128)near;
        return Encode(near, rest.CompareTo(Int128.Zero));
    }

    private ulong FromFloat(double number)
    {
        var bits = to.Bits();
        var low = to.IsSigned() ? -Math.ScaleB(1, bits - 1) : 0;
        var high = Math.ScaleB(1, to.IsSigned() ? bits - 1 : bits);
        if (double.IsNaN(number)) return bits == 64 ? 1UL << 63 : 0;
        var whole = Integral(number);
        Int128 value = whole < low ? (Int128)low : whole >= high ? (Int128)high - 1 : (Int128)whole;
        return ToInteger(value);
    }

    private double Integral(double x) => rounding switch
    {
        Rounding.NearestInteger => Math.Round(x, MidpointRounding.ToEven),
        Rounding.DownInteger => Math.Floor(x),
        Rounding.UpInteger => Math.Ceiling(x),
        _ => Math.Truncate(x),
    };

    /// <summary>The bits of a number in the target type, rounded as asked; <paramref name="rest"/> is the sign of what the number
    /// lacks to the exact value.</summary>
    private ulong Encode(double number, int rest)
    {
        switch (to)
        {
            case ScalarType.F64:
                return BitConverter.DoubleToUInt64Bits(DirectedRounding.Adjust(number, rest, rounding));
            case ScalarType.F32:
                var single = DirectedRounding.ToSingle(number, rest, rounding);
                if (isFlushed) single = Approximate.Flush(single);
                if (isSaturated) single = single > 0 ? Math.Min(single, 1) : 0;
                return BitConverter.SingleToUInt32Bits(single);
            case ScalarType.F16:
                var half = (Half)number;
                if (rounding == Rounding.Zero && Half.IsFinite(half) && Math.Abs((double)half) > Math.Abs(number)) half = BitConverter.UInt16BitsToHalf((ushort)(BitConverter.HalfToUInt16Bits(half) - 1));
                if (rounding == Rounding.Zero && Half.IsInfinity(half) && double.IsFinite(number)) half = number > 0 ? Half.MaxValue : Half.MinValue;
                return BitConverter.HalfToUInt16Bits(half);
            default:
                // bf16: nearest, ties to even, by the bits of the float.
                var bits = BitConverter.SingleToUInt32Bits((float)number);
                if (double.IsNaN(number)) return 0x7FFF;
                return rounding == Rounding.Zero ? bits >> 16 : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
        }
    }
}

/// <summary>Rounding toward zero, down and up, from a result rounded to nearest and the sign of its error.</summary>
internal static class DirectedRounding
{
    public static double Adjust(double near, int rest, Rounding rounding) => rounding switch
    {
        Rounding.Down when rest < 0 => double.BitDecrement(near),
        Rounding.Up when rest > 0 => double.BitIncrement(near),
        Rounding.Zero when near > 0 && rest < 0 => double.BitDecrement(near),
        Rounding.Zero when near < 0 && rest > 0 => double.BitIncrement(near),
        _ => near,
    };

    /// <summary>The double and an error of the given sign, rounded to float once.</summary>
    public static float ToSingle(double value, int rest, Rounding rounding)
    {
        var near = (float)value;
        if (rounding is Rounding.Nearest or >= Rounding.NearestInteger)
        {
            if (rest == 0 || !double.IsFinite(value)) return near;
            // A tie in double that the error breaks.
            var other = value > near ? MathF.BitIncrement(near) : value < near ? MathF.BitDecrement(near) : near;
            var isTie = other != near && Math.Abs(value - near) == Math.Abs(value - (double)other);
            if (!isTie) return near;
            return rest > 0 ? Math.Max(near, other) : Math.Min(near, other);
        }

        if (!double.IsFinite(value)) return near;
        var error = ((double)near).CompareTo(value) is var c && c != 0 ? -c : rest;
        if (float.IsInfinity(near))
        {
            return rounding == Rounding.Zero || rounding == Rounding.Down && near > 0 || rounding == Rounding.Up && near < 0
                ? near > 0 ? float.MaxValue : float.MinValue
                : near;
        }

        return rounding switch
        {
            Rounding.Down when error < 0 => MathF.BitDecrement(near),
            Rounding.Up when error > 0 => MathF.BitIncrement(near),
            Rounding.Zero when value > 0 && error < 0 => MathF.BitDecrement(near),
            Rounding.Zero when value < 0 && error > 0 => MathF.BitIncrement(near),
            _ => near,
        };
    }

    private static (double Sum, double Error) TwoSum(double a, double b)
    {
        var s = a + b;
        var t = s - a;
        return (s, (a - (s - t)) + (b - t));
    }

    public static float Single(string operation, float a, float b, float c, Rounding rounding)
    {
        switch (operation)
        {
            case "add":
            case "sub":
                var (sum, error) = TwoSum(a, operation == "add" ? b : -b);
                return sum == 0 && rounding == Rounding.Down && !(a == 0 && float.IsPositive(a)) ? -0f : ToSingle(sum, Sign(error), rounding);
            case "mul":
                return ToSingle((double)a * b, 0, rounding);
            case "div":
                var quotient = (double)a / b;
                return ToSingle(quotient, Sign(Math.FusedMultiplyAdd(-quotient, b, a)) * (b < 0 ? -1 : 1), rounding);
            case "sqrt":
                var root = Math.Sqrt(a);
                return ToSingle(root, Sign(Math.FusedMultiplyAdd(-root, root, a)), rounding);
            case "rcp":
                return Single("div", 1, a, 0, rounding);
            default:
                var (total, rest) = TwoSum((double)a * b, c);
                return ToSingle(total, Sign(rest), rounding);
        }
    }

    public static double Double(string operation, double a, double b, double c, Rounding rounding)
    {
        switch (operation)
        {
            case "add":
            case "sub":
                var (sum, error) = TwoSum(a, operation == "add" ? b : -b);
                return Adjust(sum, Sign(error), rounding);
            case "mul":
                var product = a * b;
                return Adjust(product, Sign(Math.FusedMultiplyAdd(a, b, -product)), rounding);
            case "div":
                var quotient = a / b;
                return Adjust(quotient, Sign(Math.FusedMultiplyAdd(-quotient, b, a)) * (b < 0 ? -1 : 1), rounding);
            case "sqrt":
                var root = Math.Sqrt(a);
                return Adjust(root, Sign(Math.FusedMultiplyAdd(-root, root, a)), rounding);
            case "rcp":
                return Double("div", 1, a, 0, rounding);
            default:
                // Boldo and Muller, "Some functions computable with a fused-mac": the error of an fma in two parts.
                var result = Math.FusedMultiplyAdd(a, b, c);
                var high = a * b;
                var low = Math.FusedMultiplyAdd(a, b, -high);
                var (s1, e1) = TwoSum(c, low);
                var (s2, e2) = TwoSum(high, s1);
                return Adjust(result, Sign((s2 - result) + e2 + e1), rounding);
        }
    }

    private static int Sign(double x) => double.IsNaN(x) ? 0 : Math.Sign(x);
}

/// <summary>Float arithmetic with a rounding other than to nearest.</summary>
internal sealed unsafe class DirectedArithmetic(
    Slot d, Slot a, Slot b, Slot c, string operation, bool isDouble, Rounding rounding, bool isFlushed, bool isSaturated) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp), pb = b.At(warp), pc = c.At(warp);
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            if (isDouble)
            {
                ((double*)pd)[lane] = DirectedRounding.Double(operation, ((double*)pa)[lane], ((double*)pb)[lane], ((double*)pc)[lane], rounding);
                continue;
            }

            float x = ((float*)pa)[lane], y = ((float*)pb)[lane], z = ((float*)pc)[lane];
            if (isFlushed) (x, y, z) = (Approximate.Flush(x), Approximate.Flush(y), Approximate.Flush(z));
            var result = DirectedRounding.Single(operation, x, y, z, rounding);
            if (isFlushed) result = Approximate.Flush(result);
            if (isSaturated) result = result > 0 ? Math.Min(result, 1) : 0;
            ((float*)pd)[lane] = result;
        }
    }
}

/// <summary>copysign: the sign of a on the size of b.</summary>
internal readonly struct CopySign<T> : ILane2<T, T, T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static T Invoke(T a, T b) => T.CopySign(b, a);
}
