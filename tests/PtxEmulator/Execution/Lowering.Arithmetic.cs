using System.Numerics;
using PtxEmulator.Isa;
using PtxEmulator.Parsing;

namespace PtxEmulator.Execution;

/// <summary>Arithmetic, logic and conversion.</summary>
internal sealed partial class Lowering
{
    private bool IsFlushed => _source.Has("ftz");

    private bool IsSaturated => _source.Has("sat");

    private Rounding RoundingOf() => _source.Modifiers.FirstOrDefault(m => m is "rn" or "rz" or "rm" or "rp" or "rni" or "rzi" or "rmi" or "rpi") switch
    {
        "rz" => Rounding.Zero,
        "rm" => Rounding.Down,
        "rp" => Rounding.Up,
        "rni" => Rounding.NearestInteger,
        "rzi" => Rounding.ZeroInteger,
        "rmi" => Rounding.DownInteger,
        "rpi" => Rounding.UpInteger,
        _ => Rounding.Nearest,
    };

    private void LowerPlain()
    {
        switch (_source.Opcode)
        {
            case "mov":
                Move();
                break;
            case "add":
            case "sub":
            case "mul":
            case "mad":
            case "fma":
            case "div":
            case "rem":
            case "min":
            case "max":
            case "sqrt":
            case "rcp":
                if (_source.Type.IsFloat()) FloatArithmetic();
                else IntegerArithmetic();
                break;
            case "neg":
            case "abs":
                Sign();
                break;
            case "rsqrt":
            case "ex2":
            case "lg2":
            case "sin":
            case "cos":
            case "tanh":
                ApproximateFunction();
                break;
            case "copysign":
                Operands(3);
                Add(_source.Type == ScalarType.F64
                    ? new Lane2<double, double, double, CopySign<double>>(Out(0, ScalarType.F64), In(1, ScalarType.F64), In(2, ScalarType.F64))
                    : new Lane2<float, float, float, CopySign<float>>(Out(0, ScalarType.F32), In(1, ScalarType.F32), In(2, ScalarType.F32)));
                break;
            case "and":
            case "or":
            case "xor":
            case "not":
            case "cnot":
                Logic();
                break;
            case "shl":
            case "shr":
                Shift();
                break;
            case "shf":
                Operands(4);
                Add(new FunnelShift(Out(0, ScalarType.B32), In(1, ScalarType.B32), In(2, ScalarType.B32), In(3, ScalarType.U32), _source.Has("l"), _source.Has("wrap")));
                break;
            case "lop3":
                Operands(5);
                if (_source.Operands[4] is not IntegerOperand { Bits: <= 255 } table) throw Error("lop3 wants a table of 8 bits");
                Add(new ThreeBitLogic(Out(0, ScalarType.B32), In(1, ScalarType.B32), In(2, ScalarType.B32), In(3, ScalarType.B32), (byte)table.Bits));
                break;
            case "prmt":
                Operands(4);
                if (_source.Modifiers.Length != 1) throw NotEmulated();
                Add(new Lane3<uint, uint, uint, uint, Permute>(Out(0, ScalarType.B32), In(1, ScalarType.B32), In(2, ScalarType.B32), In(3, ScalarType.B32)));
                break;
            case "bfe":
                Operands(4);
                Bits(_source.Type, 4);
                break;
            case "bfi":
                Operands(5);
                Add(_source.Type.Bits() == 64
                    ? new InsertField<ulong>(Out(0, _source.Type), In(1, _source.Type), In(2, _source.Type), In(3, ScalarType.U32), In(4, ScalarType.U32))
                    : new InsertField<uint>(Out(0, _source.Type), In(1, _source.Type), In(2, _source.Type), In(3, ScalarType.U32), In(4, ScalarType.U32)));
                break;
            case "popc":
            case "clz":
            case "brev":
            case "bfind":
                Operands(2);
                Bits(_source.Type, 2);
                break;
            case "setp":
                SetPredicate();
                break;
            case "selp":
            case "slct":
                Selection();
                break;
            case "testp":
                Operands(2);
                Add(new TestProperty(
                    Predicate(_source.Operands[0], false), In(1, _source.Type),
                    _source.Modifiers[0] switch
                    {
                        "finite" => FloatClass.Finite,
                        "infinite" => FloatClass.Infinite,
                        "number" => FloatClass.Number,
                        "notanumber" => FloatClass.NotANumber,
                        "normal" => FloatClass.Normal,
                        _ => FloatClass.Subnormal,
                    },
                    _source.Type == ScalarType.F64));
                break;
            case "cvt":
                Conversion();
                break;
            default:
                LowerMemory();
                break;
        }
    }

