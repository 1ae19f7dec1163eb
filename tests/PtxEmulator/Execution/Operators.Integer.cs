using System.Numerics;
using System.Runtime.Intrinsics;

namespace PtxEmulator.Execution;

internal readonly struct And<T> : IMap2<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a, Vector512<T> b) => a & b;
}

internal readonly struct Or<T> : IMap2<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a, Vector512<T> b) => a | b;
}

internal readonly struct Xor<T> : IMap2<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a, Vector512<T> b) => a ^ b;
}

internal readonly struct Not<T> : IMap1<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a) => ~a;
}

internal readonly struct Same<T> : IMap1<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a) => a;
}

/// <summary>High half of a product.</summary>
internal readonly struct HighProduct<T> : ILane2<T, T, T>, ILane3<T, T, T, T> where T : unmanaged, IBinaryInteger<T>
{
    public static T Invoke(T a, T b)
    {
        var bits = a.GetByteCount() * 8;
        return T.IsNegative(T.AllBitsSet)
            ? T.CreateTruncating((Int128.CreateTruncating(a) * Int128.CreateTruncating(b)) >> bits)
            : T.CreateTruncating((UInt128.CreateTruncating(a) * UInt128.CreateTruncating(b)) >> bits);
    }

    public static T Invoke(T a, T b, T c) => Invoke(a, b) + c;
}

internal readonly struct WideProduct<T, TWide> : ILane2<T, T, TWide>, ILane3<T, T, TWide, TWide>
    where T : unmanaged, IBinaryInteger<T> where TWide : unmanaged, IBinaryInteger<TWide>
{
    public static TWide Invoke(T a, T b) => TWide.CreateTruncating(a) * TWide.CreateTruncating(b);

    public static TWide Invoke(T a, T b, TWide c) => Invoke(a, b) + c;
}

/// <summary>Quotient toward zero. Division by zero gives all ones, as cards do (the ISA leaves it open).</summary>
internal readonly struct IntegerQuotient<T> : ILane2<T, T, T> where T : unmanaged, IBinaryInteger<T>
{
    public static T Invoke(T a, T b) => T.IsZero(b) ? T.AllBitsSet : b == T.AllBitsSet && T.IsNegative(b) ? unchecked(T.Zero - a) : a / b;
}

/// <summary>Remainder with the sign of the dividend.</summary>
internal readonly struct IntegerRemainder<T> : ILane2<T, T, T> where T : unmanaged, IBinaryInteger<T>
{
    public static T Invoke(T a, T b) => T.IsZero(b) ? a : b == T.AllBitsSet && T.IsNegative(b) ? T.Zero : a % b;
}

internal readonly struct SaturatedSum : ILane2<int, int, int>
{
    public static int Invoke(int a, int b) => (int)Math.Clamp((long)a + b, int.MinValue, int.MaxValue);
}

internal readonly struct SaturatedDifference : ILane2<int, int, int>
{
    public static int Invoke(int a, int b) => (int)Math.Clamp((long)a - b, int.MinValue, int.MaxValue);
}

/// <summary>Shifts by their width or more give 0.</summary>
internal readonly struct ShiftLeft<T> : ILane2<T, uint, T> where T : unmanaged, IBinaryInteger<T>
{
    public static T Invoke(T a, uint b) => b >= (uint)a.GetByteCount() * 8 ? T.Zero : a << (int)b;
}

/// <summary>Shifts by their width or more give 0, or all ones of a negative number.</summary>
internal readonly struct ShiftRight<T> : ILane2<T, uint, T> where T : unmanaged, IBinaryInteger<T>
{
    public static T Invoke(T a, uint b)
    {
        var bits = (uint)a.GetByteCount() * 8;
        return b < bits ? a >> (int)b : T.IsNegative(a) ? T.AllBitsSet : T.Zero;
    }
}

internal readonly struct PopulationCount<T> : ILane1<T, uint> where T : unmanaged, IBinaryInteger<T>
{
    public static uint Invoke(T a) => uint.CreateTruncating(T.PopCount(a));
}

internal readonly struct LeadingZeros<T> : ILane1<T, uint> where T : unmanaged, IBinaryInteger<T>
{
    public static uint Invoke(T a) => uint.CreateTruncating(T.LeadingZeroCount(a));
}

internal readonly struct BitReverse32 : ILane1<uint, uint>
{
    public static uint Invoke(uint a)
    {
        uint result = 0;
        for (var i = 0; i < 32; i++) result |= ((a >> i) & 1) << (31 - i);
        return result;
    }
}

internal readonly struct BitReverse64 : ILane1<ulong, ulong>
{
    public static ulong Invoke(ulong a) => (ulong)BitReverse32.Invoke((uint)a) << 32 | BitReverse32.Invoke((uint)(a >> 32));
}

