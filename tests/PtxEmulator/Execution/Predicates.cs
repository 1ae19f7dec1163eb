using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PtxEmulator.Execution;

internal enum Comparison { Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual, Number, NotANumber }

internal enum Combination { None, And, Or, Xor }

/// <summary>A predicate as an operand: 32 bits, one per lane.</summary>
internal readonly unsafe struct PredicateSlot(int offset, uint flip)
{
    public int Offset => offset;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Read(Warp warp) => *(uint*)(warp.Registers + offset) ^ flip;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write(Warp warp, uint value, uint mask)
    {
        var p = (uint*)(warp.Registers + offset);
        *p = (*p & ~mask) | (value & mask);
    }
}

/// <summary>setp: p = (a cmp b) op c, q = !(a cmp b) op c.</summary>
/// <param name="comparison">The ordered comparison.</param>
/// <param name="isNegated">True: its opposite (so an unordered comparison is the opposite of an ordered one).</param>
internal sealed unsafe class Compare<T>(
    PredicateSlot? p, PredicateSlot? q, Slot a, Slot b, Comparison comparison, bool isNegated, bool isFlushed,
    Combination combination, PredicateSlot c) : Step where T : unmanaged
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pa = a.At(warp), pb = b.At(warp);
        uint bits = 0;
        for (var i = 0; i < Lanes.Vectors<T>(); i++)
        {
            var x = Lanes.Load<T>(pa, i);
            var y = Lanes.Load<T>(pb, i);
            if (typeof(T) == typeof(float) && isFlushed)
            {
                x = Flushed<Add<float>>.Flush(x.AsSingle()).As<float, T>();
                y = Flushed<Add<float>>.Flush(y.AsSingle()).As<float, T>();
            }

            var ordered = Vector512.Equals(x, x) & Vector512.Equals(y, y);
            var result = comparison switch
            {
                Comparison.Equal => Vector512.Equals(x, y),
                Comparison.NotEqual => ~Vector512.Equals(x, y) & ordered,
                Comparison.Less => Vector512.LessThan(x, y),
                Comparison.LessOrEqual => Vector512.LessThanOrEqual(x, y),
                Comparison.Greater => Vector512.GreaterThan(x, y),
                Comparison.GreaterOrEqual => Vector512.GreaterThanOrEqual(x, y),
                _ => ordered,
            };
            bits |= (uint)result.ExtractMostSignificantBits() << (i * Vector512<T>.Count);
        }

        if (comparison == Comparison.NotANumber ^ isNegated) bits = ~bits;
        var opposite = ~bits;
        if (combination != Combination.None)
        {
            var other = c.Read(warp);
            bits = Combine(bits, other);
            opposite = Combine(opposite, other);
        }

        p?.Write(warp, bits, mask);
        q?.Write(warp, opposite, mask);
    }

    private uint Combine(uint x, uint y) => combination switch
    {
        Combination.And => x & y,
        Combination.Or => x | y,
        _ => x ^ y,
    };
}

/// <summary>setp of 16-bit integers, which have 32-bit lanes of their own.</summary>
internal sealed unsafe class CompareNarrow(
    PredicateSlot? p, PredicateSlot? q, Slot a, Slot b, Comparison comparison, bool isSigned, Combination combination, PredicateSlot c) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pa = a.At(warp), pb = b.At(warp);
        uint bits = 0;
        for (var lane = 0; lane < 32; lane++)
        {
            int x = isSigned ? Lanes.Read<short>(pa, lane) : (int)Lanes.Read<ushort>(pa, lane);
            int y = isSigned ? Lanes.Read<short>(pb, lane) : (int)Lanes.Read<ushort>(pb, lane);
            var result = comparison switch
            {
                Comparison.Equal => x == y,
                Comparison.NotEqual => x != y,
                Comparison.Less => x < y,
                Comparison.LessOrEqual => x <= y,
                Comparison.Greater => x > y,
                _ => x >= y,
            };
            if (result) bits |= 1u << lane;
        }

        var other = combination == Combination.None ? 0 : c.Read(warp);
        p?.Write(warp, Combine(bits, other), mask);
        q?.Write(warp, Combine(~bits, other), mask);
    }

    private uint Combine(uint x, uint y) => combination switch
    {
        Combination.None => x,
        Combination.And => x & y,
        Combination.Or => x | y,
        _ => x ^ y,
    };
}

/// <summary>and, or, xor, not, mov of predicates.</summary>
internal sealed class PredicateLogic(PredicateSlot d, PredicateSlot? a, PredicateSlot? b, uint constantA, uint constantB, string operation) : Step
{
    private readonly int _code = operation switch { "and" => 0, "or" => 1, "xor" => 2, "not" => 3, _ => 4 };

    public override void Execute(Warp warp, uint mask)
    {
        var x = a?.Read(warp) ?? constantA;
        var y = b?.Read(warp) ?? constantB;
        d.Write(warp, _code switch { 0 => x & y, 1 => x | y, 2 => x ^ y, 3 => ~x, _ => x }, mask);
    }
}

/// <summary>selp: a where the predicate holds, else b.</summary>
internal sealed unsafe class Select<T>(Slot d, Slot a, Slot b, PredicateSlot c) : Step where T : unmanaged
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp), pb = b.At(warp);
        var which = c.Read(warp);
        for (var i = 0; i < Lanes.Vectors<T>(); i++)
        {
            Lanes.Store(pd, i, Vector512.ConditionalSelect(Lanes.Expand<T>(which, i), Lanes.Load<T>(pa, i), Lanes.Load<T>(pb, i)), mask);
        }
    }
}

/// <summary>slct: a where c is not negative (NaN counts as negative), else b.</summary>
internal sealed unsafe class SelectBySign<T>(Slot d, Slot a, Slot b, Slot c, bool isFloat, bool isFlushed) : Step where T : unmanaged
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp), pb = b.At(warp), pc = c.At(warp);
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            var by = isFlushed ? Approximate.Flush(((float*)pc)[lane]) : ((float*)pc)[lane];
            var isFirst = isFloat ? by >= 0 : ((int*)pc)[lane] >= 0;
            Lanes.Write(pd, lane, Lanes.Read<T>(isFirst ? pa : pb, lane));
        }
    }
}

/// <summary>testp.</summary>
internal sealed unsafe class TestProperty(PredicateSlot p, Slot a, FloatClass which, bool isDouble) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        var pa = a.At(warp);
        uint bits = 0;
        for (var lane = 0; lane < 32; lane++)
        {
            if (isDouble ? FloatClasses.Holds(which, ((double*)pa)[lane]) : FloatClasses.Holds(which, ((float*)pa)[lane])) bits |= 1u << lane;
        }

        p.Write(warp, bits, mask);
    }
}
