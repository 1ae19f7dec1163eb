using Edifice.Engine.Backends;

namespace Edifice.Engine.Cuda.Kernels;

internal static partial class Operators
{
    /// <summary>A reduction of floats, integers or bools; null where there is no such kernel.</summary>
    public static ReduceOperator? Reduction(ReduceKernel kernel, DType dtype) => dtype switch
    {
        DType.Float32 or DType.Float64 => FloatReduction(kernel, ElementType.Of(dtype)),
        DType.Int32 or DType.Int64 => IntegerReduction(kernel, ElementType.Of(dtype)),
        DType.Bool => BoolReduction(kernel),
        _ => null,
    };

    /// <summary>The number of the first extreme entry; a NaN is more extreme than any number.</summary>
    public static ReduceOperator? FirstExtreme(bool max, DType dtype)
    {
        if (dtype is not (DType.Float32 or DType.Float64 or DType.Int32 or DType.Int64)) return null;
        var type = ElementType.Of(dtype);
        var t = type.Register;
        var better = max ? "gt" : "lt";
        var isFloat = t[0] == 'f';

        // Whatever is no better than this wins by its number: that of no entry is the largest.
        var worst = (isFloat, max) switch
        {
            (true, _) => $"mov.{t} %s0, {KernelSource.Constant(max ? double.NegativeInfinity : double.PositiveInfinity, t == "f64")}",
            (false, true) => t == "s32" ? "mov.b32 %s0, 0x80000000" : "mov.b64 %s0, 0x8000000000000000",
            _ => t == "s32" ? "mov.b32 %s0, 0x7fffffff" : "mov.b64 %s0, 0x7fffffffffffffff",
        };

        // %q0: the challenger is more extreme.
        string Wins(string challenger, string holder) => $"    setp.{better}.{t} %q0, {challenger}, {holder};\n" + (isFloat
            ? $"    setp.eq.{t} %q1, {holder}, {holder};\n    setp.nan.and.{t} %q1, {challenger}, {challenger}, %q1;\n    or.pred %q0, %q0, %q1;\n"
            : "");
        const string Begin = "    setp.lt.u32 %q0, %r, %end;\n    selp.u32 %s1, %r, %s1, %q0;\n"; // unless a later one is better
        var step = Wins("%x", "%s0") + $"    selp.{t} %s0, %x, %s0, %q0;\n    selp.u32 %s1, %r, %s1, %q0;\n";
        var merge = Wins("%s0", "%o0") + "    not.pred %q2, %q0;\n    setp.lt.and.u32 %q2, %o1, %s1, %q2;\n" // not worse, and earlier
            + Wins("%o0", "%s0") + $"""
                or.pred %q0, %q0, %q2;
                selp.{t} %s0, %o0, %s0, %q0;
                selp.u32 %s1, %o1, %s1, %q0;

            """;
        return new(type, ElementType.Of(DType.Int64), [t, "u32"], $"    {worst};\n    mov.u32 %s1, 0xffffffff;\n", step, merge,
            "    cvt.s64.u32 %y, %s1;\n", "    .reg .pred %q<3>;\n", Begin: Begin);
    }

    // s0 + s1 is the sum: s0 in the type's precision, s1 all that its roundings lost, so that the sum is good to about one rounding
    // however many entries there are. An infinite s0 has no such rest.
    private static string AddExactly(string x) => $"""
            add.rn.$T %t0, %s0, {x};
            sub.rn.$T %t1, %t0, %s0;
            sub.rn.$T %t2, %t0, %t1;
            sub.rn.$T %t2, %s0, %t2;
            sub.rn.$T %t3, {x}, %t1;
            add.rn.$T %t2, %t2, %t3;
            add.rn.$T %s1, %s1, %t2;
            mov.$T %s0, %t0;

        """;

    private const string FinishSum = """
            abs.$T %t0, %s0;
            setp.lt.$T %q0, %t0, $C(inf);
            add.rn.$T %t1, %s0, %s1;
            selp.$T %y, %t1, %s0, %q0;

        """;

    private static ReduceOperator Sum(ElementType type, string before = "", string term = "%x", string after = "") => new(
        type, type, [type.Register, type.Register], "    mov.$T %s0, $C(0);\n    mov.$T %s1, $C(0);\n", before + AddExactly(term),
        AddExactly("%o0") + "    add.rn.$T %s1, %s1, %o1;\n", FinishSum + after, Temporaries(type.Register));

