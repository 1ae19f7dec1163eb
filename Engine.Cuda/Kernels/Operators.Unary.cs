using Edifice.Engine.Backends;

namespace Edifice.Engine.Cuda.Kernels;

/// <summary>The elementwise operators as PTX: one entry per kernel of the contract. Stable forms and special values are those of
/// the CPU's operators; the transcendental functions are in the math files.</summary>
internal static partial class Operators
{
    /// <summary>Registers that bodies work in.</summary>
    private static string Temporaries(string type) => $"    .reg .{type} %t<6>;\n    .reg .pred %q<4>;\n";

    /// <summary>y = f(a) of floats or integers; null where there is no such kernel.</summary>
    public static ElementwiseOperator? Value(UnaryKernel kernel, DType dtype)
    {
        var type = ElementType.Of(dtype);
        var (body, uses) = dtype.IsComputeFloat() ? Value(kernel) : dtype is DType.Int32 or DType.Int64 ? (IntegerValue(kernel, type.Register), "") : ("", "");
        return body.Length == 0 ? null : new(type, [type], body, Temporaries(type.Register), uses, type.Register, Scalars(kernel));
    }

    /// <summary>y = a f'(b), b what the op kept; null where f' is 0 everywhere.</summary>
    public static ElementwiseOperator? Derivative(UnaryKernel kernel, DType dtype)
    {
        var type = ElementType.Of(dtype);
        var (body, uses) = Derivative(kernel);
        return body.Length == 0 ? null : new(type, [type, type], body, Temporaries(type.Register), uses, type.Register, Scalars(kernel));
    }

    private static int Scalars(UnaryKernel kernel) => kernel switch
    {
        UnaryKernel.Clamp => 2,
        UnaryKernel.Elu => 1,
        _ => 0,
    };

    private static string Call(string function, string argument = "{a}", string result = "{y}") => $"    call ({result}), {function}, ({argument});\n";

    // max and min leave a NaN out; the contract keeps it.
    private static string Extreme(string which, string a, string b, string y) =>
        $"    setp.nan.$T %q0, {a}, {b};\n    {which}.$T {y}, {a}, {b};\n    selp.$T {y}, $C(nan), {y}, %q0;\n";

    private static (string Body, string Uses) Value(UnaryKernel kernel) => kernel switch
    {
        UnaryKernel.Negate => ("    neg.$T {y}, {a};\n", ""),
        UnaryKernel.Abs => ("    abs.$T {y}, {a};\n", ""),
        UnaryKernel.Sign => ("""
                setp.gt.$T %q0, {a}, $C(0);
                setp.lt.$T %q1, {a}, $C(0);
                selp.$T {y}, $C(-1), {a}, %q1;
                selp.$T {y}, $C(1), {y}, %q0;

            """, ""),
        UnaryKernel.Reciprocal => ("    div.rn.$T {y}, $C(1), {a};\n", ""),
        UnaryKernel.Square => ("    mul.rn.$T {y}, {a}, {a};\n", ""),
        UnaryKernel.Sqrt => ("    sqrt.rn.$T {y}, {a};\n", ""),
        UnaryKernel.Rsqrt => ("    sqrt.rn.$T %t0, {a};\n    div.rn.$T {y}, $C(1), %t0;\n", ""),
        UnaryKernel.Exp => (Call("fn_exp"), "math_exp"),
        UnaryKernel.Expm1 => (Call("fn_expm1"), "math_exp"),
        UnaryKernel.Log => (Call("fn_log"), "math_log"),
        UnaryKernel.Log1p => (Call("fn_log1p"), "math_log"),
        UnaryKernel.Sin => (Call("fn_sin"), "math_trig"),
        UnaryKernel.Cos => (Call("fn_cos"), "math_trig"),
        UnaryKernel.Tanh => (Call("fn_tanh"), "math_exp"),
        UnaryKernel.Sigmoid => (Call("fn_sigmoid"), "math_exp"),
        UnaryKernel.Erf => (Call("fn_erf"), "math_erf"),
        UnaryKernel.Relu => ("    setp.le.$T %q0, {a}, $C(0);\n    selp.$T {y}, $C(0), {a}, %q0;\n", ""),
        UnaryKernel.Gelu => (Call("fn_gelu"), "math_erf"),
        UnaryKernel.GeluTanh => (Call("fn_gelu_tanh"), "math_gate"),
        UnaryKernel.Silu => (Call("fn_silu"), "math_gate"),
        UnaryKernel.Softplus => (Call("fn_softplus"), "math_log"),
        UnaryKernel.LogSigmoid => (Call("fn_logsigmoid"), "math_log"),
        UnaryKernel.Elu => (Call("fn_expm1", "{a}", "%t0") + """
                mul.rn.$T %t0, %s0, %t0;
                setp.gt.$T %q0, {a}, $C(0);
                selp.$T {y}, {a}, %t0, %q0;

            """, "math_exp"),
        UnaryKernel.Elu1 => (Call("fn_exp", "{a}", "%t0") + """
                add.rn.$T %t1, {a}, $C(1);
                setp.gt.$T %q0, {a}, $C(0);
                selp.$T {y}, %t1, %t0, %q0;

            """, "math_exp"),
        UnaryKernel.Clamp => (Extreme("max", "{a}", "%s0", "%t0") + Extreme("min", "%t0", "%s1", "{y}"), ""),
        UnaryKernel.Floor => ("    cvt.rmi.$T.$T {y}, {a};\n", ""),
        UnaryKernel.Ceiling => ("    cvt.rpi.$T.$T {y}, {a};\n", ""),
        UnaryKernel.Round => ("    cvt.rni.$T.$T {y}, {a};\n", ""),
        UnaryKernel.Truncate => ("    cvt.rzi.$T.$T {y}, {a};\n", ""),
        _ => ("", ""),
    };