/// <summary>Position of the highest bit that differs from the sign; all ones if there is none.</summary>
internal readonly struct FindBit<T> : ILane1<T, uint> where T : unmanaged, IBinaryInteger<T>
{
    public static uint Invoke(T a)
    {
        var bits = T.IsNegative(a) ? ~a : a;
        return T.IsZero(bits) ? uint.MaxValue : (uint)a.GetByteCount() * 8 - 1 - uint.CreateTruncating(T.LeadingZeroCount(bits));
    }
}

/// <summary>As <see cref="FindBit{T}"/>, but the left shift that brings the bit to the top.</summary>
internal readonly struct FindShift<T> : ILane1<T, uint> where T : unmanaged, IBinaryInteger<T>
{
    public static uint Invoke(T a) => FindBit<T>.Invoke(a) is var bit && bit == uint.MaxValue ? bit : (uint)a.GetByteCount() * 8 - 1 - bit;
}

/// <summary>bfe: the field of c bits from bit b, continued by its sign.</summary>
internal readonly struct ExtractField<T> : ILane3<T, uint, uint, T> where T : unmanaged, IBinaryInteger<T>
{
    public static T Invoke(T a, uint b, uint c)
    {
        var msb = (uint)a.GetByteCount() * 8 - 1;
        var position = b & 0xFF;
        var length = c & 0xFF;
        var isSigned = T.IsNegative(T.AllBitsSet);
        var sign = !isSigned || length == 0 ? T.Zero : (a >> (int)Math.Min(position + length - 1, msb)) & T.One;
        var result = T.Zero;
        for (uint i = 0; i <= msb; i++)
        {
            var bit = i < length && position + i <= msb ? (a >> (int)(position + i)) & T.One : sign;
            result |= bit << (int)i;
        }

        return result;
    }
}

/// <summary>shf: the 64 bits {b, a} shifted; the step has already decided how the amount is bounded.</summary>
internal sealed unsafe class FunnelShift(Slot d, Slot a, Slot b, Slot c, bool isLeft, bool isWrapped) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp), pb = b.At(warp), pc = c.At(warp);
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            var both = (ulong)((uint*)pb)[lane] << 32 | ((uint*)pa)[lane];
            var by = ((uint*)pc)[lane];
            by = isWrapped ? by & 31 : Math.Min(by, 32);
            ((uint*)pd)[lane] = isLeft ? (uint)((by == 32 ? both << 32 : both << (int)by) >> 32) : (uint)(both >> (int)by);
        }
    }
}

/// <summary>lop3: any function of three bits.</summary>
internal sealed unsafe class ThreeBitLogic(Slot d, Slot a, Slot b, Slot c, byte table) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp), pb = b.At(warp), pc = c.At(warp);
        for (var i = 0; i < 2; i++)
        {
            Vector512<uint> x = Lanes.Load<uint>(pa, i), y = Lanes.Load<uint>(pb, i), z = Lanes.Load<uint>(pc, i);
            var result = Vector512<uint>.Zero;
            for (var bit = 0; bit < 8; bit++)
            {
                if ((table >> bit & 1) == 0) continue;
                result |= ((bit & 4) != 0 ? x : ~x) & ((bit & 2) != 0 ? y : ~y) & ((bit & 1) != 0 ? z : ~z);
            }

            Lanes.Store(pd, i, result, mask);
        }
    }
}

/// <summary>prmt: four bytes chosen among the eight of {b, a}.</summary>
internal readonly struct Permute : ILane3<uint, uint, uint, uint>
{
    public static uint Invoke(uint a, uint b, uint c)
    {
        var both = (ulong)b << 32 | a;
        uint result = 0;
        for (var i = 0; i < 4; i++)
        {
            var select = c >> (4 * i) & 0xF;
            var value = (uint)(both >> (int)(8 * (select & 7))) & 0xFF;
            if ((select & 8) != 0) value = (value & 0x80) != 0 ? 0xFFu : 0;
            result |= value << (8 * i);
        }

        return result;
    }
}

/// <summary>bfi: the low d bits of a put into b at bit c.</summary>
internal sealed unsafe class InsertField<T>(Slot d, Slot a, Slot b, Slot position, Slot length) : Step where T : unmanaged, IBinaryInteger<T>
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp), pb = b.At(warp), pp = position.At(warp), pl = length.At(warp);
        var bits = sizeof(T) * 8;
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            var at = (int)(((uint*)pp)[lane] & 0xFF);
            var count = (int)(((uint*)pl)[lane] & 0xFF);
            var result = ((T*)pb)[lane];
            var source = ((T*)pa)[lane];
            for (var i = 0; i < count && at + i < bits; i++)
            {
                result = (result & ~(T.One << (at + i))) | (((source >> i) & T.One) << (at + i));
            }

            ((T*)pd)[lane] = result;
        }
    }
}