    private void Sign()
    {
        Operands(2);
        var type = _source.Type;
        Slot d = Out(0, type), a = In(1, type);
        var isNegation = _source.Opcode == "neg";
        Add((type, isNegation) switch
        {
            (ScalarType.F32, true) => IsFlushed ? new Map1<float, Flushed<Negate<float>>>(d, a) : new Map1<float, Negate<float>>(d, a),
            (ScalarType.F32, false) => IsFlushed ? new Map1<float, Flushed<Absolute<float>>>(d, a) : new Map1<float, Absolute<float>>(d, a),
            (ScalarType.F64, true) => new Map1<double, Negate<double>>(d, a),
            (ScalarType.F64, false) => new Map1<double, Absolute<double>>(d, a),
            (ScalarType.S32, true) => new Map1<int, Negate<int>>(d, a),
            (ScalarType.S32, false) => new Lane1<int, int, WrappedAbsolute<int>>(d, a),
            (ScalarType.S64, true) => new Map1<long, Negate<long>>(d, a),
            (ScalarType.S64, false) => new Lane1<long, long, WrappedAbsolute<long>>(d, a),
            (ScalarType.S16, false) => new Lane1<short, short, WrappedAbsolute<short>>(d, a),
            (ScalarType.S16, true) => new Lane2<short, short, short, Narrow.Difference<short>>(d, _constants.Get(0, false), a),
            _ => throw NotEmulated(),
        });
    }

