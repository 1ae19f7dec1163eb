using System.Numerics;
using System.Runtime.Intrinsics;
using PtxEmulator.Isa;
using PtxEmulator.Parsing;

namespace PtxEmulator.Execution;

/// <summary>Moves, logic, shifts, comparisons, conversions.</summary>
internal sealed partial class Lowering
{
    private void Move()
    {
        Operands(2);
        var type = _source.Type;
        if (type == ScalarType.Pred)
        {
            PredicateOperation("mov");
            return;
        }

        switch (_source.Operands[0], _source.Operands[1])
        {
            case (VectorOperand targets, _):
                var part = Part(type, targets.Elements.Count);
                Add(new Unpack([.. targets.Elements.Select(e => Out(e, part))], In(1, type), type.Bits() == 64, part.Bits()));
                break;
            case (_, VectorOperand sources):
                var piece = Part(type, sources.Elements.Count);
                var slots = sources.Elements.Select(e => Value(e ?? throw Error("a sink is not a source"), piece, _at.Frame)).ToArray();
                Add(new Pack(Out(0, type), slots, type.Bits() == 64, piece.Bits()));
                break;
            default:
                Slot d = Out(0, type), a = In(1, type);
                Add(type.Bits() == 64 ? new Map1<ulong, Same<ulong>>(d, a) : new Map1<uint, Same<uint>>(d, a));
                break;
        }
    }

    private ScalarType Part(ScalarType type, int count) => (type.Bits() / count) switch
    {
        32 => ScalarType.B32,
        16 => ScalarType.B16,
        _ => throw NotEmulated(),
    };

    private void PredicateOperation(string operation)
    {
        var operands = _source.Operands;
        var (a, x) = PredicateValue(operands[1]);
        var (b, y) = operands.Length > 2 ? PredicateValue(operands[2]) : (null, 0);
        Add(new PredicateLogic(Predicate(operands[0], false), a, b, x, y, operation));
    }

    private (PredicateSlot? Slot, uint Constant) PredicateValue(PtxOperand operand) => operand is IntegerOperand integer
        ? (null, integer.Bits != 0 ? uint.MaxValue : 0)
        : (Predicate(operand, true), 0);

    private void Logic()
    {
        var type = _source.Type;
        var isUnary = _source.Opcode is "not" or "cnot";
        Operands(isUnary ? 2 : 3);
        if (type == ScalarType.Pred)
        {
            PredicateOperation(_source.Opcode);
            return;
        }

        Slot d = Out(0, type), a = In(1, type);
        var b = isUnary ? a : In(2, type);
        if (_source.Opcode == "not" && type.Bits() == 16)
        {
            Add(new Map2<uint, Xor<uint>>(d, a, _constants.Get(0xFFFF, false)));
            return;
        }

        Add((_source.Opcode, type.Bits() == 64) switch
        {
            ("and", false) => new Map2<uint, And<uint>>(d, a, b),
            ("or", false) => new Map2<uint, Or<uint>>(d, a, b),
            ("xor", false) => new Map2<uint, Xor<uint>>(d, a, b),
            ("not", false) => new Map1<uint, Not<uint>>(d, a),
            ("and", true) => new Map2<ulong, And<ulong>>(d, a, b),
            ("or", true) => new Map2<ulong, Or<ulong>>(d, a, b),
            ("xor", true) => new Map2<ulong, Xor<ulong>>(d, a, b),
            ("not", true) => new Map1<ulong, Not<ulong>>(d, a),
            (_, false) => new Lane1<uint, uint, LogicalNot<uint>>(d, a),
            _ => new Lane1<ulong, ulong, LogicalNot<ulong>>(d, a),
        });
    }

