using Edifice.Engine;
using Edifice.Nn;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Edifice.Tests.Nn;

public class InitializerTests
{
    /// <summary>Enough draws that a wrong mean or variance stands out by dozens of standard errors.</summary>
    private static readonly Shape s_large = [120, 250];

    public static TheoryData<string> Names() => [.. All().Select(i => i.Name)];

    private static (string Name, Initializer Rule, double Std, double Bound)[] All()
    {
        const double fanIn = 250, fanOut = 120, unbounded = double.PositiveInfinity;
        static double UniformStd(double bound) => bound / Math.Sqrt(3);
        double xavier = Math.Sqrt(6 / (fanIn + fanOut)), kaiming = Math.Sqrt(6 / fanIn);
        return
        [
            ("xavier uniform", Initializer.XavierUniform(), UniformStd(xavier), xavier),
            ("xavier uniform, gain 2", Initializer.XavierUniform(2), UniformStd(2 * xavier), 2 * xavier),
            ("xavier normal", Initializer.XavierNormal(), Math.Sqrt(2 / (fanIn + fanOut)), unbounded),
            ("kaiming uniform", Initializer.KaimingUniform(), UniformStd(kaiming), kaiming),
            ("kaiming normal", Initializer.KaimingNormal(), Math.Sqrt(2 / fanIn), unbounded),
            ("fan-in uniform", Initializer.FanInUniform, UniformStd(1 / Math.Sqrt(fanIn)), 1 / Math.Sqrt(fanIn)),
            ("normal", Initializer.Normal(0.02), 0.02, unbounded),
            // A standard normal cut at ±2 has the standard deviation 0.8796.
            ("truncated normal", Initializer.TruncatedNormal(0.5), 0.5 * 0.87962566, 1),
            ("fan-in truncated normal", Initializer.FanInTruncatedNormal(), 1 / Math.Sqrt(fanIn), 2 / Math.Sqrt(fanIn) / 0.87962566),
            ("uniform", Initializer.Uniform(-0.3, 0.3), UniformStd(0.3), 0.3),
            // Rows of an orthogonal matrix have length 1.
            ("orthogonal", Initializer.Orthogonal(), 1 / Math.Sqrt(fanIn), 1),
        ];
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Values_have_the_spread_and_the_bounds_of_the_rule(string name)
    {
        var (_, rule, std, bound) = All().Single(i => i.Name == name);
        var values = rule.Create(s_large, Float64(1)).ToArray<double>();
        var root = Math.Sqrt(values.Length);
        Assert.InRange(values.Average(), -5 * std / root, 5 * std / root);
        Assert.InRange(Math.Sqrt(values.Average(v => v * v)), std * (1 - 5 / root), std * (1 + 5 / root));
        Assert.All(values, v => Assert.InRange(Math.Abs(v), 0, bound));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_skipped_rule_leaves_0_and_its_stream_alone(string name)
    {
        var options = Float64(7) with { SkipInit = true };
        var before = options.Generator!.Save();
        Assert.All(All().Single(i => i.Name == name).Rule.Create([6, 5], options).ToArray<double>(), v => Assert.Equal(0, v));
        Assert.Equal(before, options.Generator.Save());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_same_stream_gives_the_same_values_and_the_next_draw_others(string name)
    {
        var rule = All().Single(i => i.Name == name).Rule;
        var options = Float64(7);
        Tensor first = rule.Create([6, 5], options), second = rule.Create([6, 5], options);
        Agreement.Bits(first, rule.Create([6, 5], Float64(7)), name);
        Assert.NotEqual(first.ToArray<double>(), second.ToArray<double>());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Float32_draws_the_numbers_of_float64_up_to_rounding(string name)
    {
        var rule = All().Single(i => i.Name == name).Rule;
        var wide = rule.Create([6, 5], Float64(7)).ToArray<double>();
        var narrow = rule.Create([6, 5], new ParameterOptions { Generator = new Generator(7) }).ToArray<float>();
        for (var i = 0; i < wide.Length; i++) Assert.Equal(wide[i], narrow[i], 1e-6 * (1 + Math.Abs(wide[i])));
    }

    [Fact]
    public void Fans_count_the_taps_of_a_kernel()
    {
        Assert.Equal(new Fans(3, 2), Fans.Of([2, 3]));
        Assert.Equal(new Fans(3 * 20, 2 * 20), Fans.Of([2, 3, 4, 5]));
        Assert.Equal(new Fans(7, 1), Fans.Of([7]));
    }

    [Fact]
    public void A_bias_is_bounded_by_the_fans_of_its_weight()
    {
        var layer = new Linear(400, 300, options: Float64(1));
        Assert.All(layer.Bias!.Value.ToArray<double>(), b => Assert.InRange(Math.Abs(b), 0, 0.05));
        Assert.Contains(layer.Bias.Value.ToArray<double>(), b => Math.Abs(b) > 0.04);
        Assert.All(new Linear(4, 3, init: LinearInit.Xavier).Bias!.Value.ToArray<float>(), b => Assert.Equal(0, b));
    }

    [Property]
    public Property Orthogonal_matrices_have_orthonormal_shorter_sides() => Prop.ForAll(
        (from rows in Gen.Choose(1, 40) from columns in Gen.Choose(1, 40) from seed in Gen.Choose(0, 1000) select (rows, columns, seed)).ToArbitrary(),
        c =>
        {
            var q = Initializer.Orthogonal().Create([c.rows, c.columns], Float64((ulong)c.seed)).ToArray<double>();
            var n = Math.Min(c.rows, c.columns);
            for (var i = 0; i < n; i++)
                for (var j = 0; j < n; j++)
                {
                    var dot = 0.0;
                    for (var k = 0; k < Math.Max(c.rows, c.columns); k++)
                        dot += c.rows <= c.columns
                            ? q[i * c.columns + k] * q[j * c.columns + k]
                            : q[k * c.columns + i] * q[k * c.columns + j];
                    Assert.Equal(i == j ? 1 : 0, dot, 1e-13);
                }
        });

    [Fact]
    public void Orthogonal_matrices_are_spread_evenly()
    {
        // Without the sign rule Q's diagonal would lean to one side; with it every entry of a 3 × 3 matrix has mean 0.
        var sums = new double[9];
        const int draws = 2000;
        var options = Float64(11);
        for (var t = 0; t < draws; t++)
        {
            var q = Initializer.Orthogonal().Create([3, 3], options).ToArray<double>();
            for (var i = 0; i < 9; i++) sums[i] += q[i];
        }

        Assert.All(sums, s => Assert.InRange(s / draws, -5 / Math.Sqrt(3.0 * draws), 5 / Math.Sqrt(3.0 * draws)));
    }

    [Fact]
    public void The_gain_scales_and_trailing_axes_count_as_columns()
    {
        var q = Initializer.Orthogonal(3).Create([2, 3, 4], Float64(1)).ToArray<double>();
        Assert.Equal(9, q.Take(12).Sum(v => v * v), 1e-12);
        Assert.Equal(0, q.Take(12).Zip(q.Skip(12), (a, b) => a * b).Sum(), 1e-12);
        Assert.Throws<TensorException>(() => Initializer.Orthogonal().Create([5]));
    }

    [Fact]
    public void Rules_make_empty_tensors_too()
    {
        foreach (var (_, rule, _, _) in All()) Assert.Equal(0, rule.Create([0, 4], Float64(1)).Count);
    }

    [Fact]
    public void A_rule_applied_to_a_parameter_redraws_it_in_place()
    {
        var layer = new Linear(6, 5, options: Float64(1));
        Initializer.Normal(0.1).Apply(layer.Weight, new Generator(3));
        Agreement.Bits(Initializer.Normal(0.1).Create([5, 6], Float64(3)), layer.Weight.Value, "weight");
    }

    private static ParameterOptions Float64(ulong seed) => new() { DType = DType.Float64, Generator = new Generator(seed) };
}