    private void FloatArithmetic()
    {
        var type = _source.Type;
        var opcode = _source.Opcode;
        var count = opcode is "sqrt" or "rcp" ? 2 : opcode is "fma" or "mad" ? 4 : 3;
        Operands(count);
        Slot d = Out(0, type), a = In(1, type);
        var b = count > 2 ? In(2, type) : a;
        var c = count > 3 ? In(3, type) : a;
        var rounding = RoundingOf();
        if (opcode is "div" or "rcp" or "sqrt" && (_source.Has("approx") || _source.Has("full")))
        {
            Add(ApproximateQuotient(d, a, b));
            return;
        }

        if (rounding != Rounding.Nearest)
        {
            Add(new DirectedArithmetic(d, a, b, c, opcode == "mad" ? "fma" : opcode, type == ScalarType.F64, rounding, IsFlushed, IsSaturated));
            return;
        }

        Add((opcode, type) switch
        {
            ("add", ScalarType.F32) => Float2<Add<float>, Flushed<Add<float>>>(d, a, b),
            ("sub", ScalarType.F32) => Float2<Subtract<float>, Flushed<Subtract<float>>>(d, a, b),
            ("mul", ScalarType.F32) => Float2<Multiply<float>, Flushed<Multiply<float>>>(d, a, b),
            ("div", ScalarType.F32) => IsFlushed ? new Map2<float, Flushed<Divide<float>>>(d, a, b) : new Map2<float, Divide<float>>(d, a, b),
            ("fma" or "mad", ScalarType.F32) => (IsSaturated, IsFlushed) switch
            {
                (false, false) => new Map3<float, FusedMultiplyAdd<float>>(d, a, b, c),
                (false, true) => new Map3<float, Flushed<FusedMultiplyAdd<float>>>(d, a, b, c),
                (true, false) => new Map3<float, Saturated<FusedMultiplyAdd<float>>>(d, a, b, c),
                _ => new Map3<float, Saturated<Flushed<FusedMultiplyAdd<float>>>>(d, a, b, c),
            },
            ("min", ScalarType.F32) when _source.Has("NaN") => IsFlushed ? new Map2<float, Flushed<SmallerOrNan<float>>>(d, a, b) : new Map2<float, SmallerOrNan<float>>(d, a, b),
            ("max", ScalarType.F32) when _source.Has("NaN") => IsFlushed ? new Map2<float, Flushed<LargerOrNan<float>>>(d, a, b) : new Map2<float, LargerOrNan<float>>(d, a, b),
            ("min", ScalarType.F32) => IsFlushed ? new Map2<float, Flushed<Smaller<float>>>(d, a, b) : new Map2<float, Smaller<float>>(d, a, b),
            ("max", ScalarType.F32) => IsFlushed ? new Map2<float, Flushed<Larger<float>>>(d, a, b) : new Map2<float, Larger<float>>(d, a, b),
            ("sqrt", ScalarType.F32) => IsFlushed ? new Map1<float, Flushed<SquareRoot<float>>>(d, a) : new Map1<float, SquareRoot<float>>(d, a),
            ("rcp", ScalarType.F32) => IsFlushed ? new Map1<float, Flushed<Reciprocal<float>>>(d, a) : new Map1<float, Reciprocal<float>>(d, a),
            ("add", ScalarType.F64) => new Map2<double, Add<double>>(d, a, b),
            ("sub", ScalarType.F64) => new Map2<double, Subtract<double>>(d, a, b),
            ("mul", ScalarType.F64) => new Map2<double, Multiply<double>>(d, a, b),
            ("div", ScalarType.F64) => new Map2<double, Divide<double>>(d, a, b),
            ("fma" or "mad", ScalarType.F64) => new Map3<double, FusedMultiplyAdd<double>>(d, a, b, c),
            ("min", ScalarType.F64) => new Map2<double, Smaller<double>>(d, a, b),
            ("max", ScalarType.F64) => new Map2<double, Larger<double>>(d, a, b),
            ("sqrt", ScalarType.F64) => new Map1<double, SquareRoot<double>>(d, a),
            ("rcp", ScalarType.F64) => new Map1<double, Reciprocal<double>>(d, a),
            ("add", ScalarType.F16) => new Lane2<Half, Half, Half, Narrow.Sum<Half>>(d, a, b),
            ("sub", ScalarType.F16) => new Lane2<Half, Half, Half, Narrow.Difference<Half>>(d, a, b),
            ("mul", ScalarType.F16) => new Lane2<Half, Half, Half, Narrow.Product<Half>>(d, a, b),
            _ => throw NotEmulated(),
        });
    }

    private Step Float2<TOp, TFlushed>(Slot d, Slot a, Slot b) where TOp : struct, IMap2<float> where TFlushed : struct, IMap2<float> =>
        (IsSaturated, IsFlushed) switch
        {
            (false, false) => new Map2<float, TOp>(d, a, b),
            (false, true) => new Map2<float, TFlushed>(d, a, b),
            (true, false) => new Map2<float, Saturated<TOp>>(d, a, b),
            _ => new Map2<float, Saturated<TFlushed>>(d, a, b),
        };

    private Step ApproximateQuotient(Slot d, Slot a, Slot b) => (_source.Opcode, _source.Type, IsFlushed) switch
    {
        ("div", ScalarType.F32, _) when _source.Has("full") => IsFlushed ? new Map2<float, Flushed<Divide<float>>>(d, a, b) : new Map2<float, Divide<float>>(d, a, b),
        ("div", ScalarType.F32, false) => new Lane2<float, float, float, Approximate.Quotient>(d, a, b),
        ("div", ScalarType.F32, true) => new Lane2<float, float, float, Approximate.Flushing2<Approximate.Quotient>>(d, a, b),
        ("rcp", ScalarType.F32, false) => new Map1<float, Reciprocal<float>>(d, a),
        ("rcp", ScalarType.F32, true) => new Map1<float, Flushed<Reciprocal<float>>>(d, a),
        ("rcp", ScalarType.F64, true) => new Lane1<double, double, Approximate.UpperReciprocal>(d, a),
        ("sqrt", ScalarType.F32, false) => new Map1<float, SquareRoot<float>>(d, a),
        ("sqrt", ScalarType.F32, true) => new Map1<float, Flushed<SquareRoot<float>>>(d, a),
        _ => throw NotEmulated(),
    };

