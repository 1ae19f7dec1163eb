using PtxEmulator.Checks;

namespace PtxEmulator.Tests;

/// <summary>Each rule about memory, broken by a kernel and kept by its twin.</summary>
public class MemoryFindingTests
{
    private const string Mine = "mad.wide.u32 %rd1, %t, 4, %out; ";

    private static KernelFinding Broken(FindingKind kind, string body, string shared = "", int threads = 32, int blocks = 1, int[]? initial = null, int count = 32)
    {
        var finding = Card.Finding(() => Card.Of(body, shared).Run(count, threads, blocks, initial));
        Assert.Equal(kind, finding.Kind);
        Assert.Equal("k", finding.Kernel);
        Assert.Contains($"ptx line {finding.Line}:", finding.Message);
        return finding;
    }

    private static int[] Kept(string body, string shared = "", int threads = 32, int blocks = 1, int[]? initial = null, int count = 32) =>
        Card.Of(body, shared).Run(count, threads, blocks, initial);

    [Fact]
    public void A_write_behind_the_end_names_thread_and_allocation()
    {
        var finding = Broken(FindingKind.OutOfBounds, Mine + "st.global.u32 [%rd1+4], %t;");
        Assert.Contains("thread (31,0,0) of block (0,0,0) writes 4 bytes", finding.Message);
        Assert.Contains("at byte 128 of allocation 1, which has 128 bytes", finding.Message);
        Kept(Mine + "st.global.u32 [%rd1], %t;");
    }

    [Fact]
    public void A_read_before_the_start_is_found() =>
        Assert.Contains("4 bytes before the start", Broken(FindingKind.OutOfBounds, Mine + "ld.global.u32 %r1, [%rd1-4]; st.global.u32 [%rd1], %r1;", initial: new int[32]).Message);

    [Fact]
    public void A_wild_address_is_found() => Broken(FindingKind.OutOfBounds, "mov.u64 %rd1, 64; ld.global.u32 %r1, [%rd1]; st.global.u32 [%out], %r1;");

    [Fact]
    public void Running_over_one_shared_variable_into_the_next_is_found()
    {
        const string two = ".shared .align 4 .b8 a[128]; .shared .align 4 .b8 b[128];";
        const string body = "mov.u32 %r1, a; mov.u32 %r2, b; mad.lo.u32 %r1, %t, 4, %r1; mad.lo.u32 %r2, %t, 4, %r2; st.shared.u32 [%r2], %t; ";
        Broken(FindingKind.OutOfBounds, body + "st.shared.u32 [%r1+4], %t;", two);
        Kept(body + "st.shared.u32 [%r1], %t; " + Mine + "st.global.u32 [%rd1], %t;", two);
    }

    [Fact]
    public void Memory_that_was_freed_is_known_as_such()
    {
        var card = Card.Of(Mine + "st.global.u32 [%rd1], %t;");
        var pointer = card.Driver.Allocate(128, default);
        card.Launch(pointer);
        card.Driver.Free(pointer, default);
        Assert.Equal(FindingKind.UseAfterFree, Card.Finding(() => card.Launch(pointer)).Kind);
    }

    [Fact]
    public void A_vector_access_off_its_own_width_is_found()
    {
        Broken(FindingKind.Misaligned, "st.global.v2.u32 [%out+4], {%t, %t};");
        Broken(FindingKind.Misaligned, "st.global.v4.u32 [%out+8], {%t, %t, %t, %t};");
        Assert.Equal([0, 0, 0, 0], Kept("mov.u32 %r1, 0; st.global.v4.u32 [%out+16], {%r1, %r1, %r1, %r1}; st.global.v4.u32 [%out], {%r1, %r1, %r1, %r1};", count: 8)[..4]);
    }

    [Fact]
    public void Fresh_memory_must_be_written_before_it_is_read()
    {
        Broken(FindingKind.UninitializedMemory, Mine + "ld.global.u32 %r1, [%rd1]; st.global.u32 [%rd1], %r1;");
        Kept(Mine + "ld.global.u32 %r1, [%rd1]; st.global.u32 [%rd1], %r1;", initial: new int[32]);
        const string tile = ".shared .align 4 .b8 a[128];";
        Broken(FindingKind.UninitializedMemory, Mine + "mov.u32 %r1, a; mad.lo.u32 %r1, %t, 4, %r1; ld.shared.u32 %r2, [%r1]; st.global.u32 [%rd1], %r2;", tile);
        Kept(Mine + "mov.u32 %r1, a; mad.lo.u32 %r1, %t, 4, %r1; st.shared.u32 [%r1], %t; ld.shared.u32 %r2, [%r1]; st.global.u32 [%rd1], %r2;", tile);
    }

