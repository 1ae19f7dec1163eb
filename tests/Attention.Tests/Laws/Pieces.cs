using FsCheck;
using FsCheck.Fluent;

namespace Edifice.Attention.Tests.Laws;

/// <summary>A sequence cut into pieces, and the seed of its values.</summary>
/// <param name="Lengths">Of the pieces, each at least 1.</param>
/// <param name="Seed">Of the values.</param>
public sealed record Pieces(int[] Lengths, int Seed)
{
    public int Total => Lengths.Sum();

    public static Arbitrary<Pieces> Arbitrary { get; } = Arb.From(
        from n in Gen.Choose(1, 5)
        from lengths in Gen.ArrayOf(Gen.Frequency((3, Gen.Constant(1)), (2, Gen.Choose(2, 4)), (1, Gen.Choose(5, 11))), n)
        from seed in Gen.Choose(0, 1000)
        select new Pieces(lengths, seed),
        Shrink);

    /// <summary>Runs a law on some cuts; throws the smallest that breaks it.</summary>
    public static void Check(int runs, Action<Pieces> law) =>
        Prop.ForAll(Arbitrary, law).Check(Config.QuickThrowOnFailure.WithMaxTest(runs));

    public override string ToString() => $"{string.Join(" + ", Lengths)}, seed {Seed}";

    private static IEnumerable<Pieces> Shrink(Pieces p)
    {
        for (var i = 0; i < p.Lengths.Length && p.Lengths.Length > 1; i++) yield return p with { Lengths = [.. p.Lengths[..i], .. p.Lengths[(i + 1)..]] };
        for (var i = 0; i < p.Lengths.Length; i++)
            if (p.Lengths[i] > 1) yield return p with { Lengths = [.. p.Lengths[..i], p.Lengths[i] / 2, .. p.Lengths[(i + 1)..]] };
    }
}