    private void ApproximateFunction()
    {
        Operands(2);
        var type = _source.Type;
        Slot d = Out(0, type), a = In(1, type);
        if (type == ScalarType.F64)
        {
            Add(_source.Opcode == "rsqrt" ? new Lane1<double, double, Approximate.ReciprocalRoot>(d, a) : throw NotEmulated());
            return;
        }

        if (type != ScalarType.F32) throw NotEmulated();
        Add(_source.Opcode switch
        {
            "rsqrt" => Function<Approximate.ReciprocalRoot>(d, a),
            "ex2" => Function<Approximate.PowerOfTwo>(d, a),
            "lg2" => Function<Approximate.LogarithmOfTwo>(d, a),
            "sin" => Function<Approximate.Sine>(d, a),
            "cos" => Function<Approximate.Cosine>(d, a),
            _ => Function<Approximate.HyperbolicTangent>(d, a),
        });
    }

    private Step Function<TOp>(Slot d, Slot a) where TOp : struct, ILane1<float, float> =>
        IsFlushed ? new Lane1<float, float, Approximate.Flushing<TOp>>(d, a) : new Lane1<float, float, TOp>(d, a);

    private void IntegerArithmetic()
    {
        var type = _source.Type;
        var opcode = _source.Opcode;
        var isMad = opcode == "mad";
        Operands(isMad ? 4 : 3);
        if (opcode is "mul" or "mad" && _source.Has("wide"))
        {
            WideProduct(type, isMad);
            return;
        }

        Slot d = Out(0, type), a = In(1, type), b = In(2, type);
        if (opcode is "mul" or "mad" && _source.Has("hi"))
        {
            var c = isMad ? In(3, type) : a;
            Add(type switch
            {
                ScalarType.U32 => High<uint>(d, a, b, c, isMad),
                ScalarType.S32 => High<int>(d, a, b, c, isMad),
                ScalarType.U64 => High<ulong>(d, a, b, c, isMad),
                ScalarType.S64 => High<long>(d, a, b, c, isMad),
                ScalarType.U16 => High<ushort>(d, a, b, c, isMad),
                ScalarType.S16 => High<short>(d, a, b, c, isMad),
                _ => throw NotEmulated(),
            });
            return;
        }

        if (IsSaturated)
        {
            Add(opcode switch
            {
                "add" => new Lane2<int, int, int, SaturatedSum>(d, a, b),
                "sub" => new Lane2<int, int, int, SaturatedDifference>(d, a, b),
                _ => throw NotEmulated(),
            });
            return;
        }

        Add(type switch
        {
            ScalarType.U32 => Integer<uint>(d, a, b),
            ScalarType.S32 => Integer<int>(d, a, b),
            ScalarType.U64 => Integer<ulong>(d, a, b),
            ScalarType.S64 => Integer<long>(d, a, b),
            ScalarType.U16 => NarrowInteger<ushort>(d, a, b),
            ScalarType.S16 => NarrowInteger<short>(d, a, b),
            _ => throw NotEmulated(),
        });
    }

    private static Step High<T>(Slot d, Slot a, Slot b, Slot c, bool isMad) where T : unmanaged, IBinaryInteger<T> =>
        isMad ? new Lane3<T, T, T, T, HighProduct<T>>(d, a, b, c) : new Lane2<T, T, T, HighProduct<T>>(d, a, b);

    private Step Integer<T>(Slot d, Slot a, Slot b) where T : unmanaged, IBinaryInteger<T> => _source.Opcode switch
    {
        "add" => new Map2<T, Add<T>>(d, a, b),
        "sub" => new Map2<T, Subtract<T>>(d, a, b),
        "mul" => new Map2<T, Multiply<T>>(d, a, b),
        "mad" => new Map3<T, MultiplyAdd<T>>(d, a, b, In(3, _source.Type)),
        "min" => new Map2<T, Smaller<T>>(d, a, b),
        "max" => new Map2<T, Larger<T>>(d, a, b),
        "div" => new Lane2<T, T, T, IntegerQuotient<T>>(d, a, b),
        "rem" => new Lane2<T, T, T, IntegerRemainder<T>>(d, a, b),
        _ => throw NotEmulated(),
    };

