using Edifice.Engine.Backends;

namespace Edifice.Engine.Cuda.Kernels;

internal static partial class Operators
{
    /// <summary>A scan; null where there is no such kernel. Floats run in double: a sum of n terms then carries an error of n ε(double), far
    /// below ε(float).</summary>
    public static ScanOperator? Running(ScanKernel kernel, DType dtype)
    {
        var type = ElementType.Of(dtype);
        var t = type.Register;
        if (dtype is DType.Int32 or DType.Int64)
        {
            return kernel switch
            {
                ScanKernel.Sum => new(type, [t], $"    mov.{t} %s0, 0;\n", $"    mov.{t} %s0, %x;\n", $"    add.{t} %s0, %o0, %s0;\n", $"    mov.{t} %y, %s0;\n", ""),
                ScanKernel.Prod => new(type, [t], $"    mov.{t} %s0, 1;\n", $"    mov.{t} %s0, %x;\n", $"    mul.lo.{t} %s0, %o0, %s0;\n", $"    mov.{t} %y, %s0;\n", ""),
                _ => null,
            };
        }

        if (!dtype.IsComputeFloat()) return null;
        var load = ToDouble(type, "%x", "%s0");
        return kernel switch
        {
            ScanKernel.Sum => new(type, ["f64"], "    mov.f64 %s0, 0d0000000000000000;\n", load, "    add.rn.f64 %s0, %o0, %s0;\n", FromDouble(type, "%s0", "%y"), ""),
            ScanKernel.Prod => new(type, ["f64"], "    mov.f64 %s0, 0d3FF0000000000000;\n", load, "    mul.rn.f64 %s0, %o0, %s0;\n", FromDouble(type, "%s0", "%y"), ""),
            _ => new(type, ["f64", "f64"], "    mov.f64 %s0, $C(-inf);\n    mov.f64 %s1, $C(0);\n", load + "    mov.f64 %s1, $C(1);\n", AddExponential("%o1", "%o0"),
                "    call (%t0), fn_log_normal, (%s1);\n    add.rn.f64 %t0, %s0, %t0;\n" + FromDouble(type, "%t0", "%y"), Temporaries("f64"), "math_log"),
        };
    }
}
