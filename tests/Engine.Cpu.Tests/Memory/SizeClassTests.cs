using Edifice.Engine.Cpu.Memory;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Memory;

public class SizeClassTests
{
    [Property(MaxTest = 1000)]
    public bool A_block_holds_what_was_asked_for_and_wastes_at_most_an_eighth(ulong seed, byte bits)
    {
        var bytes = 1 + (long)(seed & ((1UL << (bits % 48)) - 1));
        var rounded = (bytes + 63) / 64 * 64;
        var size = SizeClass.Bytes(SizeClass.Of(bytes));
        return size >= bytes && size % 64 == 0 && size - rounded <= rounded / 8;
    }

    [Fact]
    public void Every_class_is_the_class_of_its_own_size_and_sizes_ascend()
    {
        for (var c = 0; c < SizeClass.Count; c++)
        {
            Assert.Equal(c, SizeClass.Of(SizeClass.Bytes(c)));
            if (c > 0)
            {
                Assert.True(SizeClass.Bytes(c) > SizeClass.Bytes(c - 1));
                Assert.Equal(c, SizeClass.Of(SizeClass.Bytes(c - 1) + 1));
            }
        }
    }
}