    private void Shift()
    {
        Operands(3);
        var type = _source.Type;
        Slot d = Out(0, type), a = In(1, type), b = In(2, ScalarType.U32);
        if (_source.Operands[2] is IntegerOperand by && by.Bits < (ulong)type.Bits() && type.Bits() >= 32)
        {
            var isLeft = _source.Opcode == "shl";
            Add(type.Bits() == 32
                ? type.IsSigned() ? new ConstantShift<int>(d, a, (int)by.Bits, isLeft, true) : new ConstantShift<uint>(d, a, (int)by.Bits, isLeft, false)
                : type.IsSigned() ? new ConstantShift<long>(d, a, (int)by.Bits, isLeft, true) : new ConstantShift<ulong>(d, a, (int)by.Bits, isLeft, false));
            return;
        }

        if (_source.Opcode == "shl")
        {
            Add(type.Bits() switch
            {
                16 => new Lane2<ushort, uint, ushort, ShiftLeft<ushort>>(d, a, b),
                32 => new Lane2<uint, uint, uint, ShiftLeft<uint>>(d, a, b),
                _ => new Lane2<ulong, uint, ulong, ShiftLeft<ulong>>(d, a, b),
            });
            return;
        }

        Add((type.Bits(), type.IsSigned()) switch
        {
            (16, false) => new Lane2<ushort, uint, ushort, ShiftRight<ushort>>(d, a, b),
            (16, true) => new Lane2<short, uint, short, ShiftRight<short>>(d, a, b),
            (32, false) => new Lane2<uint, uint, uint, ShiftRight<uint>>(d, a, b),
            (32, true) => new Lane2<int, uint, int, ShiftRight<int>>(d, a, b),
            (_, false) => new Lane2<ulong, uint, ulong, ShiftRight<ulong>>(d, a, b),
            _ => new Lane2<long, uint, long, ShiftRight<long>>(d, a, b),
        });
    }

    private void Bits(ScalarType type, int operands)
    {
        if (_source.Opcode == "brev")
        {
            Add(type.Bits() == 64
                ? new Lane1<ulong, ulong, BitReverse64>(Out(0, type), In(1, type))
                : new Lane1<uint, uint, BitReverse32>(Out(0, type), In(1, type)));
            return;
        }

        if (operands == 4)
        {
            Slot field = Out(0, type), a = In(1, type), b = In(2, ScalarType.U32), c = In(3, ScalarType.U32);
            Add(type switch
            {
                ScalarType.U32 => new Lane3<uint, uint, uint, uint, ExtractField<uint>>(field, a, b, c),
                ScalarType.S32 => new Lane3<int, uint, uint, int, ExtractField<int>>(field, a, b, c),
                ScalarType.U64 => new Lane3<ulong, uint, uint, ulong, ExtractField<ulong>>(field, a, b, c),
                ScalarType.S64 => new Lane3<long, uint, uint, long, ExtractField<long>>(field, a, b, c),
                _ => throw NotEmulated(),
            });
            return;
        }

        Slot d = Out(0, ScalarType.U32), x = In(1, type);
        Add(type switch
        {
            ScalarType.S32 => CountBits<int>(d, x),
            ScalarType.U64 or ScalarType.B64 => CountBits<ulong>(d, x),
            ScalarType.S64 => CountBits<long>(d, x),
            _ => CountBits<uint>(d, x),
        });
    }

    private Step CountBits<T>(Slot d, Slot a) where T : unmanaged, IBinaryInteger<T> => _source.Opcode switch
    {
        "popc" => new Lane1<T, uint, PopulationCount<T>>(d, a),
        "clz" => new Lane1<T, uint, LeadingZeros<T>>(d, a),
        _ => _source.Has("shiftamt") ? new Lane1<T, uint, FindShift<T>>(d, a) : new Lane1<T, uint, FindBit<T>>(d, a),
    };

