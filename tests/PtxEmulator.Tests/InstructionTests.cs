using System.Runtime.InteropServices;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;
using FsCheck.Xunit;

namespace PtxEmulator.Tests;

/// <summary>Single instructions against the ISA's text. Operands a, b, c lie in registers of every kind: %ra (32 bits), %qa (64), %ha (16),
/// %fa and %da (floats); results go to %r, %q, %h, %f, %d or %p.</summary>
public class InstructionTests
{
    private static string Text(string instruction, string header)
    {
        var result = instruction.AsSpan(instruction.IndexOf('%') + 1, 1).ToString();
        var store = result switch
        {
            "q" => "st.global.b64 [%o], %q;",
            "f" => "mov.b32 %r, %f; st.global.b32 [%o], %r;",
            "d" => "st.global.f64 [%o], %d;",
            "h" => "mov.b32 %r, {%h, %hz}; st.global.b32 [%o], %r;",
            "p" => "selp.b32 %r, 1, 0, %p; st.global.b32 [%o], %r;",
            _ => "st.global.b32 [%o], %r;",
        };
        return header + $$"""
            .visible .entry k(.param .u64 in)
            .maxntid 32,1,1
            {
                .reg .b32 %r, %ra, %rb, %rc;
                .reg .b64 %q, %qa, %qb, %qc, %o, %at;
                .reg .b16 %h, %ha, %hb, %hc, %hz;
                .reg .f32 %f, %fa, %fb, %fc;
                .reg .f64 %d, %da, %db, %dc;
                .reg .pred %p, %pt, %pf;
                .reg .u32 %t;
                ld.param.u64 %at, [in];
                mov.u32 %t, %tid.x;
                mad.wide.u32 %at, %t, 32, %at;
                add.u64 %o, %at, 24;
                ld.global.b64 %qa, [%at]; ld.global.b64 %qb, [%at+8]; ld.global.b64 %qc, [%at+16];
                ld.global.b32 %ra, [%at]; ld.global.b32 %rb, [%at+8]; ld.global.b32 %rc, [%at+16];
                ld.global.f32 %fa, [%at]; ld.global.f32 %fb, [%at+8]; ld.global.f32 %fc, [%at+16];
                ld.global.f64 %da, [%at]; ld.global.f64 %db, [%at+8]; ld.global.f64 %dc, [%at+16];
                ld.global.b16 %ha, [%at]; ld.global.b16 %hb, [%at+8]; ld.global.b16 %hc, [%at+16];
                mov.u16 %hz, 0;
                setp.eq.u32 %pt, %t, %t;
                not.pred %pf, %pt;
                {{instruction}}
                {{store}}
                ret;
            }
            """;
    }

    private static ulong Evaluate(string instruction, ulong a, ulong b = 0, ulong c = 0, string header = ".version 7.0\n.target sm_80\n")
    {
        var driver = new EmulatedDriver { Capability = 80 };
        var function = driver.GetFunction(driver.LoadModule(Text(instruction, header)), "k");
        var data = new ulong[32 * 4];
        // The operands only in lane 5, so that a lane's value must come from the lane itself.
        (data[20], data[21], data[22]) = (a, b, c);
        var pointer = driver.Allocate(data.Length * 8, default);
        driver.CopyToDevice(MemoryMarshal.AsBytes<ulong>(data), pointer, default);
        var arguments = new KernelArguments();
        arguments.Add(pointer.Address);
        driver.Launch(function, new LaunchShape(1, 1, 1, 32, 1, 1, 0), arguments.Bytes, default);
        driver.CopyToHost(pointer, MemoryMarshal.AsBytes(data.AsSpan()), default);
        return data[23];
    }

    private static float F(string instruction, float a, float b = 0, float c = 0) => BitConverter.UInt32BitsToSingle(
        (uint)Evaluate(instruction, BitConverter.SingleToUInt32Bits(a), BitConverter.SingleToUInt32Bits(b), BitConverter.SingleToUInt32Bits(c)));

