using Edifice.Engine.Backends;

namespace Edifice.Engine.Cuda.Kernels;

internal static partial class Operators
{
    /// <summary>y = f(a, b), or with a scalar in the place of one of them; null where there is no such kernel.</summary>
    public static ElementwiseOperator? Pair(BinaryKernel kernel, DType dtype, ScalarPlace scalar)
    {
        var type = ElementType.Of(dtype);
        var body = dtype.IsComputeFloat() ? FloatPair(kernel) : dtype is DType.Int32 or DType.Int64 ? IntegerPair(kernel, type.Register) : "";
        if (body.Length == 0) return null;
        return WithScalar(body, scalar) with
        {
            Result = type, Operands = scalar == ScalarPlace.None ? [type, type] : [type], Temporaries = Temporaries(type.Register),
            Uses = kernel == BinaryKernel.Power ? "math_pow" : "", ScalarType = type.Register,
        };
    }

    /// <summary>y = a ∘ b as 0 or 1.</summary>
    public static ElementwiseOperator Relation(CompareKernel kernel, DType dtype, ScalarPlace scalar)
    {
        var type = ElementType.Of(dtype);
        var narrow = dtype is DType.BFloat16 or DType.Float16;
        var arithmetic = narrow ? "f32" : type.Register;
        var relation = kernel switch
        {
            CompareKernel.Equal => "eq",
            CompareKernel.NotEqual => arithmetic[0] == 'f' ? "neu" : "ne",
            CompareKernel.Less => "lt",
            CompareKernel.LessEqual => "le",
            CompareKernel.Greater => "gt",
            _ => "ge",
        };
        var (widen, a, b) = ("", "{a}", "{b}");
        if (narrow)
        {
            widen = ToSingle(dtype, "{a}", "%t0") + (scalar == ScalarPlace.None ? ToSingle(dtype, "{b}", "%t1") : "    mov.f32 %t1, {b};\n");
            (a, b) = ("%t0", "%t1");
        }

        var body = $"{widen}    setp.{relation}.{arithmetic} %q0, {a}, {b};\n    selp.u32 {{y}}, 1, 0, %q0;\n";
        return WithScalar(body, scalar) with
        {
            Result = ElementType.Bool, Operands = scalar == ScalarPlace.None ? [type, type] : [type],
            Temporaries = Temporaries(arithmetic) + ConversionTemporaries, ScalarType = arithmetic,
        };
    }

    /// <summary>y = a ? b : c by moving bits.</summary>
    public static ElementwiseOperator Choice(DType dtype)
    {
        var bits = ElementType.Bits(dtype);
        var move = bits.Size == 1 ? "b32" : bits.Memory;
        return new(bits, [ElementType.Bool, bits, bits], $"    setp.ne.u32 %q0, {{a}}, 0;\n    selp.{move} {{y}}, {{b}}, {{c}}, %q0;\n", "    .reg .pred %q0;\n");
    }

    /// <summary>y = s a + b.</summary>
    public static ElementwiseOperator ScaledSum(DType dtype)
    {
        var type = ElementType.Of(dtype);
        return new(type, [type, type], "    fma.rn.$T {y}, %s0, {a}, {b};\n", ScalarType: type.Register, Scalars: 1);
    }

    private static ElementwiseOperator WithScalar(string body, ScalarPlace scalar)
    {
        body = scalar switch
        {
            ScalarPlace.None => body,
            ScalarPlace.Second => body.Replace("{b}", "%s0", StringComparison.Ordinal),
            _ => body.Replace("{b}", "{x}", StringComparison.Ordinal).Replace("{a}", "%s0", StringComparison.Ordinal).Replace("{x}", "{a}", StringComparison.Ordinal),
        };
        return new(default, [], body, Scalars: scalar == ScalarPlace.None ? 0 : 1);
    }

    private static string FloatPair(BinaryKernel kernel) => kernel switch
    {
        BinaryKernel.Add => "    add.rn.$T {y}, {a}, {b};\n",
        BinaryKernel.Subtract => "    sub.rn.$T {y}, {a}, {b};\n",
        BinaryKernel.Multiply => "    mul.rn.$T {y}, {a}, {b};\n",
        BinaryKernel.Divide => "    div.rn.$T {y}, {a}, {b};\n",
        BinaryKernel.Maximum => Extreme("max", "{a}", "{b}", "{y}"),
        BinaryKernel.Minimum => Extreme("min", "{a}", "{b}", "{y}"),
        BinaryKernel.Power => Call("fn_pow", "{a}, {b}"),
        _ => "",
    };

    private static string IntegerPair(BinaryKernel kernel, string type) => kernel switch
    {
        BinaryKernel.Add => $"    add.{type} {{y}}, {{a}}, {{b}};\n",
        BinaryKernel.Subtract => $"    sub.{type} {{y}}, {{a}}, {{b}};\n",
        BinaryKernel.Multiply => $"    mul.lo.{type} {{y}}, {{a}}, {{b}};\n",

        // The quotient that does not fit (least / -1) wraps like any other overflow; the machine leaves it open.
        BinaryKernel.Divide => $"""
                setp.eq.{type} %q0, {"{b}"}, -1;
                selp.{type} %t0, 1, {"{b}"}, %q0;
                neg.{type} %t1, {"{a}"};
                div.{type} %t0, {"{a}"}, %t0;
                selp.{type} {"{y}"}, %t1, %t0, %q0;

            """,
        BinaryKernel.Maximum => $"    max.{type} {{y}}, {{a}}, {{b}};\n",
        BinaryKernel.Minimum => $"    min.{type} {{y}}, {{a}}, {{b}};\n",
        _ => "",
    };
}

/// <summary>Which operand of two is a number for all elements.</summary>
internal enum ScalarPlace
{
    /// <summary>Both are tensors.</summary>
    None,

    /// <summary>f(s, a).</summary>
    First,

    /// <summary>f(a, s).</summary>
    Second,
}