    private void SetPredicate()
    {
        Operands(3, 4);
        var type = _source.Type;
        var (p, q) = _source.Operands[0] is PairOperand pair
            ? (PredicateOrSink(pair.First), PredicateOrSink(pair.Second))
            : (PredicateOrSink(_source.Operands[0]), null);
        var isUnsignedOnly = _source.Modifiers[0] is "lo" or "ls" or "hi" or "hs";
        var (comparison, isNegated) = _source.Modifiers[0] switch
        {
            "eq" => (Comparison.Equal, false),
            "ne" => (Comparison.NotEqual, false),
            "lt" or "lo" => (Comparison.Less, false),
            "le" or "ls" => (Comparison.LessOrEqual, false),
            "gt" or "hi" => (Comparison.Greater, false),
            "ge" or "hs" => (Comparison.GreaterOrEqual, false),
            "equ" => (Comparison.NotEqual, true),
            "neu" => (Comparison.Equal, true),
            "ltu" => (Comparison.GreaterOrEqual, true),
            "leu" => (Comparison.Greater, true),
            "gtu" => (Comparison.LessOrEqual, true),
            "geu" => (Comparison.Less, true),
            "num" => (Comparison.Number, false),
            "nan" => (Comparison.NotANumber, false),
            _ => throw NotEmulated(),
        };
        var combination = _source.Modifiers.Skip(1).FirstOrDefault() switch
        {
            "and" => Combination.And,
            "or" => Combination.Or,
            "xor" => Combination.Xor,
            _ => Combination.None,
        };
        if ((combination != Combination.None) != (_source.Operands.Length == 4)) throw Error($"{_source.FullName}: a predicate operand goes with .and, .or or .xor");
        var c = combination == Combination.None ? default : Predicate(_source.Operands[3], true);
        Slot a = In(1, type), b = In(2, type);
        if (isUnsignedOnly && type is not (ScalarType.U16 or ScalarType.U32 or ScalarType.U64)) throw NotEmulated();
        Add(type switch
        {
            ScalarType.F32 => new Compare<float>(p, q, a, b, comparison, isNegated, IsFlushed, combination, c),
            ScalarType.F64 => new Compare<double>(p, q, a, b, comparison, isNegated, false, combination, c),
            ScalarType.S32 => new Compare<int>(p, q, a, b, comparison, isNegated, false, combination, c),
            ScalarType.S64 => new Compare<long>(p, q, a, b, comparison, isNegated, false, combination, c),
            ScalarType.U32 or ScalarType.B32 => new Compare<uint>(p, q, a, b, comparison, isNegated, false, combination, c),
            ScalarType.U64 or ScalarType.B64 => new Compare<ulong>(p, q, a, b, comparison, isNegated, false, combination, c),
            ScalarType.U16 or ScalarType.B16 => new CompareNarrow(p, q, a, b, comparison, false, combination, c),
            ScalarType.S16 => new CompareNarrow(p, q, a, b, comparison, true, combination, c),
            _ => throw NotEmulated(),
        });
    }

    private void Selection()
    {
        Operands(4);
        if (_source.Opcode == "selp")
        {
            var type = _source.Type;
            Slot d = Out(0, type), a = In(1, type), b = In(2, type);
            var p = Predicate(_source.Operands[3], true);
            Add(type.Bits() == 64 ? new Select<ulong>(d, a, b, p) : new Select<uint>(d, a, b, p));
            return;
        }

        var by = _source.Type;
        var value = _source.Modifiers.Select(ScalarTypes.Parse).First(t => t != ScalarType.None);
        Slot target = Out(0, value), first = In(1, value), second = In(2, value), sign = In(3, by);
        Add(value.Bits() == 64
            ? new SelectBySign<ulong>(target, first, second, sign, by == ScalarType.F32, IsFlushed)
            : new SelectBySign<uint>(target, first, second, sign, by == ScalarType.F32, IsFlushed));
    }

