using FsCheck;
using FsCheck.Fluent;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>A product to try: extents, and a seed for layouts and values.</summary>
public sealed record MatMulCase(int[] Batch, int M, int N, int K, bool Accumulate, int Seed)
{
    public override string ToString() =>
        $"[{string.Join(", ", Batch)}] × ({M} × {K} by {K} × {N}){(Accumulate ? " accumulating" : "")} from seed {Seed}";
}

internal static class MatMulCases
{
    // Extents around the borders of registers, strips and panels.
    private static readonly Gen<int> s_extent = Gen.Frequency(
        (3, Gen.Choose(1, 9)), (3, Gen.Choose(10, 40)), (2, Gen.Elements(1, 12, 13, 16, 24, 32, 33, 64)), (1, Gen.Choose(41, 70)), (1, Gen.Constant(0)));

    public static Arbitrary<MatMulCase> Cases() => Arb.From(
        from batch in Gen.Frequency((3, Gen.Constant<int[]>([])), (2, Gen.Choose(1, 4).Select(b => new[] { b })), (1, Gen.Elements<int[]>([2, 3], [3, 1, 2], [0, 2])))
        from m in s_extent
        from n in s_extent
        from k in s_extent
        from accumulate in Gen.Frequency((3, Gen.Constant(false)), (1, Gen.Constant(true)))
        from seed in Gen.Choose(0, int.MaxValue)
        select new MatMulCase(batch, m, n, k, accumulate, seed),
        Shrink);

    private static IEnumerable<MatMulCase> Shrink(MatMulCase c)
    {
        if (c.Batch.Length > 0) yield return c with { Batch = [.. c.Batch[1..]] };
        for (var i = 0; i < c.Batch.Length; i++)
            if (c.Batch[i] > 1) yield return c with { Batch = [.. c.Batch[..i], c.Batch[i] - 1, .. c.Batch[(i + 1)..]] };
        foreach (var m in Smaller(c.M)) yield return c with { M = m };
        foreach (var n in Smaller(c.N)) yield return c with { N = n };
        foreach (var k in Smaller(c.K)) yield return c with { K = k };
        if (c.Accumulate) yield return c with { Accumulate = false };
    }

    private static IEnumerable<int> Smaller(int extent) => extent > 1 ? [extent / 2, extent - 1] : [];
}
