namespace PtxEmulator.Tests;

public class ExecutionTests
{
    private const string Store = "mad.wide.u32 %rd1, %t, 4, %out; ";

    [Fact]
    public void Threads_know_their_number_and_write_where_it_says()
    {
        var result = Card.Of(Store + "st.global.u32 [%rd1], %t;").Run<int>(96, 96);
        Assert.Equal(Enumerable.Range(0, 96), result);
    }

    [Fact]
    public void A_loop_of_different_length_per_lane_meets_again_behind_it()
    {
        var result = Card.Of(Store + """
            mov.u32 %r1, 0;
            mov.u32 %r2, 0;
            L_loop:
            setp.ge.u32 %p1, %r1, %t;
            @%p1 bra L_done;
            add.u32 %r2, %r2, %r1;
            add.u32 %r1, %r1, 1;
            bra L_loop;
            L_done:
            shfl.sync.bfly.b32 %r3, %r2, 1, 31, 0xffffffff;
            st.global.u32 [%rd1], %r3;
            """).Run<int>(32);
        Assert.Equal(Enumerable.Range(0, 32).Select(i => (i ^ 1) * ((i ^ 1) - 1) / 2), result);
    }

    [Fact]
    public void A_function_called_by_some_lanes_returns_to_them_alone()
    {
        var result = new Runner("""
            .func (.reg .f32 %y) fn_twice (.reg .f32 %x)
            {
                .reg .pred %p;
                setp.lt.f32 %p, %x, 0f41200000;
                @%p bra L_small;
                mov.f32 %y, %x;
                ret;
            L_small:
                add.rn.f32 %y, %x, %x;
                ret;
            }
            """ + Card.Kernel(Store + """
            cvt.rn.f32.u32 %f1, %t;
            setp.lt.u32 %p1, %t, 16;
            mov.f32 %f2, 0fBF800000;
            @%p1 call (%f2), fn_twice, (%f1);
            st.global.f32 [%rd1], %f2;
            """)).Run();
        Assert.Equal(Enumerable.Range(0, 32).Select(i => i >= 16 ? -1f : i < 10 ? 2f * i : i), result);
    }

    private sealed class Runner(string text)
    {
        public float[] Run() => new Card(text).Run<float>(32);
    }

    [Fact]
    public void Warps_exchange_through_shared_memory_over_a_barrier()
    {
        var result = Card.Of(Store + """
            mov.u32 %r1, tile;
            mad.lo.u32 %r2, %t, 4, %r1;
            st.shared.u32 [%r2], %t;
            bar.sync 0;
            xor.b32 %r3, %t, 32;
            mad.lo.u32 %r2, %r3, 4, %r1;
            ld.shared.u32 %r4, [%r2];
            st.global.u32 [%rd1], %r4;
            """, ".shared .align 16 .b8 tile[256];").Run<int>(64, 64);
        Assert.Equal(Enumerable.Range(0, 64).Select(i => i ^ 32), result);
    }

    [Fact]
    public void Blocks_add_atomically()
    {
        var result = Card.Of("red.global.add.u32 [%out], 1;").Run(1, 64, 5, [7]);
        Assert.Equal([7 + 320], result);
    }
}
