using Edifice.Engine.Ops;
using FsCheck;
using FsCheck.Fluent;

namespace Edifice.Engine.Tests.Ops;

/// <summary>Values anywhere in the range that float32 and bfloat16 share: float32 gives what float64 gives wherever that fits, and an
/// infinity of its sign where it does not; never a silent NaN.</summary>
public class RangeTests
{
    public static TheoryData<string> Differentiable => OpSamples.Differentiable();

    /// <summary>Inputs for which the definition itself leaves the range on the way, and why.</summary>
    private static readonly Dictionary<(string Op, string Input), string> s_exempt = new()
    {
        [("hgrn2", "lower_bound")] = "no bound: it must lie in [0, 1), or the state grows by its powers",
        [("wkv7", "a")] = "the state grows by its powers",
        [("wkv7", "b")] = "the state grows by its powers",
        [("linear_attention", "initial_z")] = "the derivative of a quotient by a denominator of 1e30 is 1e-60 of the quotient: it is 0 in float32",
    };

    /// <summary>Ops whose gradients are differences of terms that cancel where a softmax or a quotient saturates: they carry the terms'
    /// rounding.</summary>
    private static readonly HashSet<string> s_cancelling =
        ["sdpa", "local_attention", "nystrom_attention", "favor_attention", "linear_attention", "softmax", "log_softmax", "favor_features"];

    [Theory]
    [MemberData(nameof(Differentiable))]
    public void An_input_of_any_size_gives_values_and_gradients_that_are_right_or_infinite(string name)
    {
        var op = OpSamples.Find(name);
        if (name == "cast") return; // Its option names the dtype.
        foreach (var sample in OpSamples.Of(op))
            foreach (var input in sample.Inputs.Where(p => op.IsWatched(p.Key, p.Value)).Select(p => p.Key))
                foreach (var scale in s_exempt.ContainsKey((name, input)) ? [] : new[] { 1e30, 1e15, 1e-15, 1e-30 })
                    AssertSame(op, sample.Select((n, x) => n == input ? x * scale : x), scale, $"{name} {sample.Options} with {input} times {scale}");
    }

    /// <summary>Without products of many elements, which leave the range on the way whenever they are taken in another order.</summary>
    public static TheoryData<string> OfOneInput => [.. OpTable.All.Where(o => o.IsDifferentiable && o.Name is not ("cast" or "prod" or "cumprod"))
        .Where(o => OpSamples.Of(o).All(s => s.Inputs.Count(p => o.IsWatched(p.Key, p.Value)) == 1)).Select(o => o.Name)];

    [Theory]
    [MemberData(nameof(OfOneInput))]
    public void Elements_of_all_sizes_beside_each_other_do_not_spoil_each_other(string name)
    {
        var op = OpSamples.Find(name);
        var sample = OpSamples.Of(op).First();
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            var random = new Generator((ulong)seed);
            // Powers of two of both signs: every size that float32 and bfloat16 have, with room for a sum of them.
            AssertSame(
                op, sample.Select((n, x) => op.IsWatched(n, x) ? x.Sign() * (Tensor.Rand(x.Shape, DType.Float64, -100, 100, generator: random) * Math.Log(2)).Exp() : x),
                Math.ScaleB(1, 100), $"{name}, seed {seed}");
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(8));
    }

    private static void AssertSame(OpEntry op, OpCase sample, double scale, string what)
    {
        // Both runs start from numbers that float32 holds exactly, so that they see the same inputs.
        var narrow = sample.Select((_, x) => x.DType.IsFloating() ? x.To(DType.Float32) : x);
        var wide = narrow.Select((_, x) => x.DType.IsFloating() ? x.To(DType.Float64) : x);
        var (actual, expected) = (op.Measure(narrow), op.Measure(wide));
        Assert.Equal(expected.Select(e => e.Name), actual.Select(a => a.Name));
        foreach (var ((result, b), (_, a)) in expected.Zip(actual))
        {
            var largest = b.Where(v => Math.Abs(v) <= float.MaxValue).Select(Math.Abs).DefaultIfEmpty(0).Max();
            var allowed = 1e-4 * largest + (s_cancelling.Contains(op.Name) ? 1e-5 * Math.Max(1, scale) : 0) + 4 * float.Epsilon;
            for (var i = 0; i < b.Length; i++)
            {
                var right = double.IsNaN(b[i]) ||
                    (Math.Abs(b[i]) <= float.MaxValue ? Math.Abs(a[i] - b[i]) <= allowed
                            // A derivative just beyond the range, times a cotangent below 1 that would bring it back.
                            || (Math.Abs(b[i]) > float.MaxValue / 1024 && a[i] == Math.CopySign(double.PositiveInfinity, b[i]) && result.StartsWith("gradient", StringComparison.Ordinal))
                        : a[i] == Math.CopySign(double.PositiveInfinity, b[i])
                            // A sum over positions or broadcast axes of terms that are infinite with both signs.
                            || (double.IsNaN(a[i]) && result.StartsWith("gradient", StringComparison.Ordinal)));
                Assert.True(right, $"{what}: {result} element {i} is {a[i]:G9} instead of {b[i]:G9}");
            }
        }
    }
}