    private static double D(string instruction, double a, double b = 0, double c = 0) => BitConverter.UInt64BitsToDouble(
        Evaluate(instruction, BitConverter.DoubleToUInt64Bits(a), BitConverter.DoubleToUInt64Bits(b), BitConverter.DoubleToUInt64Bits(c)));

    [Theory]
    [InlineData("add.u32 %r, %ra, %rb;", 0xFFFFFFFF, 2, 0, 1)]
    [InlineData("add.sat.s32 %r, %ra, %rb;", 0x7FFFFFFF, 2, 0, 0x7FFFFFFF)]
    [InlineData("sub.sat.s32 %r, %ra, %rb;", 0x80000000, 2, 0, 0x80000000)]
    [InlineData("mul.lo.u32 %r, %ra, %rb;", 0x12345678, 0x9ABCDEF0, 0, 0x242D2080)]
    [InlineData("mul.hi.u32 %r, %ra, %rb;", 0xFFFFFFFF, 0xFFFFFFFF, 0, 0xFFFFFFFE)]
    [InlineData("mul.hi.s32 %r, %ra, %rb;", 0xFFFFFFFF, 0xFFFFFFFF, 0, 0)]
    [InlineData("mul.hi.s32 %r, %ra, %rb;", 0x80000000, 2, 0, 0xFFFFFFFF)]
    [InlineData("mul.hi.u64 %q, %qa, %qb;", ulong.MaxValue, ulong.MaxValue, 0, ulong.MaxValue - 1)]
    [InlineData("mul.hi.s64 %q, %qa, %qb;", ulong.MaxValue, ulong.MaxValue, 0, 0)]
    [InlineData("mul.wide.u32 %q, %ra, %rb;", 0xFFFFFFFF, 0xFFFFFFFF, 0, 0xFFFFFFFE00000001)]
    [InlineData("mul.wide.s32 %q, %ra, %rb;", 0xFFFFFFFF, 3, 0, 0xFFFFFFFFFFFFFFFD)]
    [InlineData("mul.wide.s16 %r, %ha, %hb;", 0xFFFF, 3, 0, 0xFFFFFFFD)]
    [InlineData("mad.wide.s32 %q, %ra, %rb, %qc;", 0xFFFFFFFF, 3, 10, 7)]
    [InlineData("mad.lo.s32 %r, %ra, %rb, %rc;", 7, 6, 0xFFFFFFFF, 41)]
    [InlineData("mad.hi.u32 %r, %ra, %rb, %rc;", 0x80000000, 4, 1, 3)]
    [InlineData("div.s32 %r, %ra, %rb;", 0xFFFFFFF9, 2, 0, 0xFFFFFFFD)]
    [InlineData("div.u32 %r, %ra, %rb;", 0xFFFFFFF9, 2, 0, 0x7FFFFFFC)]
    [InlineData("div.s32 %r, %ra, %rb;", 0x80000000, 0xFFFFFFFF, 0, 0x80000000)]
    [InlineData("rem.s32 %r, %ra, %rb;", 0xFFFFFFF9, 2, 0, 0xFFFFFFFF)]
    [InlineData("rem.u64 %q, %qa, %qb;", 100, 7, 0, 2)]
    [InlineData("min.s32 %r, %ra, %rb;", 0xFFFFFFFF, 1, 0, 0xFFFFFFFF)]
    [InlineData("min.u32 %r, %ra, %rb;", 0xFFFFFFFF, 1, 0, 1)]
    [InlineData("max.s64 %q, %qa, %qb;", ulong.MaxValue, 1, 0, 1)]
    [InlineData("abs.s32 %r, %ra;", 0x80000000, 0, 0, 0x80000000)]
    [InlineData("neg.s64 %q, %qa;", 5, 0, 0, ulong.MaxValue - 4)]
    [InlineData("not.b32 %r, %ra;", 5, 0, 0, 0xFFFFFFFA)]
    [InlineData("not.b16 %h, %ha;", 5, 0, 0, 0xFFFA)]
    [InlineData("cnot.b32 %r, %ra;", 5, 0, 0, 0)]
    [InlineData("cnot.b32 %r, %ra;", 0, 0, 0, 1)]
    [InlineData("shl.b32 %r, %ra, %rb;", 1, 31, 0, 0x80000000)]
    [InlineData("shl.b32 %r, %ra, %rb;", 1, 32, 0, 0)]
    [InlineData("shl.b64 %q, %qa, %rb;", 1, 64, 0, 0)]
    [InlineData("shl.b64 %q, %qa, %rb;", 1, 0xFFFFFFFF, 0, 0)]
    [InlineData("shr.u32 %r, %ra, %rb;", 0x80000000, 32, 0, 0)]
    [InlineData("shr.s32 %r, %ra, %rb;", 0x80000000, 40, 0, 0xFFFFFFFF)]
    [InlineData("shr.s32 %r, %ra, %rb;", 0x80000000, 4, 0, 0xF8000000)]
    [InlineData("shr.s64 %q, %qa, %rb;", 0x8000000000000000, 63, 0, ulong.MaxValue)]
    [InlineData("shr.s16 %h, %ha, %rb;", 0x8000, 4, 0, 0xF800)]
    [InlineData("shf.l.wrap.b32 %r, %ra, %rb, %rc;", 0x80000001, 0x00000003, 4, 0x00000038)]
    [InlineData("shf.r.wrap.b32 %r, %ra, %rb, %rc;", 0x80000001, 0x00000003, 36, 0x38000000)]
    [InlineData("shf.l.clamp.b32 %r, %ra, %rb, %rc;", 0x80000001, 0x00000003, 40, 0x80000001)]
    [InlineData("shf.r.clamp.b32 %r, %ra, %rb, %rc;", 0x80000001, 0x00000003, 40, 3)]
    [InlineData("lop3.b32 %r, %ra, %rb, %rc, 0x96;", 0b1100, 0b1010, 0b1001, 0b1111)]
    [InlineData("lop3.b32 %r, %ra, %rb, %rc, 0xE8;", 0b1100, 0b1010, 0b1001, 0b1000)]
    [InlineData("prmt.b32 %r, %ra, %rb, 0x7531;", 0x33221100, 0x77665544, 0, 0x77553311)]
    [InlineData("prmt.b32 %r, %ra, %rb, 0x8888;", 0x33221180, 0x77665544, 0, 0xFFFFFFFF)]
    [InlineData("bfe.u32 %r, %ra, 8, 8;", 0x12345678, 0, 0, 0x56)]
    [InlineData("bfe.s32 %r, %ra, 4, 4;", 0x000000F0, 0, 0, 0xFFFFFFFF)]
    [InlineData("bfe.u32 %r, %ra, 28, 8;", 0xF2345678, 0, 0, 0xF)]
    [InlineData("bfe.u64 %q, %qa, 60, 8;", 0xA000000000000000, 0, 0, 0xA)]
    [InlineData("bfi.b32 %r, %ra, %rb, 8, 8;", 0xAB, 0x11223344, 0, 0x1122AB44)]
    [InlineData("popc.b64 %r, %qa;", ulong.MaxValue, 0, 0, 64)]
    [InlineData("clz.b32 %r, %ra;", 1, 0, 0, 31)]
    [InlineData("clz.b64 %r, %qa;", 0, 0, 0, 64)]
    [InlineData("brev.b32 %r, %ra;", 1, 0, 0, 0x80000000)]
    [InlineData("brev.b64 %q, %qa;", 1, 0, 0, 0x8000000000000000)]
    [InlineData("bfind.u32 %r, %ra;", 0x100, 0, 0, 8)]
    [InlineData("bfind.s32 %r, %ra;", 0xFFFFFFFE, 0, 0, 0)]
    [InlineData("bfind.u32 %r, %ra;", 0, 0, 0, 0xFFFFFFFF)]
    [InlineData("bfind.shiftamt.u32 %r, %ra;", 0x100, 0, 0, 23)]
    [InlineData("setp.lt.s32 %p, %ra, %rb;", 0xFFFFFFFF, 1, 0, 1)]
    [InlineData("setp.lt.u32 %p, %ra, %rb;", 0xFFFFFFFF, 1, 0, 0)]
    [InlineData("setp.hi.u64 %p, %qa, %qb;", ulong.MaxValue, 1, 0, 1)]
    [InlineData("setp.lt.s16 %p, %ha, %hb;", 0xFFFF, 1, 0, 1)]
    [InlineData("setp.eq.and.u32 %p, %ra, %rb, %pf;", 1, 1, 0, 0)]
    [InlineData("setp.eq.or.u32 %p, %ra, %rb, !%pf;", 1, 2, 0, 1)]
    [InlineData("setp.eq.xor.u32 %p, %ra, %rb, %pt;", 1, 2, 0, 1)]
    [InlineData("selp.b64 %q, %qa, %qb, %pf;", 1, 2, 0, 2)]
    [InlineData("slct.b32.s32 %r, %ra, %rb, %rc;", 1, 2, 0x80000000, 2)]
    [InlineData("mov.b64 %q, {%ra, %rb};", 1, 2, 0, 0x0000000200000001)]
    [InlineData("mov.b64 {%r, _}, %qa;", 0x0000000200000001, 0, 0, 1)]
    [InlineData("mov.b32 {_, %h}, %ra;", 0xABCD1234, 0, 0, 0xABCD)]
    [InlineData("cvt.u64.u32 %q, %ra;", 0xFFFFFFFF, 0, 0, 0xFFFFFFFF)]
    [InlineData("cvt.s64.s32 %q, %ra;", 0xFFFFFFFF, 0, 0, ulong.MaxValue)]
    [InlineData("cvt.u32.u64 %r, %qa;", 0x1234567890ABCDEF, 0, 0, 0x90ABCDEF)]
    [InlineData("cvt.s32.s8 %r, %ra;", 0x80, 0, 0, 0xFFFFFF80)]
    [InlineData("cvt.u32.u16 %r, %ha;", 0xFFFF, 0, 0, 0xFFFF)]
    [InlineData("cvt.sat.u8.s32 %r, %ra;", 0xFFFFFFFF, 0, 0, 0)]
    [InlineData("cvt.sat.s8.s32 %r, %ra;", 1000, 0, 0, 127)]
    [InlineData("cvt.u8.u32 %r, %ra;", 0x1FF, 0, 0, 0xFF)]
    [InlineData("cvt.rzi.s32.f32 %r, %fa;", 0xC0200000, 0, 0, 0xFFFFFFFE)]
    [InlineData("cvt.rmi.s32.f32 %r, %fa;", 0xC0200000, 0, 0, 0xFFFFFFFD)]
    [InlineData("cvt.rni.s32.f32 %r, %fa;", 0x40200000, 0, 0, 2)]
    [InlineData("cvt.rpi.s32.f32 %r, %fa;", 0x40200000, 0, 0, 3)]
    [InlineData("cvt.rni.s32.f32 %r, %fa;", 0x7F800000, 0, 0, 0x7FFFFFFF)]
    [InlineData("cvt.rzi.u32.f32 %r, %fa;", 0xBF800000, 0, 0, 0)]
    [InlineData("cvt.rni.s32.f32 %r, %fa;", 0x7FC00000, 0, 0, 0)]
    [InlineData("cvt.rn.f32.u64 %f, %qa;", 0x8000008000000001, 0, 0, 0x5F000001)]
    [InlineData("cvt.rz.f32.u64 %f, %qa;", 0x8000008000000001, 0, 0, 0x5F000000)]
    [InlineData("cvt.rn.f16.f32 %h, %fa;", 0x3F801000, 0, 0, 0x3C00)]
    [InlineData("cvt.rn.f16.f32 %h, %fa;", 0x3F803000, 0, 0, 0x3C02)]
    [InlineData("cvt.f32.f16 %f, %ha;", 0x3C01, 0, 0, 0x3F802000)]
    [InlineData("cvt.rn.bf16.f32 %h, %fa;", 0x3F818000, 0, 0, 0x3F82)]
    [InlineData("testp.notanumber.f32 %p, %fa;", 0x7FC00000, 0, 0, 1)]
    [InlineData("testp.subnormal.f32 %p, %fa;", 1, 0, 0, 1)]
    [InlineData("testp.finite.f64 %p, %da;", 0x7FF0000000000000, 0, 0, 0)]
    public void Integers_bits_and_conversions_follow_the_isa(string instruction, ulong a, ulong b, ulong c, ulong expected) =>
        Assert.Equal(expected, Evaluate(instruction, a, b, c));

