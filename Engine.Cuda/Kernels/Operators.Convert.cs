namespace Edifice.Engine.Cuda.Kernels;

internal static partial class Operators
{
    private const string ConversionTemporaries = "    .reg .f32 %single;\n    .reg .f64 %double;\n    .reg .b32 %bits, %high, %round;\n    .reg .s64 %whole, %exact;\n    .reg .pred %isnan, %inexact;\n";

    /// <summary>y = a in another dtype, rounded once: to nearest even between floats, toward zero from floats to integers (NaN to 0,
    /// out of range to the nearest integer there is), modulo 2ⁿ between integers; to bool "not zero".</summary>
    public static ElementwiseOperator Conversion(DType from, DType to)
    {
        if (from == to)
        {
            var bits = ElementType.Bits(from);
            return new(bits, [bits], $"    mov.{(bits.Size == 1 ? "b32" : bits.Memory)} {{y}}, {{a}};\n");
        }

        return new(ElementType.Of(to), [ElementType.Of(from)], Convert(from, to), ConversionTemporaries);
    }

    /// <summary>y = the low bits of the parameter.</summary>
    public static ElementwiseOperator Constant(DType dtype)
    {
        var bits = ElementType.Bits(dtype);
        var low = bits.Size == 8 ? "    mov.b64 {y}, %s0;\n" : bits.Size == 4 ? "    cvt.u32.u64 {y}, %s0;\n" : bits.Size == 2 ? "    cvt.u16.u64 {y}, %s0;\n" : "    cvt.u32.u64 {y}, %s0;\n";
        return new(bits, [], low, ScalarType: "u64", Scalars: 1);
    }

    private static string Convert(DType from, DType to)
    {
        var source = ElementType.Of(from).Register;
        switch (from)
        {
            case DType.BFloat16 or DType.Float16:
                return ToSingle(from, "{a}", "%single") + (to == DType.Float32
                    ? "    mov.f32 {y}, %single;\n"
                    : Convert(DType.Float32, to).Replace("{a}", "%single", StringComparison.Ordinal));
        }

        switch (to)
        {
            case DType.Bool:
                return $"    setp.{(source[0] == 'f' ? "neu" : "ne")}.{source} %inexact, {{a}}, {(source[0] != 'f' ? "0" : KernelSource.Constant(0, source == "f64"))};\n    selp.u32 {{y}}, 1, 0, %inexact;\n";
            case DType.BFloat16 or DType.Float16:
                return ToOdd(from) + Narrow(to);
            case DType.Float32:
                return $"    cvt.rn.f32.{source} {{y}}, {{a}};\n";
            case DType.Float64:
                return $"    cvt{(source is "s64" ? ".rn" : source is "f32" ? "" : ".rn")}.f64.{source} {{y}}, {{a}};\n";
            default:
                var target = ElementType.Of(to).Register;
                return source[0] == 'f'
                    ? $"    cvt.rzi.{target}.{source} {{y}}, {{a}};\n    setp.nan.{source} %isnan, {{a}}, {{a}};\n    selp.{target} {{y}}, 0, {{y}}, %isnan;\n"
                    : $"    cvt.{target}.{source} {{y}}, {{a}};\n";
        }
    }

    /// <summary>A 16-bit float as f32, exactly.</summary>
    private static string ToSingle(DType from, string x, string y) => from == DType.Float16
        ? $"    cvt.f32.f16 {y}, {x};\n"
        : $"    cvt.u32.u16 %bits, {x};\n    shl.b32 %bits, %bits, 16;\n    mov.b32 {y}, %bits;\n";

    /// <summary>%single = a as f32, rounded to odd (cut, the last bit set where something was cut off): no tie of a narrower
    /// type, so that rounding again cannot go wrong.</summary>
    private static string ToOdd(DType from)
    {
        switch (from)
        {
            case DType.Float32: return "    mov.f32 %single, {a};\n";
            case DType.Bool: return "    cvt.rn.f32.u32 %single, {a};\n";
        }

        var source = ElementType.Of(from).Register;
        var (back, relation, register) = source switch
        {
            "f64" => ("cvt.f64.f32 %double, %single", "ne.f64", "%double"),
            "s32" => ("cvt.rzi.s64.f32 %whole, %single", "ne.s64", "%whole"),
            _ => ("cvt.rzi.s64.f32 %whole, %single", "ne.s64", "%whole"),
        };
        var wide = source == "s32" ? "    cvt.s64.s32 %exact, {a};\n" : "";
        return $"""
                cvt.rz.f32.{source} %single, {"{a}"};
                {back};
            {wide}    setp.{relation} %inexact, {(source == "s32" ? "%exact" : "{a}")}, {register};
                mov.b32 %bits, %single;
                or.b32 %high, %bits, 1;
                selp.b32 %bits, %high, %bits, %inexact;
                mov.b32 %single, %bits;

            """;
    }

    /// <summary>y = %single as a 16-bit float, to nearest even; a NaN keeps its sign and stays one.</summary>
    private static string Narrow(DType to) => to == DType.Float16
        ? "    cvt.rn.f16.f32 {y}, %single;\n"
        : """
                mov.b32 %bits, %single;
                shr.u32 %high, %bits, 16;
                and.b32 %round, %high, 1;
                add.u32 %round, %round, 0x7fff;
                add.u32 %bits, %bits, %round;
                shr.u32 %bits, %bits, 16;
                or.b32 %high, %high, 0x40;
                setp.nan.f32 %isnan, %single, %single;
                selp.b32 %bits, %high, %bits, %isnan;
                cvt.u16.u32 {y}, %bits;

            """;
}
