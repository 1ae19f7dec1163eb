using System.Numerics;
using Edifice.Engine.Backends;
using FsCheck;
using FsCheck.Fluent;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>An attention to try: extents, options, and a seed for layouts, values and masks.</summary>
public sealed record AttentionCase(
    int Batch, int Queries, int Keys, int KeyHeads, int Sharing, int Width, int ValueWidth,
    bool Causal, int Window, bool Alibi, int Offset, bool Mask, bool Segments, int Seed)
{
    public int Heads => KeyHeads * Sharing;

    internal AttentionSpec Spec => new(Causal, Window, Alibi, 0.3 + Seed % 7 * 0.1, Offset);

    public override string ToString() =>
        $"batch {Batch}, {Queries} queries, {Keys} keys, {Heads}/{KeyHeads} heads of {Width} and {ValueWidth}, offset {Offset}"
        + $"{(Causal ? ", causal" : "")}{(Window > 0 ? $", window {Window}" : "")}{(Alibi ? ", alibi" : "")}"
        + $"{(Mask ? ", key mask" : "")}{(Segments ? ", segments" : "")}, seed {Seed}";
}

internal static class AttentionCases
{
    // Lengths around the borders of strips, panels and tiles.
    private static readonly Gen<int> s_length = Gen.Frequency(
        (4, Gen.Choose(1, 20)), (2, Gen.Elements(12, 13, 32, 33, 64, 127, 128, 129)), (1, Gen.Choose(21, 150)), (1, Gen.Constant(0)));

    public static Arbitrary<AttentionCase> Cases() => Arb.From(
        from batch in Gen.Choose(1, 2)
        from queries in s_length
        from keys in s_length
        from heads in Gen.Elements((1, 1), (2, 1), (1, 3), (2, 2), (1, 8))
        from width in Gen.Elements(1, 2, 4, 5, 8, 16, 17, 33)
        from valueWidth in Gen.Elements(1, 3, 4, 8, 16, 20, 32, 35)
        from causal in Gen.Elements(true, true, false)
        from window in Gen.Elements(0, 0, 1, 2, 5, 30, 140)
        from alibi in Gen.Elements(false, false, true)
        from offset in Gen.Frequency((2, Gen.Constant(keys - queries)), (1, Gen.Choose(-20, 20)), (1, Gen.Constant(0)))
        from mask in Gen.Elements(false, false, true)
        from segments in Gen.Elements(false, false, true)
        from seed in Gen.Choose(0, int.MaxValue)
        select new AttentionCase(
            batch, queries, keys, heads.Item1, heads.Item2, width, valueWidth, causal, causal ? window : 0, alibi, offset, mask, segments, seed),
        Shrink);

    private static IEnumerable<AttentionCase> Shrink(AttentionCase c)
    {
        if (c.Batch > 1) yield return c with { Batch = 1 };
        foreach (var n in Smaller(c.Queries)) yield return c with { Queries = n };
        foreach (var n in Smaller(c.Keys)) yield return c with { Keys = n };
        if (c.KeyHeads > 1) yield return c with { KeyHeads = 1 };
        foreach (var n in Smaller(c.Sharing)) yield return c with { Sharing = n };
        foreach (var n in Smaller(c.Width)) yield return c with { Width = n };
        foreach (var n in Smaller(c.ValueWidth)) yield return c with { ValueWidth = n };
        if (c.Window > 0) yield return c with { Window = 0 };
        if (c.Alibi) yield return c with { Alibi = false };
        if (c.Mask) yield return c with { Mask = false };
        if (c.Segments) yield return c with { Segments = false };
        if (c.Causal && c.Window == 0) yield return c with { Causal = false };
    }

    private static IEnumerable<int> Smaller(int extent) => extent > 1 ? [extent / 2, extent - 1] : [];
}

/// <summary>The tensors of one attention, forward and backward.</summary>
internal sealed class AttentionRun<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public AttentionSpec Spec;
    public required Tensor Q, K, V;
    public Tensor? Mask, QuerySegments, KeySegments;
    public required Tensor Output, LogSumExp;
    public required Tensor OutputCotangent, LogSumExpCotangent;
    public required Tensor QueryGradient, KeyGradient, ValueGradient;

    public static AttentionRun<T> Random(AttentionCase c)
    {
        var random = new Random(c.Seed);
        return new AttentionRun<T>
        {
            Spec = c.Spec,
            Q = Strided.Random<T>(random, [c.Batch, c.Queries, c.Heads, c.Width], unitLast: true),
            K = Strided.Random<T>(random, [c.Batch, c.Keys, c.KeyHeads, c.Width], unitLast: true),
            V = Strided.Random<T>(random, [c.Batch, c.Keys, c.KeyHeads, c.ValueWidth], unitLast: true),
            Mask = c.Mask ? Flags(random, c.Batch, c.Keys) : null,
            QuerySegments = c.Segments ? SegmentNumbers(random, c.Batch, c.Queries) : null,
            KeySegments = c.Segments ? SegmentNumbers(random, c.Batch, c.Keys) : null,
            Output = Strided.Empty<T>(c.Batch, c.Queries, c.Heads, c.ValueWidth),
            LogSumExp = Strided.Empty<T>(c.Batch, c.Queries, c.Heads),
            OutputCotangent = Strided.Contiguous<T>(random, c.Batch, c.Queries, c.Heads, c.ValueWidth),
            LogSumExpCotangent = Strided.Contiguous<T>(random, c.Batch, c.Queries, c.Heads),
            QueryGradient = Strided.Empty<T>(c.Batch, c.Queries, c.Heads, c.Width),
            KeyGradient = Strided.Empty<T>(c.Batch, c.Keys, c.KeyHeads, c.Width),
            ValueGradient = Strided.Empty<T>(c.Batch, c.Keys, c.KeyHeads, c.ValueWidth),
        };
    }

    private static Tensor Flags(Random random, int batch, int length)
    {
        var t = Tensor.Allocate([batch, length], DType.Bool, Device.Cpu);
        var share = random.NextDouble(); // from all hidden to none
        foreach (ref var x in t.AsSpan<bool>()) x = random.NextDouble() < share * 1.2;
        return t;
    }

    private static Tensor SegmentNumbers(Random random, int batch, int length)
    {
        var t = Tensor.Allocate([batch, length], DType.Int32, Device.Cpu);
        var sorted = random.Next(3) > 0;
        var segment = 0;
        foreach (ref var x in t.AsSpan<int>())
        {
            if (random.Next(10) == 0) segment++;
            x = sorted ? segment : random.Next(4) switch { 0 => int.MinValue, 1 => 0, 2 => -1, _ => int.MaxValue };
        }

        return t;
    }

    public AttentionRun<T> Forward()
    {
        CpuBackend.Instance.Attention(Spec, Q, K, V, Mask, QuerySegments, KeySegments, Output, LogSumExp);
        return this;
    }

    public AttentionRun<T> Backward(bool withLogSumExp = true)
    {
        CpuBackend.Instance.AttentionVjp(Spec, OutputCotangent, withLogSumExp ? LogSumExpCotangent : null, Q, K, V, Mask,
            QuerySegments, KeySegments, Output, LogSumExp, QueryGradient, KeyGradient, ValueGradient);
        return this;
    }
}