    [Theory]
    [InlineData("min.f32 %f, %fa, %fb;", float.NaN, 1f, 1f)]
    [InlineData("max.f32 %f, %fa, %fb;", 1f, float.NaN, 1f)]
    [InlineData("min.NaN.f32 %f, %fa, %fb;", float.NaN, 1f, float.NaN)]
    [InlineData("min.f32 %f, %fa, %fb;", 0f, -0f, -0f)]
    [InlineData("max.f32 %f, %fa, %fb;", -0f, 0f, 0f)]
    [InlineData("add.f32 %f, %fa, %fb;", 1f, 1e-45f, 1f)]
    [InlineData("add.rp.f32 %f, %fa, %fb;", 1f, 1e-45f, 1.0000001f)]
    [InlineData("add.rz.f32 %f, %fa, %fb;", -1f, 1e-45f, -0.99999994f)]
    [InlineData("sub.rm.f32 %f, %fa, %fb;", 1f, 1e-45f, 0.99999994f)]
    [InlineData("mul.rz.f32 %f, %fa, %fb;", float.MaxValue, 2f, float.MaxValue)]
    [InlineData("mul.ftz.f32 %f, %fa, %fb;", 1e-38f, 1f, 0f)]
    [InlineData("mul.f32 %f, %fa, %fb;", 1e-38f, 1f, 1e-38f)]
    [InlineData("mul.ftz.f32 %f, %fa, %fb;", -2e-38f, 0.25f, -0f)]
    [InlineData("add.sat.f32 %f, %fa, %fb;", 1f, 1f, 1f)]
    [InlineData("add.sat.f32 %f, %fa, %fb;", float.NaN, 1f, 0f)]
    [InlineData("add.sat.f32 %f, %fa, %fb;", -1f, 0.5f, 0f)]
    [InlineData("div.rn.f32 %f, %fa, %fb;", 1f, 3f, 1f / 3f)]
    [InlineData("div.rp.f32 %f, %fa, %fb;", 1f, 3f, 0.33333334f)]
    [InlineData("div.rm.f32 %f, %fa, %fb;", 1f, 3f, 0.3333333f)]
    [InlineData("div.approx.f32 %f, %fa, %fb;", 1f, 2e38f, 0f)]
    [InlineData("div.full.f32 %f, %fa, %fb;", 6f, 3f, 2f)]
    [InlineData("sqrt.rn.f32 %f, %fa;", 2f, 0f, 1.4142135f)]
    [InlineData("sqrt.rp.f32 %f, %fa;", 2f, 0f, 1.4142137f)]
    [InlineData("sqrt.rn.f32 %f, %fa;", -1f, 0f, float.NaN)]
    [InlineData("rcp.rn.f32 %f, %fa;", 0f, 0f, float.PositiveInfinity)]
    [InlineData("rsqrt.approx.f32 %f, %fa;", 4f, 0f, 0.5f)]
    [InlineData("ex2.approx.ftz.f32 %f, %fa;", -127f, 0f, 0f)]
    [InlineData("ex2.approx.f32 %f, %fa;", -127f, 0f, 5.877472e-39f)]
    [InlineData("ex2.approx.f32 %f, %fa;", float.NegativeInfinity, 0f, 0f)]
    [InlineData("lg2.approx.f32 %f, %fa;", 8f, 0f, 3f)]
    [InlineData("lg2.approx.f32 %f, %fa;", 0f, 0f, float.NegativeInfinity)]
    [InlineData("neg.f32 %f, %fa;", 0f, 0f, -0f)]
    [InlineData("abs.f32 %f, %fa;", -0f, 0f, 0f)]
    [InlineData("copysign.f32 %f, %fa, %fb;", -1f, 3f, -3f)]
    [InlineData("cvt.rni.f32.f32 %f, %fa;", 2.5f, 0f, 2f)]
    [InlineData("cvt.rpi.f32.f32 %f, %fa;", -0.5f, 0f, -0f)]
    [InlineData("slct.f32.f32 %f, %fa, %fb, 0f80000000;", 1f, 2f, 1f)]
    public void Floats_follow_the_isa(string instruction, float a, float b, float expected)
    {
        var result = F(instruction, a, b);
        if (float.IsNaN(expected)) Assert.True(float.IsNaN(result));
        else Assert.Equal(BitConverter.SingleToUInt32Bits(expected), BitConverter.SingleToUInt32Bits(result));
    }

