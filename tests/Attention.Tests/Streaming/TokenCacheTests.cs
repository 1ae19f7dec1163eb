using Edifice.Attention.Tests.Laws;
using Edifice.Engine;

namespace Edifice.Attention.Tests.Streaming;

public class TokenCacheTests
{
    private const int Batch = 2, Heads = 3, Width = 2;

    public static TheoryData<int?> Limits => [null, 0, 1, 4, 7];

    [Theory]
    [MemberData(nameof(Limits))]
    public void Appending_is_joining_and_keeping_the_last(int? keep)
    {
        Pieces.Check(60, cut =>
        {
            using var off = Tensor.NoGrad();
            var random = new Generator((ulong)cut.Seed);
            using var cache = new TokenCache(Entries(0, random), keep);
            var model = Entries(0, random);
            // Each cut is gone through many times, so that entries wander through the memory and are moved back.
            for (var round = 0; round < 6; round++)
                foreach (var n in cut.Lengths)
                {
                    var past = random.NextInt(4) == 0 ? random.NextInt(10) : int.MaxValue;
                    model = Last(model, past);
                    var added = Entries(n, random);
                    model = Tensor.Cat([model, added], 1);
                    Near.Same(model, cache.Append(added, past));
                    model = Last(model, keep ?? int.MaxValue);
                    Assert.Equal(model.Size(1), cache.Count);
                    Near.Same(model, cache.Entries);
                }
        });
    }

    [Fact]
    public void A_stream_of_steps_is_written_into_few_memories()
    {
        using var off = Tensor.NoGrad();
        var random = new Generator(1);
        using var cache = new TokenCache(Entries(0, random), null);
        var memories = new HashSet<Storage>(ReferenceEqualityComparer.Instance);
        for (var t = 0; t < 1000; t++) memories.Add(cache.Append(Entries(1, random), int.MaxValue).Storage);
        // The first result is the entry itself; from 16 on capacity grows by half.
        Assert.InRange(memories.Count, 2, 3 + (int)Math.Ceiling(Math.Log(1000 / 16.0, 1.5)));
    }

    [Fact]
    public void With_a_limit_memory_is_bounded()
    {
        using var off = Tensor.NoGrad();
        var random = new Generator(1);
        using var cache = new TokenCache(Entries(0, random), 10);
        var memories = new HashSet<Storage>(ReferenceEqualityComparer.Instance);
        for (var t = 0; t < 1000; t++) memories.Add(cache.Append(Entries(1, random), int.MaxValue).Storage);
        Assert.InRange(memories.Count, 2, 4);
        Assert.InRange(cache.Entries.Storage.ByteLength, 1, Batch * Heads * Width * 8L * (2 * 10 + 1) + 64);
    }

    [Fact]
    public void A_copy_is_independent()
    {
        using var off = Tensor.NoGrad();
        var random = new Generator(1);
        using var cache = new TokenCache(Entries(3, random), null);
        cache.Append(Entries(2, random), int.MaxValue);
        using var copy = cache.Clone();
        var before = copy.Entries.Clone();
        cache.Append(Entries(20, random), int.MaxValue);
        cache.Clear();
        Near.Same(before, copy.Entries);
        Assert.Equal(0, cache.Count);
    }

    [Theory]
    [MemberData(nameof(Limits))]
    public void What_the_tape_saw_is_not_overwritten_by_later_steps(int? keep)
    {
        var random = new Generator(3);
        using var cache = new TokenCache(Entries(0, random), keep);
        using (Tensor.NoGrad()) cache.Append(Entries(2, random), int.MaxValue);
        var leaf = Entries(2, random).RequiresGrad();
        var seen = cache.Append(leaf, int.MaxValue);
        var values = seen.Detach().Clone();
        var loss = seen.Square().Sum();
        using (Tensor.NoGrad())
            for (var t = 0; t < 40; t++) cache.Append(Entries(1, random), t % 5 == 0 ? 1 : int.MaxValue);
        Near.Same(values, seen.Detach());
        loss.Backward();
        Near.Same(leaf.Detach() * 2, leaf.Grad!);
    }

    private static Tensor Entries(int n, Generator random) => Tensor.Randn([Batch, n, Heads, Width], DType.Float64, generator: random);

    private static Tensor Last(Tensor entries, int n) =>
        entries.Size(1) <= n ? entries : entries.Narrow(1, entries.Size(1) - n, n).Contiguous();
}
