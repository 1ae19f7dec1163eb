namespace PtxEmulator.Tests;

public class StatisticsTests
{
    private static Statistics.KernelStatistics Count(string body, int threads, int blocks, string shared = "")
    {
        var card = Card.Of(body, shared);
        card.Driver.CollectsStatistics = true;
        card.Run(4096, threads, blocks, new int[4096]);
        return card.Driver.Statistics["k"];
    }

    [Theory]
    [InlineData(4, 4, 4)]
    [InlineData(8, 8, 4)]
    [InlineData(32, 32, 4)]
    [InlineData(64, 32, 4)]
    [InlineData(0, 1, 1)]
    public void Sectors_per_request_follow_the_stride(int stride, int sectors, int least)
    {
        var counted = Count($"mad.wide.u32 %rd1, %t, {stride}, %out; ld.global.u32 %r1, [%rd1];", 32, 2);
        Assert.Equal(2, counted.Global.Requests);
        Assert.Equal(sectors, counted.Global.TransactionsPerRequest);
        Assert.Equal(2 * least, counted.Global.LeastTransactions);
        Assert.Equal(2 * 32 * 4, counted.Global.BytesRead);
        Assert.Equal(0, counted.Global.BytesWritten);
    }

    [Theory]
    [InlineData(4, 0)]
    [InlineData(8, 1)]
    [InlineData(16, 3)]
    [InlineData(128, 31)]
    [InlineData(132, 0)]
    public void Bank_conflicts_follow_the_stride_in_shared_memory(int stride, int conflicts)
    {
        var counted = Count($"mov.u32 %r1, a; mad.lo.u32 %r1, %t, {stride}, %r1; st.shared.u32 [%r1], %t;", 32, 1, ".shared .align 16 .b8 a[4224];");
        Assert.Equal(conflicts, counted.Shared.Conflicts);
        Assert.Equal(1, counted.Shared.LeastTransactions);
    }

    [Fact]
    public void Four_words_a_lane_side_by_side_take_four_passes_without_conflict()
    {
        var counted = Count("mov.u32 %r1, a; mad.lo.u32 %r1, %t, 16, %r1; st.shared.v4.u32 [%r1], {%t, %t, %t, %t};", 32, 1, ".shared .align 16 .b8 a[512];");
        Assert.Equal(4, counted.Shared.Transactions);
        Assert.Equal(0, counted.Shared.Conflicts);
    }

    [Fact]
    public void Instructions_count_once_per_warp_and_once_per_lane()
    {
        // ld.param, mov, setp, the guarded add and the return.
        var counted = Count("setp.lt.u32 %p1, %t, 8; @%p1 add.u32 %r1, %t, 1;", 64, 3);
        Assert.Equal(3, counted.Blocks);
        Assert.Equal(3 * (4 + 5), counted.WarpInstructions);
        Assert.Equal(3 * (64 * 3 + 8), counted.LaneInstructions);
        Assert.Equal(0, counted.Barriers);
    }
}