    [Theory]
    [InlineData("lt", false, false)]
    [InlineData("ltu", true, false)]
    [InlineData("ge", false, true)]
    [InlineData("geu", true, true)]
    [InlineData("eq", false, true)]
    [InlineData("equ", true, true)]
    [InlineData("ne", false, false)]
    [InlineData("neu", true, false)]
    [InlineData("num", false, true)]
    [InlineData("nan", true, false)]
    public void A_comparison_with_nan_holds_only_where_it_is_unordered(string comparison, bool withNan, bool ofEquals)
    {
        Assert.Equal(withNan ? 1u : 0, Evaluate($"setp.{comparison}.f32 %p, %fa, %fb;", 0x7FC00000, 0x3F800000));
        Assert.Equal(ofEquals ? 1u : 0, Evaluate($"setp.{comparison}.f32 %p, %fa, %fb;", 0x3F800000, 0x3F800000));
        Assert.Equal(withNan ? 1u : 0, Evaluate($"setp.{comparison}.f64 %p, %da, %db;", 0, 0x7FF8000000000000));
    }

    [Property]
    public void Fused_arithmetic_rounds_once(float a, float b, float c)
    {
        Assert.Equal(MathF.FusedMultiplyAdd(a, b, c), F("fma.rn.f32 %f, %fa, %fb, %fc;", a, b, c));
        Assert.Equal(Math.FusedMultiplyAdd(a, b, c), D("fma.rn.f64 %d, %da, %db, %dc;", a, b, c));
    }

