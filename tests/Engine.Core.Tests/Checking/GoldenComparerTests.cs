using Edifice.Engine.Checking;
using Edifice.Engine.Serialization;

namespace Edifice.Engine.Tests.Checking;

public sealed class GoldenComparerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static GoldenVerdict Compare(double[] actual, double[] golden, GoldenTolerance tolerance)
    {
        var comparer = new GoldenComparer("case", DType.Float64);
        comparer.Compare("out.y", Tensor.FromArray(actual), Tensor.FromArray(golden), tolerance);
        return comparer.Verdict();
    }

    [Fact]
    public void Equal_values_agree_infinities_included()
    {
        Assert.True(Compare([1, double.NegativeInfinity, 0], [1, double.NegativeInfinity, -0.0], GoldenTolerance.Exact).Agrees);
        Assert.False(Compare([double.PositiveInfinity], [double.NegativeInfinity], GoldenTolerance.Exact).Agrees);
        Assert.False(Compare([1e300], [double.PositiveInfinity], GoldenTolerance.Exact).Agrees);
        Assert.False(Compare([double.PositiveInfinity], [1e300], GoldenTolerance.Exact).Agrees);
    }

    [Fact]
    public void NaN_agrees_with_NaN_in_special_cases_alone()
    {
        Assert.False(Compare([double.NaN], [double.NaN], GoldenTolerance.Exact).Agrees);
        Assert.True(Compare([double.NaN], [double.NaN], GoldenTolerance.Special("exp", DType.Float64)).Agrees);
        Assert.False(Compare([double.NaN], [1], GoldenTolerance.Special("exp", DType.Float64)).Agrees);
        Assert.False(Compare([1], [double.NaN], GoldenTolerance.Special("exp", DType.Float64)).Agrees);
    }

    [Theory]
    [InlineData(1, 1.09e-8, 1.11e-8)]
    [InlineData(0, 0.99e-9, 1.01e-9)]
    [InlineData(-1000, 1.0e-5, 1.01e-5)]
    public void Float64_is_held_to_a_part_of_each_element(double golden, double within, double beyond)
    {
        Assert.True(Compare([golden + within], [golden], GoldenTolerance.Exact).Agrees);
        Assert.False(Compare([golden + beyond], [golden], GoldenTolerance.Exact).Agrees);
    }

    [Fact]
    public void Float32_is_held_to_a_part_of_the_largest_element()
    {
        var results = GoldenTolerance.Result(DType.Float32);
        Assert.True(Compare([0.00099, 10], [0, 10], results).Agrees);
        Assert.False(Compare([0.00101, 10], [0, 10], results).Agrees);
        Assert.True(Compare([0.00099, 10, double.NegativeInfinity], [0, 10, double.NegativeInfinity], results).Agrees);
        Assert.False(Compare([0.00101, 10, double.NegativeInfinity], [0, 10, double.NegativeInfinity], results).Agrees);
        var gradients = GoldenTolerance.Gradient(DType.Float32, 100);
        Assert.True(Compare([0.99e-4], [0], gradients).Agrees);
        Assert.False(Compare([1.01e-4], [0], gradients).Agrees);
        Assert.Equal(GoldenTolerance.Exact, GoldenTolerance.Gradient(DType.Float64, 100));
    }

    [Fact]
    public void Shapes_may_differ_by_axes_of_extent_one_alone()
    {
        var comparer = new GoldenComparer("case", DType.Float64);
        comparer.Compare("out.y", Tensor.Scalar(2, DType.Float64), Tensor.FromArray([2.0]), GoldenTolerance.Exact);
        comparer.Compare("out.z", Tensor.Ones([1, 3], DType.Float64), Tensor.Ones([3], DType.Float64), GoldenTolerance.Exact);
        Assert.True(comparer.Verdict().Agrees);
        comparer.Compare("out.w", Tensor.Ones([3, 2], DType.Float64), Tensor.Ones([2, 3], DType.Float64), GoldenTolerance.Exact);
        Assert.Contains("out.w", comparer.Verdict().Report, StringComparison.Ordinal);
    }

    [Fact]
    public void The_verdict_names_tensor_element_both_values_and_tolerance()
    {
        var verdict = Compare([1, 2.5, 3, 5], [1, 2, 3, 4], GoldenTolerance.Exact);
        Assert.False(verdict.Agrees);
        Assert.Equal("out.y[3]: 5, golden 4, difference 1, allowed 4.1E-08 (2 of 4 values)", Assert.Single(verdict.Failures));
        Assert.Equal(("out.y", 5.0, 4.0), (verdict.Worst!.Tensor, verdict.Worst.Actual, verdict.Worst.Golden));
        Assert.Equal(4, verdict.Compared);
    }

    [Fact]
    public void A_missing_gradient_counts_as_zero()
    {
        var comparer = new GoldenComparer("case", DType.Float64);
        comparer.Compare("grad.x", null, Tensor.Zeros([2], DType.Float64), GoldenTolerance.Exact);
        Assert.True(comparer.Verdict().Agrees);
        comparer.Compare("grad.y", null, Tensor.Ones([2], DType.Float64), GoldenTolerance.Exact);
        Assert.False(comparer.Verdict().Agrees);
    }

    [Fact]
    public void A_run_that_compared_nothing_does_not_agree() => Assert.False(new GoldenComparer("case", DType.Float32).Verdict().Agrees);

    [Fact]
    public void Parameters_after_a_run_are_compared_by_how_far_they_moved()
    {
        Tensor start = Tensor.Zeros([2], DType.Float64), end = Tensor.FromArray([3.0, 4]);
        foreach (var (off, agrees) in new[] { (0.099, true), (0.101, false), (double.NaN, false) })
        {
            var comparer = new GoldenComparer("case", DType.Float32);
            comparer.Movement([(end + Tensor.FromArray([off, 0]), end, start)]);
            Assert.Equal(agrees, comparer.Verdict().Agrees);
        }
    }

    private string Write(string name, Dictionary<string, string> metadata, params (string Name, Tensor Value)[] tensors)
    {
        var path = _folder.At(name + ".safetensors");
        SafetensorsFile.Write(path, tensors.Select(t => KeyValuePair.Create(t.Name, t.Value)), metadata);
        return path;
    }

    private static Tensor F64(params double[] values) => Tensor.FromArray(values);

    [Fact]
    public void A_wrong_value_and_a_wrong_gradient_are_found()
    {
        var metadata = new Dictionary<string, string> { ["op"] = "square", ["options"] = "{}" };
        using var right = GoldenFile.Open(Write("op-square-right", metadata, ("in.x", F64(3, 4)), ("out.out", F64(9, 16)), ("cotangent.out", F64(1, 2)), ("grad.x", F64(6, 16))));
        Assert.True(GoldenRunner.RunOp(right, DType.Float64).Agrees);
        Assert.True(GoldenRunner.RunOp(right, DType.Float32).Agrees);
        using var value = GoldenFile.Open(Write("op-square-value", metadata, ("in.x", F64(3, 4)), ("out.out", F64(9, 17))));
        Assert.Contains("out.out[1]", GoldenRunner.RunOp(value, DType.Float64).Report, StringComparison.Ordinal);
        using var gradient = GoldenFile.Open(Write("op-square-gradient", metadata, ("in.x", F64(3, 4)), ("out.out", F64(9, 16)), ("cotangent.out", F64(1, 2)), ("grad.x", F64(6, 8))));
        Assert.Contains("grad.x[1]", GoldenRunner.RunOp(gradient, DType.Float32).Report, StringComparison.Ordinal);
        using var missing = GoldenFile.Open(Write("op-square-missing", metadata, ("in.x", F64(3)), ("out.other", F64(9))));
        Assert.Contains("out.other", GoldenRunner.RunOp(missing, DType.Float64).Report, StringComparison.Ordinal);
    }

    [Fact]
    public void The_files_own_dtype_and_kind_decide()
    {
        using var single = GoldenFile.Open(Write("op-exp-special-f32", new() { ["op"] = "exp", ["dtype"] = "f32" }, ("in.x", F64(89)), ("out.out", F64(double.PositiveInfinity))));
        Assert.True(single.IsSpecial);
        Assert.Equal(DType.Float32, single.DType);
        Assert.True(GoldenRunner.RunOp(single, DType.Float64).Agrees);
        using var training = GoldenFile.Open(Write("train-x", new() { ["block"] = "gla", ["kind"] = "train", ["steps"] = "12", ["options"] = """{"a": 1}""" }, ("in.x", F64(1)), ("param.w.a", F64(1))));
        Assert.Equal(("gla", "train", 12, 1), (training.Block, training.Kind, training.Number("steps"), training.Options.Int("a", 0)));
        Assert.Equal(["w.a"], training.Names("param"));
        Assert.True(training.Has("in.x"));
        Assert.Throws<TensorException>(() => training.Number("optimizer"));
        Assert.Throws<TensorException>(() => GoldenRunner.RunOp(training, DType.Float64));
        Assert.Throws<TensorException>(() => GoldenFile.Open(Write("op-a", new() { ["dtype"] = "f16" }, ("in.x", F64(1)))));
        using var unknown = GoldenFile.Open(Write("op-nothing-a", new() { ["op"] = "nothing" }, ("in.x", F64(1))));
        Assert.Contains("nothing", Assert.Throws<TensorException>(() => GoldenRunner.RunOp(unknown, DType.Float64)).Message, StringComparison.Ordinal);
    }
}