    private static string IntegerValue(UnaryKernel kernel, string type) => kernel switch
    {
        UnaryKernel.Negate => $"    neg.{type} {{y}}, {{a}};\n",
        UnaryKernel.Abs => $"    abs.{type} {{y}}, {{a}};\n",
        UnaryKernel.Sign => $"    max.{type} %t0, {{a}}, -1;\n    min.{type} {{y}}, %t0, 1;\n",
        UnaryKernel.Square => $"    mul.lo.{type} {{y}}, {{a}}, {{a}};\n",
        UnaryKernel.Relu => $"    max.{type} {{y}}, {{a}}, 0;\n",
        UnaryKernel.Clamp => $"    max.{type} %t0, {{a}}, %s0;\n    min.{type} {{y}}, %t0, %s1;\n",
        _ => "",
    };

    private static string Times(string derivative) => $"    mul.rn.$T {{y}}, {{a}}, {derivative};\n";

    private static (string Body, string Uses) Derivative(UnaryKernel kernel) => kernel switch
    {
        UnaryKernel.Negate => ("    neg.$T {y}, {a};\n", ""),
        UnaryKernel.Abs => ("""
                neg.$T %t0, {a};
                setp.lt.$T %q0, {b}, $C(0);
                selp.$T {y}, %t0, {a}, %q0;
                setp.nan.$T %q0, {b}, {b};
                selp.$T {y}, {b}, {y}, %q0;
                setp.eq.$T %q0, {b}, $C(0);
                selp.$T {y}, $C(0), {y}, %q0;

            """, ""),
        UnaryKernel.Reciprocal => ("    mul.rn.$T %t0, {a}, {b};\n    mul.rn.$T %t0, %t0, {b};\n    neg.$T {y}, %t0;\n", ""),
        UnaryKernel.Square => ("    add.rn.$T %t0, {b}, {b};\n" + Times("%t0"), ""),
        UnaryKernel.Sqrt => ("    mul.rn.$T %t0, {a}, $C(0.5);\n    div.rn.$T {y}, %t0, {b};\n", ""),
        UnaryKernel.Rsqrt => ("""
                mul.rn.$T %t0, {a}, $C(-0.5);
                mul.rn.$T %t0, %t0, {b};
                mul.rn.$T %t0, %t0, {b};
                mul.rn.$T {y}, %t0, {b};

            """, ""),
        UnaryKernel.Exp => (Times("{b}"), ""),
        UnaryKernel.Expm1 => (Call("fn_exp", "{b}", "%t0") + Times("%t0"), "math_exp"),
        UnaryKernel.Log => ("    div.rn.$T {y}, {a}, {b};\n", ""),
        UnaryKernel.Log1p => ("    add.rn.$T %t0, $C(1), {b};\n    div.rn.$T {y}, {a}, %t0;\n", ""),
        UnaryKernel.Sin => (Call("fn_cos", "{b}", "%t0") + Times("%t0"), "math_trig"),
        UnaryKernel.Cos => (Call("fn_sin", "{b}", "%t0") + Times("%t0") + "    neg.$T {y}, {y};\n", "math_trig"),
        UnaryKernel.Tanh => ("    neg.$T %t0, {b};\n    fma.rn.$T %t0, %t0, {b}, $C(1);\n" + Times("%t0"), ""),
        UnaryKernel.Sigmoid => ("    sub.rn.$T %t0, $C(1), {b};\n    mul.rn.$T %t0, {b}, %t0;\n" + Times("%t0"), ""),
        UnaryKernel.Erf => (Call("fn_erf_derivative", "{b}", "%t0") + Times("%t0"), "math_erf"),
        UnaryKernel.Relu => ("    setp.gt.$T %q0, {b}, $C(0);\n    selp.$T {y}, {a}, $C(0), %q0;\n", ""),
        UnaryKernel.Gelu => (Call("fn_gelu_derivative", "{b}", "%t0") + Times("%t0"), "math_erf"),
        UnaryKernel.GeluTanh => (Call("fn_gelu_tanh_derivative", "{b}", "%t0") + Times("%t0"), "math_gate"),
        UnaryKernel.Silu => (Call("fn_silu_derivative", "{b}", "%t0") + Times("%t0"), "math_gate"),
        UnaryKernel.Softplus => (Call("fn_sigmoid", "{b}", "%t0") + Times("%t0"), "math_exp"),
        UnaryKernel.LogSigmoid => ("    neg.$T %t1, {b};\n" + Call("fn_sigmoid", "%t1", "%t0") + Times("%t0"), "math_exp"),
        UnaryKernel.Elu => (Call("fn_exp", "{b}", "%t0") + """
                mul.rn.$T %t0, %s0, %t0;
                mul.rn.$T %t0, {a}, %t0;
                setp.gt.$T %q0, {b}, $C(0);
                selp.$T {y}, {a}, %t0, %q0;

            """, "math_exp"),
        UnaryKernel.Elu1 => (Call("fn_exp", "{b}", "%t0") + """
                mul.rn.$T %t0, {a}, %t0;
                setp.gt.$T %q0, {b}, $C(0);
                selp.$T {y}, {a}, %t0, %q0;

            """, "math_exp"),
        UnaryKernel.Clamp => ("""
                setp.ge.$T %q0, {b}, %s0;
                setp.le.and.$T %q0, {b}, %s1, %q0;
                selp.$T {y}, {a}, $C(0), %q0;

            """, ""),
        _ => ("", ""),
    };
}
