using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda.Tests;

public class KernelSourceTests
{
    [Fact]
    public void A_macro_stands_for_its_lines_with_its_own_names()
    {
        const string text = """
            $def twice(x, op)
                .reg .$T %t$id;
                $op.$T %t$id, $x, $x;
            $end
            $twice(%a, add.rn)
            $twice(%b0, max)
            """;
        Assert.Equal(
            ["    .reg .f64 %t1;", "    add.rn.f64 %t1, %a, %a;", "    .reg .f64 %t2;", "    max.f64 %t2, %b0, %b0;"],
            Lines(text, DType.Float64));
    }

    [Fact]
    public void A_line_for_four_elements_is_written_four_times()
    {
        Assert.Equal(
            ["    ld.f32 %x0, [%p+0];", "    ld.f32 %x1, [%p+4];", "    ld.f32 %x2, [%p+8];", "    ld.f32 %x3, [%p+12];"],
            Lines("$4:    ld.$T %x#, [%p+#W];", DType.Float32));
    }

    [Theory]
    [InlineData("$missing(1)", "no kernel macro missing")]
    [InlineData("$def one(x)\n$end\n$one(1, 2)", "takes 1 arguments, not 2")]
    [InlineData("$def one(x)\n$end\n$def one(y)\n$end", "defined twice")]
    public void A_wrong_call_of_a_macro_says_what_is_wrong(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<CudaException>(() => KernelSource.Expand(text, DType.Float32)).Message, StringComparison.Ordinal);

    [Fact]
    public void Straight_functions_are_put_in_the_place_of_their_calls_and_others_stay()
    {
        const string text = """
            .func (.reg .f32 %y) square (.reg .f32 %x)
            {
                mul.rn.f32 %y, %x, %x;
                ret;
            }
            .func (.reg .f32 %y) fourth (.reg .f32 %x)
            {
                .reg .f32 %t<2>;
                call (%t1), square, (%x);
                call (%y), square, (%t1);
                ret;
            }
            .func (.reg .f32 %y) looping (.reg .f32 %x)
            {
            AGAIN:
                bra AGAIN;
                ret;
            }
                call (%x), fourth, (%x);
                call.uni (%x), looping, (%x);
            """;
        Assert.Equal(
            [
                ".func (.reg .f32 %y) looping (.reg .f32 %x)", "{", "AGAIN:", "    bra AGAIN;", "    ret;", "}",
                "    .reg .f32 %y_3;", "    .reg .f32 %x_3;", "    mov.f32 %x_3, %x;", "    .reg .f32 %t_3_<2>;",
                "    .reg .f32 %y_1_3;", "    .reg .f32 %x_1_3;", "    mov.f32 %x_1_3, %x_3;", "    mul.rn.f32 %y_1_3, %x_1_3, %x_1_3;", "    mov.f32 %t_3_1, %y_1_3;",
                "    .reg .f32 %y_2_3;", "    .reg .f32 %x_2_3;", "    mov.f32 %x_2_3, %t_3_1;", "    mul.rn.f32 %y_2_3, %x_2_3, %x_2_3;", "    mov.f32 %y_3, %y_2_3;",
                "    mov.f32 %x, %y_3;", "    call.uni (%x), looping, (%x);",
            ],
            Lines(text, DType.Float32));
    }

    private static string[] Lines(string text, DType type) => KernelSource.Expand(text, type).Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
