using PtxEmulator.Checks;

namespace PtxEmulator.Tests;

/// <summary>Races, and the twins without them.</summary>
public class RaceFindingTests
{
    private const string Tile = ".shared .align 4 .b8 a[4096];";
    private const string Mine = "mad.wide.u32 %rd1, %t, 4, %out; mov.u32 %r1, a; mad.lo.u32 %r2, %t, 4, %r1; ";

    private static void Broken(FindingKind kind, string body, int threads = 32, int blocks = 1, int count = 64, int[]? initial = null) =>
        Assert.Equal(kind, Card.Finding(() => Card.Of(Mine + body, Tile).Run(count, threads, blocks, initial)).Kind);

    private static int[] Kept(string body, int threads = 32, int blocks = 1, int count = 64, int[]? initial = null) =>
        Card.Of(Mine + body, Tile).Run(count, threads, blocks, initial ?? new int[count]);

    private static string Exchange(int distance, string between) => $"""
        st.shared.u32 [%r2], %t;
        {between}
        xor.b32 %r3, %t, {distance};
        mad.lo.u32 %r3, %r3, 4, %r1;
        ld.shared.u32 %r4, [%r3];
        st.global.u32 [%rd1], %r4;
        """;

    [Fact]
    public void Lanes_of_a_warp_exchange_over_a_warp_barrier_only()
    {
        Broken(FindingKind.RaceInWarp, Exchange(1, ""));
        Assert.Equal(1, Kept(Exchange(1, "bar.warp.sync 0xffffffff;"))[0]);
        Assert.Equal(1, Kept(Exchange(1, "bar.sync 0;"))[0]);
    }

    [Fact]
    public void A_shuffle_orders_no_memory() => Broken(FindingKind.RaceInWarp, Exchange(1, "shfl.sync.idx.b32 %r5, %t, 0, 31, 0xffffffff;"));

    [Fact]
    public void Warps_exchange_over_a_block_barrier_only()
    {
        const string filled = "st.shared.u32 [%r2], 0; bar.sync 0; ";
        Broken(FindingKind.RaceBetweenWarps, filled + Exchange(32, ""), 64);
        Broken(FindingKind.RaceBetweenWarps, filled + Exchange(32, "bar.warp.sync 0xffffffff;"), 64);
        Assert.Equal(32, Kept(Exchange(32, "bar.sync 0;"), 64)[0]);
    }

    [Fact]
    public void A_tile_is_not_refilled_before_all_have_read_it()
    {
        static string Twice(string between) => Exchange(32, "bar.sync 0;") + between + "st.shared.u32 [%r2], 0;";
        Broken(FindingKind.RaceBetweenWarps, Twice(""), 64);
        Kept(Twice("bar.sync 0;"), 64);
    }

    [Fact]
    public void Reads_of_several_lanes_come_before_a_write_only_over_a_barrier()
    {
        const string body = "st.shared.u32 [%r2], %t; bar.sync 0; ld.shared.u32 %r4, [a]; ";
        const string write = "setp.eq.u32 %p1, %t, 0; @%p1 st.shared.u32 [a], 7; st.global.u32 [%rd1], %r4;";
        Broken(FindingKind.RaceInWarp, body + write);
        Kept(body + "bar.warp.sync 0xffffffff; " + write);
        Broken(FindingKind.RaceBetweenWarps, body + "bar.warp.sync 0xffffffff; " + write, 64);
        Kept(body + "bar.sync 0; " + write, 64);
    }

    [Fact]
    public void Two_lanes_write_one_place_only_if_they_write_the_same()
    {
        Broken(FindingKind.RaceInWarp, "st.shared.u32 [a], %t;");
        Broken(FindingKind.RaceInWarp, "st.global.u32 [%out], %t;");
        Kept("st.shared.u32 [a], 5; st.global.u32 [%rd1], %t;");
    }

    [Fact]
    public void Two_warps_do_not_write_one_place_even_the_same() => Broken(FindingKind.RaceBetweenWarps, "st.shared.u32 [a], 5;", 64);

    [Fact]
    public void Blocks_of_a_launch_meet_only_atomically()
    {
        Broken(FindingKind.RaceBetweenBlocks, "st.global.u32 [%rd1], 1;", blocks: 2);
        Broken(FindingKind.RaceBetweenBlocks, "mov.u32 %r5, %ctaid.x; setp.eq.u32 %p1, %r5, 0; @%p1 st.global.u32 [%rd1], 1; @!%p1 ld.global.u32 %r6, [%rd1];", blocks: 2, initial: new int[64]);
        Broken(FindingKind.RaceBetweenBlocks, "mov.u32 %r5, %ctaid.x; setp.eq.u32 %p1, %r5, 2; @!%p1 ld.global.u32 %r6, [%rd1]; @%p1 st.global.u32 [%rd1], 1;", blocks: 3, initial: new int[64]);
        Broken(FindingKind.RaceBetweenBlocks, "red.global.add.u32 [%out], 1; ld.global.u32 %r6, [%out];", threads: 1, blocks: 2, initial: new int[64]);
        Assert.Equal(64, Kept("red.global.add.u32 [%out], 1;", blocks: 2)[0]);
    }

    [Fact]
    public void Launches_one_after_the_other_do_not_race()
    {
        var card = Card.Of(Mine + "ld.global.u32 %r5, [%rd1]; add.u32 %r5, %r5, 1; st.global.u32 [%rd1], %r5;", Tile);
        var pointer = card.Driver.Allocate(128, default);
        card.Driver.CopyToDevice(new byte[128], pointer, default);
        card.Launch(pointer);
        card.Launch(pointer);
        var result = new byte[128];
        card.Driver.CopyToHost(pointer, result, default);
        Assert.Equal(2, result[4]);
    }

    [Fact]
    public void Neighbouring_bytes_belong_to_different_threads()
    {
        const string body = "cvt.u64.u32 %rd2, %t; add.u64 %rd2, %out, %rd2; st.global.u8 [%rd2], %t; ";
        Assert.Equal(0x03020100, Kept(body, 64, 1)[0]);
        Broken(FindingKind.RaceInWarp, body + "ld.global.u8 %h1, [%rd2+1];");
    }
}