    [Property]
    public void Directed_sums_enclose_the_exact_sum(double a, double b)
    {
        if (!double.IsFinite(a) || !double.IsFinite(b) || Math.Abs(a) > 1e300 || Math.Abs(b) > 1e300) return;
        var down = D("add.rm.f64 %d, %da, %db;", a, b);
        var up = D("add.rp.f64 %d, %da, %db;", a, b);
        var near = a + b;
        Assert.True(down <= near && near <= up);
        Assert.True(down == up || up == double.BitIncrement(down));
        Assert.Equal(near >= 0 ? down : up, D("add.rz.f64 %d, %da, %db;", a, b));
    }

    [Property]
    public void Extracted_fields_put_back_give_the_word(uint word, byte position, byte length)
    {
        int at = position % 32, count = length % 33;
        var field = (uint)Evaluate($"bfe.u32 %r, %ra, {at}, {count};", word);
        Assert.Equal(word, (uint)Evaluate($"bfi.b32 %r, %ra, %rb, {at}, {count};", field, word));
        var signed = (int)Evaluate($"bfe.s32 %r, %ra, {at}, {count};", word);
        var bits = Math.Min(count, 32 - at);
        if (bits > 0 && at + count <= 32) Assert.Equal((int)(field << (32 - bits)) >> (32 - bits), signed);
    }

    [Property]
    public void Products_and_sums_are_those_of_their_width(ulong a, ulong b, ulong c)
    {
        Assert.Equal(a * b + c, Evaluate("mad.lo.u64 %q, %qa, %qb, %qc;", a, b, c));
        Assert.Equal((ulong)((UInt128)a * b >> 64), Evaluate("mul.hi.u64 %q, %qa, %qb;", a, b));
        Assert.Equal((uint)a * (ulong)(uint)b + c, Evaluate("mad.wide.u32 %q, %ra, %rb, %qc;", a, b, c));
        Assert.Equal((ulong)((int)a * (long)(int)b), Evaluate("mul.wide.s32 %q, %ra, %rb;", a, b));
    }
}