    [Fact]
    public void Shared_memory_is_fresh_in_every_block()
    {
        const string body = Mine + """
            mov.u32 %r2, %ctaid.x;
            setp.ne.u32 %p1, %r2, 0;
            mov.u32 %r1, a;
            mad.lo.u32 %r1, %t, 4, %r1;
            @!%p1 st.shared.u32 [%r1], %t;
            ld.shared.u32 %r3, [%r1];
            """;
        Broken(FindingKind.UninitializedMemory, body, ".shared .align 4 .b8 a[128];", blocks: 2);
    }

    [Fact]
    public void What_a_kernel_leaves_unwritten_cannot_be_copied_to_the_host() =>
        Assert.Equal(FindingKind.UninitializedMemory, Card.Finding(() => Card.Of(Mine + "st.global.u32 [%rd1], %t;").Run<int>(33)).Kind);

    [Fact]
    public void A_register_written_under_a_guard_cannot_be_read_without_it()
    {
        var finding = Broken(FindingKind.UninitializedRegister, Mine + "setp.lt.u32 %p1, %t, 20; @%p1 mov.u32 %r1, 5; st.global.u32 [%rd1], %r1;");
        Assert.Contains("thread (20,0,0)", finding.Message);
        Assert.Contains("%r1", finding.Message);
        Kept(Mine + "st.global.u32 [%rd1], %t; setp.lt.u32 %p1, %t, 20; @%p1 mov.u32 %r1, 5; @%p1 st.global.u32 [%rd1], %r1;");
    }

    [Fact]
    public void A_register_written_on_one_way_of_a_branch_is_unwritten_on_the_other() =>
        Broken(FindingKind.UninitializedRegister, Mine + "setp.lt.u32 %p1, %t, 20; @%p1 bra L_skip; mov.u32 %r1, 5; L_skip: st.global.u32 [%rd1], %r1;");

    [Fact]
    public void A_read_that_must_not_see_writes_finds_them()
    {
        Broken(FindingKind.ReadOnlyMemory, Mine + "st.global.u32 [%rd1], %t; ld.global.nc.u32 %r1, [%rd1];");
        Kept(Mine + "ld.global.nc.u32 %r1, [%rd1]; add.u32 %r1, %r1, 1; st.global.u32 [%rd1], %r1;", initial: new int[32]);
    }

    [Fact]
    public void A_copy_under_way_must_be_waited_for()
    {
        const string header = ".version 7.0\n.target sm_80\n.address_size 64\n";
        const string tile = ".shared .align 16 .b8 a[128];";
        const string begin = Mine + "mov.u32 %r1, a; mad.lo.u32 %r1, %t, 4, %r1; cp.async.ca.shared.global [%r1], [%rd1], 4; cp.async.commit_group; ";
        const string end = "ld.shared.u32 %r2, [%r1]; add.u32 %r2, %r2, 1; st.global.u32 [%rd1], %r2; ";
        var initial = Enumerable.Range(5, 32).ToArray();
        Assert.Equal(initial.Select(i => i + 1), Card.Of(begin + "cp.async.wait_group 0; " + end, tile, header).Run(32, initial: initial));
        Assert.Equal(FindingKind.MissingWait, Card.Finding(() => Card.Of(begin + end, tile, header).Run(32, initial: initial)).Kind);
        Assert.Equal(FindingKind.MissingWait, Card.Finding(() => Card.Of(begin + "cp.async.wait_group 1; " + end, tile, header).Run(32, initial: initial)).Kind);
        Assert.Equal(FindingKind.MissingWait, Card.Finding(() => Card.Of(begin, tile, header).Run(32, initial: initial)).Kind);
    }

    [Fact]
    public void A_copy_waited_for_by_its_own_threads_alone_races_with_the_others()
    {
        const string header = ".version 7.0\n.target sm_80\n.address_size 64\n";
        const string tile = ".shared .align 16 .b8 a[256];";
        const string begin = Mine + "mov.u32 %r1, a; mad.lo.u32 %r2, %t, 4, %r1; cp.async.ca.shared.global [%r2], [%rd1], 4; cp.async.wait_all; xor.b32 %r3, %t, 32; mad.lo.u32 %r3, %r3, 4, %r1; ";
        const string end = "ld.shared.u32 %r4, [%r3]; st.global.u32 [%rd1], %r4;";
        Assert.Equal(32, Card.Of(begin + "bar.sync 0; " + end, tile, header).Run(64, 64, initial: Enumerable.Range(0, 64).ToArray())[0]);
        var finding = Card.Finding(() => Card.Of(begin + end, tile, header).Run(64, 64, initial: new int[64]));
        Assert.True(finding.Kind is FindingKind.RaceBetweenWarps or FindingKind.UninitializedMemory);
    }
}
