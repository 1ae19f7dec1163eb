using PtxEmulator.Checks;

namespace PtxEmulator.Tests;

/// <summary>Barriers, masks of lanes, launches.</summary>
public class ConvergenceFindingTests
{
    private const string Mine = "mad.wide.u32 %rd1, %t, 4, %out; ";

    private static KernelFinding Broken(FindingKind kind, string body, int threads = 32, int count = 64)
    {
        var finding = Card.Finding(() => Card.Of(Mine + body).Run<int>(count, threads));
        Assert.Equal(kind, finding.Kind);
        return finding;
    }

    private static int[] Kept(string body, int threads = 32) => Card.Of(Mine + body).Run(64, threads, 1, new int[64]);

    [Fact]
    public void A_barrier_is_for_all_lanes_of_a_warp()
    {
        Broken(FindingKind.BarrierDivergence, "setp.lt.u32 %p1, %t, 16; @%p1 bra L_skip; bar.sync 0; L_skip: mov.u32 %r1, 0;");
        Broken(FindingKind.BarrierDivergence, "setp.lt.u32 %p1, %t, 16; @%p1 bar.sync 0;");
        Kept("setp.lt.u32 %p1, %t, 16; @%p1 bra L_skip; mov.u32 %r1, 0; L_skip: bar.sync 0;");
    }

    [Fact]
    public void A_barrier_is_for_all_warps_of_a_block()
    {
        Broken(FindingKind.BarrierDivergence, "setp.lt.u32 %p1, %t, 32; @%p1 bra L_skip; bar.sync 0; L_skip: mov.u32 %r1, 0;", 64);
        Broken(FindingKind.BarrierDivergence, "setp.lt.u32 %p1, %t, 40; @%p1 exit; bar.sync 0;", 64);
        Broken(FindingKind.BarrierDivergence, "setp.lt.u32 %p1, %t, 32; @%p1 bra L_other; bar.sync 0; bra L_end; L_other: bar.sync 1; L_end: mov.u32 %r1, 0;", 64);
    }

    [Fact]
    public void A_shuffle_names_the_lanes_that_execute_it()
    {
        const string half = "setp.lt.u32 %p1, %t, 16; @!%p1 bra L_end; ";
        Broken(FindingKind.WarpMask, half + "shfl.sync.bfly.b32 %r1, %t, 1, 31, 0xffffffff; L_end: mov.u32 %r2, 0;");
        Broken(FindingKind.WarpMask, "shfl.sync.bfly.b32 %r1, %t, 1, 31, 0x0000ffff;");
        Broken(FindingKind.WarpMask, half + "shfl.sync.bfly.b32 %r1, %t, 16, 31, 0x0000ffff; L_end: mov.u32 %r2, 0;");
        Broken(FindingKind.WarpMask, "and.b32 %r2, %t, 1; shl.b32 %r2, %r2, 31; or.b32 %r2, %r2, 0x7fffffff; shfl.sync.bfly.b32 %r1, %t, 1, 31, %r2;");
        Kept(half + "shfl.sync.bfly.b32 %r1, %t, 1, 31, 0x0000ffff; L_end: mov.u32 %r2, 0;");
    }

    [Fact]
    public void A_mask_names_no_lanes_that_have_exited() =>
        Broken(FindingKind.WarpMask, "setp.ge.u32 %p1, %t, 16; @%p1 exit; vote.sync.ballot.b32 %r1, 1, 0xffffffff;");

    [Fact]
    public void Halves_of_a_warp_shuffle_apart()
    {
        var result = Kept("and.b32 %r2, %t, 16; shl.b32 %r3, 0xffff, %r2; shfl.sync.down.b32 %r1, %t, 1, 0x100f, %r3; st.global.u32 [%rd1], %r1;");
        Assert.Equal(Enumerable.Range(0, 32).Select(i => (i & 15) == 15 ? i : i + 1), result[..32]);
    }

    [Fact]
    public void A_warp_barrier_names_the_lanes_that_come_to_it()
    {
        Broken(FindingKind.WarpMask, "setp.lt.u32 %p1, %t, 16; @%p1 bar.warp.sync 0xffffffff;");
        Kept("setp.lt.u32 %p1, %t, 16; @%p1 bar.warp.sync 0x0000ffff;");
    }

    [Fact]
    public void A_uniform_branch_is_uniform()
    {
        Broken(FindingKind.NotUniform, "setp.lt.u32 %p1, %t, 16; @%p1 bra.uni L_end; mov.u32 %r1, 0; L_end: mov.u32 %r2, 0;");
        Kept("setp.lt.u32 %p1, %t, 64; @%p1 bra.uni L_end; mov.u32 %r1, 0; L_end: mov.u32 %r2, 0;");
    }

    [Fact]
    public void A_loop_without_end_is_ended() => Broken(FindingKind.EndlessLoop, "L_again: bra L_again;");

    [Fact]
    public void A_block_is_not_larger_than_the_kernel_says()
    {
        var card = new Card(Card.Kernel(Mine + "st.global.u32 [%rd1], %t;", maxThreads: 64));
        card.Run<int>(64, 64);
        Assert.Equal(FindingKind.TooManyThreads, Card.Finding(() => card.Run<int>(96, 96)).Kind);
        Assert.Equal(FindingKind.TooManyThreads, Card.Finding(() => Card.Of("").Run<int>(1, 1025)).Kind);
    }

    [Fact]
    public void Shared_memory_is_not_larger_than_a_card_has()
    {
        const string use = "st.shared.u32 [a], 1; " + Mine + "st.global.u32 [%rd1], %t;";
        Card.Of(use, ".shared .align 4 .b8 a[49152];").Run<int>(32);
        Assert.Equal(FindingKind.SharedLimit, Card.Finding(() => Card.Of(use, ".shared .align 4 .b8 a[49156];").Run<int>(32)).Kind);
        Assert.Equal(FindingKind.SharedLimit, Card.Finding(() => Card.Of(use, ".shared .align 4 .b8 a[49152];").Run<int>(32, sharedBytes: 16)).Kind);
    }

    [Fact]
    public void Arguments_are_as_long_as_the_parameters()
    {
        var card = Card.Of("");
        var finding = Card.Finding(() => card.Driver.Launch(card.Driver.GetFunction(card.Module, "k"), new(1, 1, 1, 32, 1, 1, 0), new byte[12], default));
        Assert.Equal(FindingKind.Parameters, finding.Kind);
    }
}