    private static ReduceOperator One(ElementType type, string start, string step, string merge, string temporaries, string finish = "") => new(
        type, type, [type.Register], start, step, merge, finish.Length > 0 ? finish : $"    mov.{type.Register} %y, %s0;\n", temporaries);

    private static ReduceOperator? FloatReduction(ReduceKernel kernel, ElementType type)
    {
        var temporaries = Temporaries(type.Register);
        switch (kernel)
        {
            case ReduceKernel.Sum: return Sum(type);
            case ReduceKernel.Mean: return Sum(type, after: "    cvt.rn.$T.u32 %t2, %n;\n    div.rn.$T %y, %y, %t2;\n");
            case ReduceKernel.Norm1: return Sum(type, "    abs.$T %t4, %x;\n", "%t4");
            case ReduceKernel.Prod: return One(type, "    mov.$T %s0, $C(1);\n", "    mul.rn.$T %s0, %s0, %x;\n", "    mul.rn.$T %s0, %s0, %o0;\n", temporaries);
            case ReduceKernel.Max: return One(type, "    mov.$T %s0, $C(-inf);\n", Extreme("max", "%s0", "%x", "%s0"), Extreme("max", "%s0", "%o0", "%s0"), temporaries);
            case ReduceKernel.Min: return One(type, "    mov.$T %s0, $C(inf);\n", Extreme("min", "%s0", "%x", "%s0"), Extreme("min", "%s0", "%o0", "%s0"), temporaries);
            case ReduceKernel.NormInf:
                return One(type, "    mov.$T %s0, $C(0);\n", "    abs.$T %t0, %x;\n" + Extreme("max", "%s0", "%t0", "%s0"), Extreme("max", "%s0", "%o0", "%s0"), temporaries);
            case ReduceKernel.Norm2: return EuclideanNorm(type);
            case ReduceKernel.Variance: return Variance(type);
            case ReduceKernel.LogSumExp: return LogSumExp(type);
            default: return null;
        }
    }

    // In double: the square of any float is exact there and cannot overflow.
    private static ReduceOperator EuclideanNorm(ElementType type) => new(
        type, type, ["f64"], "    mov.f64 %s0, 0d0000000000000000;\n", ToDouble(type, "%x", "%d0") + "    fma.rn.f64 %s0, %d0, %d0, %s0;\n",
        "    add.rn.f64 %s0, %s0, %o0;\n", "    sqrt.rn.f64 %d0, %s0;\n" + FromDouble(type, "%d0", "%y"), "    .reg .f64 %d0;\n");

    private static string ToDouble(ElementType type, string x, string y) =>
        type.Size == 4 ? $"    cvt.f64.f32 {y}, {x};\n" : $"    mov.f64 {y}, {x};\n";

    private static string FromDouble(ElementType type, string x, string y) =>
        type.Size == 4 ? $"    cvt.rn.f32.f64 {y}, {x};\n" : $"    mov.f64 {y}, {x};\n";

    /// <summary>Mean, Σ (x - mean)² and number of entries, entry by entry (Welford 1962) and merged pairwise (Chan, Golub, LeVeque
    /// 1979), in double: nothing of the size of x² is ever formed.</summary>
    private static ReduceOperator Variance(ElementType type) => new(
        type, type, ["f64", "f64", "f64"], "    mov.f64 %s0, 0d0000000000000000;\n    mov.f64 %s1, %s0;\n    mov.f64 %s2, %s0;\n",
        ToDouble(type, "%x", "%d0") + """
                add.rn.f64 %s2, %s2, 0d3FF0000000000000;
                sub.rn.f64 %d1, %d0, %s0;
                div.rn.f64 %d2, %d1, %s2;
                add.rn.f64 %s0, %s0, %d2;
                sub.rn.f64 %d2, %d0, %s0;
                fma.rn.f64 %s1, %d1, %d2, %s1;

            """,
        """
                add.rn.f64 %d0, %s2, %o2;
                max.f64 %d1, %d0, 0d3FF0000000000000;
                div.rn.f64 %d1, %o2, %d1;
                sub.rn.f64 %d2, %o0, %s0;
                fma.rn.f64 %s0, %d2, %d1, %s0;
                add.rn.f64 %s1, %s1, %o1;
                mul.rn.f64 %d2, %d2, %d2;
                mul.rn.f64 %d1, %d1, %s2;
                fma.rn.f64 %s1, %d2, %d1, %s1;
                mov.f64 %s2, %d0;

            """,
        """
                sub.rn.f64 %d0, %s2, %p;
                div.rn.f64 %d1, %s1, %d0;
                setp.gt.f64 %q0, %d0, 0d0000000000000000;
                selp.f64 %d1, %d1, 0d7FF8000000000000, %q0;

            """ + FromDouble(type, "%d1", "%y"), "    .reg .f64 %d<3>;\n    .reg .pred %q0;\n");