    private Step NarrowInteger<T>(Slot d, Slot a, Slot b) where T : unmanaged, IBinaryInteger<T> => _source.Opcode switch
    {
        "add" => new Lane2<T, T, T, Narrow.Sum<T>>(d, a, b),
        "sub" => new Lane2<T, T, T, Narrow.Difference<T>>(d, a, b),
        "mul" => new Lane2<T, T, T, Narrow.Product<T>>(d, a, b),
        "mad" => new Lane3<T, T, T, T, Narrow.ProductSum<T>>(d, a, b, In(3, _source.Type)),
        "min" => new Lane2<T, T, T, Narrow.Minimum<T>>(d, a, b),
        "max" => new Lane2<T, T, T, Narrow.Maximum<T>>(d, a, b),
        "div" => new Lane2<T, T, T, IntegerQuotient<T>>(d, a, b),
        "rem" => new Lane2<T, T, T, IntegerRemainder<T>>(d, a, b),
        _ => throw NotEmulated(),
    };

    private void WideProduct(ScalarType type, bool isMad)
    {
        var wide = type switch
        {
            ScalarType.U16 => ScalarType.U32,
            ScalarType.S16 => ScalarType.S32,
            ScalarType.U32 => ScalarType.U64,
            ScalarType.S32 => ScalarType.S64,
            _ => throw NotEmulated(),
        };
        Slot d = Out(0, wide), a = In(1, type), b = In(2, type);
        var c = isMad ? In(3, wide) : a;
        Add(type switch
        {
            ScalarType.U32 or ScalarType.S32 => new WideMultiply(d, a, b, c, type == ScalarType.S32, isMad),
            ScalarType.U16 => Wide<ushort, uint>(d, a, b, c, isMad),
            _ => Wide<short, int>(d, a, b, c, isMad),
        });
    }

    private static Step Wide<T, TWide>(Slot d, Slot a, Slot b, Slot c, bool isMad)
        where T : unmanaged, IBinaryInteger<T> where TWide : unmanaged, IBinaryInteger<TWide> =>
        isMad ? new Lane3<T, T, TWide, TWide, WideProduct<T, TWide>>(d, a, b, c) : new Lane2<T, T, TWide, WideProduct<T, TWide>>(d, a, b);
}

/// <summary>Integers of 16 bits and half floats, lane by lane.</summary>
internal static class Narrow
{
    public readonly struct Sum<T> : ILane2<T, T, T> where T : unmanaged, INumber<T>
    {
        public static T Invoke(T a, T b) => unchecked(a + b);
    }

    public readonly struct Difference<T> : ILane2<T, T, T> where T : unmanaged, INumber<T>
    {
        public static T Invoke(T a, T b) => unchecked(a - b);
    }

    public readonly struct Product<T> : ILane2<T, T, T> where T : unmanaged, INumber<T>
    {
        public static T Invoke(T a, T b) => unchecked(a * b);
    }

    public readonly struct ProductSum<T> : ILane3<T, T, T, T> where T : unmanaged, INumber<T>
    {
        public static T Invoke(T a, T b, T c) => unchecked(a * b + c);
    }

    public readonly struct Minimum<T> : ILane2<T, T, T> where T : unmanaged, INumber<T>
    {
        public static T Invoke(T a, T b) => T.Min(a, b);
    }

    public readonly struct Maximum<T> : ILane2<T, T, T> where T : unmanaged, INumber<T>
    {
        public static T Invoke(T a, T b) => T.Max(a, b);
    }
}

/// <summary>Absolute value; the smallest number stays itself.</summary>
internal readonly struct WrappedAbsolute<T> : ILane1<T, T> where T : unmanaged, IBinaryInteger<T>
{
    public static T Invoke(T a) => T.IsNegative(a) ? unchecked(T.Zero - a) : a;
}
