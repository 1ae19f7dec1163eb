using Edifice.Engine.Cuda;

namespace PtxEmulator.Tests;

public class ParserTests
{
    private const string Volta = ".version 7.0\n.target sm_70\n";

    /// <summary>Line 17 of the module is the first of the body.</summary>
    private const int BodyLine = 17;

    private static string Refusal(string body, string header = Volta)
    {
        var error = Assert.Throws<CudaException>(() =>
        {
            var card = Card.Of(body, header: header);
            card.Driver.GetFunction(card.Module, "k");
        });
        return error.Message;
    }

    [Theory]
    [InlineData("mov.u32 %r1, %nobody;", "register %nobody is not declared")]
    [InlineData("mov.u32 %nobody, 1;", "%nobody is not declared")]
    [InlineData("@%p9 mov.u32 %r1, 1;", "%p9 is not declared")]
    [InlineData("{ .reg .u32 %inner; mov.u32 %inner, 1; } mov.u32 %r1, %inner;", "%inner is not declared")]
    [InlineData("exit: mov.u32 %r1, 1;", "exit is the name of an instruction")]
    [InlineData(".reg .u32 max;", "max is the name of an instruction")]
    [InlineData(".reg .u32 %tid;", "%tid is predefined")]
    [InlineData(".reg .u32 %r1, %r1;", "is declared twice")]
    [InlineData("add.u32 %r1, %r2, 1;", "reads %r2, which nothing writes")]
    [InlineData("frobnicate.u32 %r1, %t;", "there is no instruction frobnicate")]
    [InlineData("add.u32.rn %r1, %t, 1;", "modifiers wrong")]
    [InlineData("div.f32 %f1, %f1, %f1;", "modifiers wrong")]
    [InlineData("mul.u32 %r1, %t, 2;", "modifiers wrong")]
    [InlineData("mov.f32 %f1, 0f00000000; min.NaN.f32 %f1, %f1, %f1;", "wants PTX 7.0 and sm_80")]
    [InlineData("mov.f32 %f1, 0f00000000; tanh.approx.f32 %f1, %f1;", "wants PTX 7.0 and sm_75")]
    [InlineData("cp.async.wait_all;", "wants PTX 7.0 and sm_80")]
    [InlineData("add.f32 %f1, %t, 0f00000000;", "%t is .u32")]
    [InlineData("add.u64 %rd1, %t, 1;", "%t is .u32, add.u64 wants .u64")]
    [InlineData("mov.f32 %r1, 0f00000000; mov.f32 %f1, %t;", "%t is .u32")]
    [InlineData("mov.f32 %f1, 1;", "an integer where .f32 is wanted")]
    [InlineData("mov.f64 %d1, 0f3F800000;", "a constant of 32 bits")]
    [InlineData("mov.u32 %r1, 0x100000000;", "does not fit")]
    [InlineData("cvt.f32.u32 %f1, %t;", "wants a rounding")]
    [InlineData("cvt.rn.u32.f32 %r1, 0f00000000;", "by .rni")]
    [InlineData("bra L_nowhere;", "no label L_nowhere")]
    [InlineData("bra L_end; mov.u32 %r1, 1; L_end: mov.u32 %r2, 1;", "is never reached")]
    [InlineData("call fn_nothing, (%t);", "there is no .func fn_nothing")]
    [InlineData("add.u32 %r1, %tid.x, 1;", "%tid.x can only be read by mov and cvt")]
    [InlineData("st.shared.u32 [k_out], %t;", "is in .param space")]
    [InlineData("ld.global.u32 %r1, [%t];", "has 32 bits")]
    [InlineData("ld.global.v4.f64 {%d1, %d2, %d3, %d4}, [%out];", "at most 16 bytes")]
    [InlineData("mov.u32 %r1 1;", "expected ';'")]
    [InlineData("lop3.b32 %r1, %t, %t, %t, 256;", "8 bits")]
    [InlineData("setp.lo.s32 %p1, %t, 0;", "modifiers wrong")]
    [InlineData(".reg .u8 %b1;", "registers of type .u8 do not exist")]
    public void What_is_wrong_is_refused_with_its_line(string body, string says)
    {
        var message = Refusal("\n" + body);
        Assert.Contains(says, message);
        Assert.Contains("ptx line ", message);
    }

    [Fact]
    public void The_line_is_the_line_of_the_text()
    {
        var message = Refusal("\n// one\n/* two\n three */\nadd.u32 %r1, %r2, 1;");
        Assert.Contains($"ptx line {BodyLine + 4}:", message);
    }

    [Fact]
    public void A_newer_version_and_target_have_what_older_ones_lack()
    {
        const string body = "mov.f32 %f1, 0f3F000000; tanh.approx.f32 %f1, %f1; min.NaN.f32 %f1, %f1, %f1; st.global.f32 [%out], %f1;";
        Assert.Equal(MathF.Tanh(0.5f), Card.Of(body, header: ".version 7.0\n.target sm_80\n").Run<float>(1, 1)[0]);
    }

    [Fact]
    public void A_module_for_a_later_card_is_refused() =>
        Assert.Contains("beyond this card's sm_70", Assert.Throws<CudaException>(() => Card.Of("", header: ".version 7.0\n.target sm_80\n", capability: 70)).Message);

    [Fact]
    public void A_function_that_calls_itself_is_refused() =>
        Assert.Contains("calls itself", Assert.Throws<CudaException>(() =>
        {
            var card = new Card(".func fn_a (.reg .u32 %x) { call fn_a, (%x); ret; }\n" + Card.Kernel("call fn_a, (%t);"));
            card.Driver.GetFunction(card.Module, "k");
        }).Message);

    [Fact]
    public void A_kernel_nobody_wrote_is_refused_with_those_there_are()
    {
        var card = Card.Of("");
        Assert.Contains("it has k", Assert.Throws<CudaException>(() => card.Driver.GetFunction(card.Module, "q")).Message);
    }
}