    /// <summary>m the largest entry and s = Σ e^(x - m). Of e^(m - m') and e^(x - m') one is always 1, so one exponential of -|x - m| serves
    /// both; equal infinities count as no distance, for ∞ - ∞ has no value.</summary>
    private static ReduceOperator LogSumExp(ElementType type) => new(
        type, type, [type.Register, type.Register], "    mov.$T %s0, $C(-inf);\n    mov.$T %s1, $C(0);\n", AddExponential("$C(1)", "%x"), AddExponential("%o1", "%o0"),
        "    call (%t0), fn_log_normal, (%s1);\n    add.rn.$T %y, %s0, %t0;\n", Temporaries(type.Register), "math_log");

    /// <summary>(s0, s1) += (<paramref name="m"/>, <paramref name="s"/>) as pairs that stand for s0 + ln s1.</summary>
    internal static string AddExponential(string s, string m) => $"""
            sub.rn.$T %t0, {m}, %s0;
            abs.$T %t0, %t0;
            neg.$T %t0, %t0;
            setp.eq.$T %q0, {m}, %s0;
            selp.$T %t0, $C(0), %t0, %q0;
            call (%t1), fn_exp_negative, (%t0);
            setp.lt.$T %q1, %s0, {m};
            fma.rn.$T %t2, %s1, %t1, {s};
            mov.$T %t3, {s};
            fma.rn.$T %t3, %t3, %t1, %s1;
            selp.$T %s1, %t2, %t3, %q1;
            selp.$T %s0, {m}, %s0, %q1;

        """;

    private static ReduceOperator? IntegerReduction(ReduceKernel kernel, ElementType type)
    {
        var t = type.Register;
        var (least, most) = t == "s32" ? ("0x80000000", "0x7fffffff") : ("0x8000000000000000", "0x7fffffffffffffff");
        return kernel switch
        {
            ReduceKernel.Sum => One(type, $"    mov.{t} %s0, 0;\n", $"    add.{t} %s0, %s0, %x;\n", $"    add.{t} %s0, %s0, %o0;\n", ""),
            ReduceKernel.Prod => One(type, $"    mov.{t} %s0, 1;\n", $"    mul.lo.{t} %s0, %s0, %x;\n", $"    mul.lo.{t} %s0, %s0, %o0;\n", ""),
            ReduceKernel.Max => One(type, $"    mov.b{t[1..]} %s0, {least};\n", $"    max.{t} %s0, %s0, %x;\n", $"    max.{t} %s0, %s0, %o0;\n", ""),
            ReduceKernel.Min => One(type, $"    mov.b{t[1..]} %s0, {most};\n", $"    min.{t} %s0, %s0, %x;\n", $"    min.{t} %s0, %s0, %o0;\n", ""),
            _ => null,
        };
    }

    private static ReduceOperator? BoolReduction(ReduceKernel kernel)
    {
        const string IsSet = "    setp.ne.u32 %q0, %x, 0;\n    selp.u32 %t0, 1, 0, %q0;\n";
        return kernel switch
        {
            ReduceKernel.Any => One(ElementType.Bool, "    mov.u32 %s0, 0;\n", IsSet + "    or.b32 %s0, %s0, %t0;\n", "    or.b32 %s0, %s0, %o0;\n", Temporaries("u32")),
            ReduceKernel.All => One(ElementType.Bool, "    mov.u32 %s0, 1;\n", IsSet + "    and.b32 %s0, %s0, %t0;\n", "    and.b32 %s0, %s0, %o0;\n", Temporaries("u32")),
            _ => null,
        };
    }
}
