using Edifice.Engine;
using FsCheck;
using FsCheck.Fluent;

namespace Edifice.Tests;

/// <summary>Generators of shapes, for <c>[Property(Arbitrary = [typeof(ShapeGenerators)])]</c>.</summary>
/// <remarks>Extents cover what kernels treat apart: 0, 1, lengths around SIMD widths; the rank reaches 5. Shrinking drops
/// axes first, then lowers extents, so a failing shape ends as small as it can be.</remarks>
internal static class ShapeGenerators
{
    private const long MostElements = 6000;

    private static readonly Gen<int> s_extent = Gen.Frequency(
        (1, Gen.Constant(0)),
        (3, Gen.Constant(1)),
        (12, Gen.Choose(2, 7)),
        (5, Gen.Elements(8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)),
        (1, Gen.Choose(66, 700)));

    /// <summary>Shapes of up to 6000 elements, empty ones and scalars included.</summary>
    public static Arbitrary<Shape> Shapes() => Arb.From(OfRank(0, 5), Shrink);

    /// <summary>Shapes with a rank in a range, without a shrinker of their own.</summary>
    public static Gen<Shape> OfRank(int least, int most) =>
        from rank in Gen.Choose(least, most)
        from extents in Gen.ArrayOf(s_extent, rank)
        select Bounded(extents);

    /// <summary>Smaller shapes, the most different first.</summary>
    public static IEnumerable<Shape> Shrink(Shape shape)
    {
        var dims = shape.AsSpan().ToArray();
        for (var i = 0; i < dims.Length; i++) yield return (int[])[.. dims[..i], .. dims[(i + 1)..]];
        for (var i = 0; i < dims.Length; i++)
        {
            foreach (var smaller in new[] { 1, dims[i] / 2, dims[i] - 1 })
            {
                if (smaller < 1 || smaller >= dims[i]) continue;
                var less = (int[])dims.Clone();
                less[i] = smaller;
                yield return less;
            }
        }
    }

    /// <summary>An extent of 0 bounds nothing: tests replace, pad and drop axes, and the other extents come to bear.</summary>
    private static Shape Bounded(int[] extents)
    {
        for (var i = 0; extents.Aggregate(1L, (n, d) => n * Math.Max(d, 1)) > MostElements; i++) extents[i] = Math.Min(extents[i], 2);
        return extents;
    }
}