    private void Conversion()
    {
        Operands(2);
        var types = _source.Modifiers.Select(ScalarTypes.Parse).Where(t => t != ScalarType.None).ToArray();
        if (types.Length != 2) throw Error("cvt wants two types");
        var (to, from) = (types[0], types[1]);
        var rounding = RoundingOf();
        var hasRounding = _source.Modifiers[0] is ['r', ..];
        if (to.IsFloat() && from.IsFloat())
        {
            var needs = to.Bits() < from.Bits();
            if (needs && !hasRounding) throw Error($"{_source.FullName}: a narrowing conversion wants a rounding");
            if (to.Bits() > from.Bits() && hasRounding) throw Error($"{_source.FullName}: a widening conversion takes no rounding");
        }
        else if (to.IsFloat() != from.IsFloat())
        {
            if (!hasRounding) throw Error($"{_source.FullName} wants a rounding");
            if (from.IsFloat() != rounding >= Rounding.NearestInteger) throw Error($"{_source.FullName}: to integers by .rni/.rzi/.rmi/.rpi, to floats by .rn/.rz/.rm/.rp");
        }
        else if (hasRounding)
        {
            throw Error($"{_source.FullName}: between integers there is nothing to round");
        }

        Slot d = Out(0, to, true), a = In(1, from, true);
        var isWide = IsWide(_source.Operands[0], to);
        Add((to, from, rounding) switch
        {
            (ScalarType.F64, ScalarType.F32, _) when !IsFlushed && !IsSaturated => new Lane1<float, double, Widen>(d, a),
            (ScalarType.F32, ScalarType.F64, Rounding.Nearest) when !IsFlushed && !IsSaturated => new Lane1<double, float, NarrowToSingle>(d, a),
            (ScalarType.U64 or ScalarType.S64, ScalarType.U32 or ScalarType.S32, _) when !IsSaturated && !IsWide(_source.Operands[1], from) =>
                new ExtendTo64(d, a, from == ScalarType.S32),
            (ScalarType.U32 or ScalarType.S32, ScalarType.U64 or ScalarType.S64, _) when !IsSaturated && !isWide => new Lane1<ulong, uint, Truncate>(d, a),
            (ScalarType.F32, ScalarType.S32, Rounding.Nearest) when !IsSaturated => new Lane1<int, float, ToFloat<int>>(d, a),
            (ScalarType.F32, ScalarType.U32, Rounding.Nearest) when !IsSaturated => new Lane1<uint, float, ToFloat<uint>>(d, a),
            (ScalarType.F32, ScalarType.F32, Rounding.NearestInteger) when !IsFlushed && !IsSaturated => new Map1<float, RoundEven<float>>(d, a),
            (ScalarType.F64, ScalarType.F64, Rounding.NearestInteger) when !IsSaturated => new Map1<double, RoundEven<double>>(d, a),
            (ScalarType.S32, ScalarType.F32, Rounding.NearestInteger) when !IsFlushed => new Lane1<float, int, NearestInt>(d, a),
            _ => new Convert(d, a, to, from, rounding, IsSaturated, IsFlushed, isWide),
        });
    }
}

internal readonly struct LogicalNot<T> : ILane1<T, T> where T : unmanaged, IBinaryInteger<T>
{
    public static T Invoke(T a) => T.IsZero(a) ? T.One : T.Zero;
}

internal readonly struct Widen : ILane1<float, double>
{
    public static double Invoke(float a) => a;
}

internal readonly struct NarrowToSingle : ILane1<double, float>
{
    public static float Invoke(double a) => (float)a;
}

internal readonly struct Truncate : ILane1<ulong, uint>
{
    public static uint Invoke(ulong a) => (uint)a;
}

internal readonly struct ToFloat<T> : ILane1<T, float> where T : unmanaged, INumber<T>
{
    public static float Invoke(T a) => (float)double.CreateTruncating(a);
}

internal readonly struct NearestInt : ILane1<float, int>
{
    public static int Invoke(float a)
    {
        if (float.IsNaN(a)) return 0;
        var x = MathF.Round(a, MidpointRounding.ToEven);
        return x >= 2147483648f ? int.MaxValue : x <= -2147483648f ? int.MinValue : (int)x;
    }
}

internal readonly struct RoundEven<T> : IMap1<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a) => typeof(T) == typeof(float)
        ? Vector512.Round(a.AsSingle()).As<float, T>()
        : Vector512.Round(a.AsDouble()).As<double, T>();
}

/// <summary>mov of a vector's elements into one register.</summary>
internal sealed unsafe class Pack(Slot d, Slot[] sources, bool isWide, int bits) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        var pd = d.At(warp);
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            ulong value = 0;
            for (var i = 0; i < sources.Length; i++)
            {
                ulong part = ((uint*)sources[i].At(warp))[lane];
                value |= (bits == 16 ? (ushort)part : part) << (i * bits);
            }

            if (isWide) ((ulong*)pd)[lane] = value;
            else ((uint*)pd)[lane] = (uint)value;
        }
    }
}

/// <summary>mov of one register into a vector's elements.</summary>
internal sealed unsafe class Unpack(Slot?[] targets, Slot a, bool isWide, int bits) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        var pa = a.At(warp);
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            var value = isWide ? ((ulong*)pa)[lane] : ((uint*)pa)[lane];
            for (var i = 0; i < targets.Length; i++)
            {
                if (targets[i] is not { } target) continue;
                var part = (uint)(value >> (i * bits));
                ((uint*)target.At(warp))[lane] = bits == 16 ? (ushort)part : part;
            }
        }
    }
}
