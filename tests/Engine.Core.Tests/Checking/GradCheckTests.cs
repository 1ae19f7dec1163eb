using Edifice.Engine.Autograd;
using Edifice.Engine.Checking;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Tests.Checking;

/// <summary>A check that cannot fail is worth nothing: every kind of fault must be found, and named.</summary>
public class GradCheckTests
{
    private static Tensor Normal(params int[] shape) => Tensor.Randn(shape, DType.Float64, generator: new Generator(4));

    private static GradCheckOptions Named(GradCheckMode mode = GradCheckMode.Auto, int order = 1) =>
        new() { Function = "f", InputNames = ["x", "w"], Mode = mode, Order = order };

    /// <summary>A function with a rule of its own, right or wrong.</summary>
    private sealed class Ruled(Func<Tensor, Tensor> forward, Func<Tensor, Tensor, Tensor> backward) : CustomFunction
    {
        protected override Tensor[] Forward(Tensor[] inputs)
        {
            Save(inputs[0]);
            return [forward(inputs[0])];
        }

        protected override Tensor?[] Backward(Tensor?[] cotangents) => [backward(Saved(0), cotangents[0]!)];

        public static Func<Tensor[], Tensor[]> Of(Func<Tensor, Tensor> forward, Func<Tensor, Tensor, Tensor> backward) =>
            x => new Ruled(forward, backward).Apply(x[0]);
    }

    private static void AssertFails(GradCheckResult result, params string[] words)
    {
        Assert.False(result.Passed, result.Report);
        foreach (var word in words) Assert.Contains(word, result.Report, StringComparison.Ordinal);
        Assert.Equal(result.Report, Assert.Throws<TensorException>(result.ThrowIfFailed).Message);
    }

    [Theory]
    [InlineData(GradCheckMode.Full)]
    [InlineData(GradCheckMode.Fast)]
    public void A_right_gradient_passes_and_shows_its_closest_entry(GradCheckMode mode)
    {
        var result = GradCheck.Run(x => [(x[0] * x[1]).Tanh(), x[0].Sum(0)], [Normal(2, 3), Normal(2, 1)], Named(mode, 2));
        Assert.True(result.Passed, result.Report);
        result.ThrowIfFailed();
        Assert.InRange(result.Worst!.Excess, 0, 1);
        Assert.True(result.Entries > 0);
        Assert.Contains(result.Worst.ToString(), result.Report, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(GradCheckMode.Full)]
    [InlineData(GradCheckMode.Fast)]
    public void A_gradient_off_by_a_millionth_is_found(GradCheckMode mode) => AssertFails(
        GradCheck.Run(Ruled.Of(x => x.Sin(), (x, g) => g * x.Cos() * (1 + 1e-6)), [Normal(3, 4)], Named(mode)), "f: failed", "d ");

    /// <summary>sin and, for order 2, its gradient's rule g cos x, each with the derivative it claims to have.</summary>
    private static Func<Tensor[], Tensor[]> Sine(Func<Tensor, Tensor, Tensor> gradient, Func<Tensor, Tensor, Tensor> gradientOfCosine) =>
        Ruled.Of(x => x.Sin(), (x, g) => gradient(g, Ruled.Of(y => y.Cos(), (y, u) => gradientOfCosine(u, y.Sin()))([x])[0]));

    private static Tensor Right(Tensor g, Tensor cos) => g * cos;

    private static Tensor RightAgain(Tensor u, Tensor sin) => -u * sin;

    public static TheoryData<string, GradCheckMode, int> Faults
    {
        get
        {
            var rows = new TheoryData<string, GradCheckMode, int>();
            foreach (var fault in new[] { "scale", "sign", "term", "missing" })
                foreach (var mode in new[] { GradCheckMode.Full, GradCheckMode.Fast })
                    foreach (var order in new[] { 1, 2 }) rows.Add(fault, mode, order);
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_wrong_derivative_is_found_in_either_order_and_mode_even_beside_terms_that_cancel(string fault, GradCheckMode mode, int order)
    {
        Tensor Spoil(Tensor right) => fault switch
        {
            "scale" => right * (1 + 1e-4),
            "sign" => -right,
            "term" => right - right.Sum() * 1e-4,
            _ => right.ZerosLike(),
        };
        var sine = order == 1 ? Sine((g, c) => Spoil(Right(g, c)), RightAgain) : Sine(Right, (u, s) => Spoil(RightAgain(u, s)));
        var result = GradCheck.Run(x => [sine(x[..1])[0] + Invariant(x[1], 100)], [Normal(4, 5), Normal(1)], Named(mode, order));
        AssertFails(result, "d ", "/ d x[");
        Assert.Equal(order, result.Worst!.Order);
        Assert.All(result.Failures.Where(f => f.StartsWith("d ", StringComparison.Ordinal)), f => Assert.DoesNotContain("/ d w", f, StringComparison.Ordinal));
        Assert.True(GradCheck.Run(x => [Sine(Right, RightAgain)(x[..1])[0] + Invariant(x[1], 100)], [Normal(4, 5), Normal(1)], Named(mode, order)).Passed);
    }

    /// <summary>Does not depend on w in mathematics (a softmax does not see what is added to all of its scores); its gradient by w is a
    /// sum of terms of the given size that cancel.</summary>
    private static Tensor Invariant(Tensor w, double size)
    {
        var random = new Generator(12);
        Tensor Fixed(params int[] shape) => Tensor.Randn(shape, DType.Float64, generator: random);
        return (Fixed(4, 30) + w.Sin()).Softmax().MatMul(Fixed(30, 5)) * size;
    }

    [Theory]
    [InlineData(GradCheckMode.Full)]
    [InlineData(GradCheckMode.Fast)]
    public void A_derivative_of_zero_whose_terms_cancel_passes_to_second_order_whatever_their_size(GradCheckMode mode)
    {
        foreach (var size in new[] { 1, 1e3, 1e6 })
        {
            var result = GradCheck.Run(x => [Invariant(x[0], size)], [Normal(1)], Named(mode, 2));
            Assert.True(result.Passed, result.Report);
        }
    }

    [Theory]
    [InlineData(GradCheckMode.Full)]
    [InlineData(GradCheckMode.Fast)]
    public void Steepness_is_told_from_a_wrong_derivative(GradCheckMode mode)
    {
        // Truncation of a central difference at this slope is about 1e-6 of it, as large as the fault.
        Assert.True(GradCheck.Run(x => [(x[0] * 2500).Sin()], [Normal(3, 4)], Named(mode, 2)).Passed);
        AssertFails(GradCheck.Run(Ruled.Of(x => (x * 2500).Sin(), (x, g) => g * (x * 2500).Cos() * 2500 * (1 + 1e-6)), [Normal(3, 4)], Named(mode)), "d ");
    }

    [Theory]
    [InlineData(GradCheckMode.Full)]
    [InlineData(GradCheckMode.Fast)]
    public void Values_rounded_more_coarsely_than_float64_are_found(GradCheckMode mode) => AssertFails(
        GradCheck.Run(x => [x[0].To(DType.Float32).Sin().To(DType.Float64)], [Normal(3, 4)], Named(mode)), "d ");

    [Fact]
    public void Large_inputs_moved_along_a_direction_move_by_what_is_meant()
    {
        var result = GradCheck.Run(x => [(x[0] * 1e-6).Sin(), x[0] * 3], [Normal(30, 40) * 1e6], Named(GradCheckMode.Fast, 2));
        Assert.True(result.Passed, result.Report);
        Assert.InRange(result.Worst!.Excess, 0, 0.5);
    }

    [Theory]
    [InlineData(GradCheckMode.Full)]
    [InlineData(GradCheckMode.Fast)]
    public void One_wrong_element_is_found_and_named_with_both_values_tolerance_and_step(GradCheckMode mode)
    {
        var wrong = Tensor.Ones([4, 5], DType.Float64);
        wrong.Select(0, 2).Select(0, 3).FillInPlace(1.5);
        var result = GradCheck.Run(Ruled.Of(x => x * 2, (_, g) => g * 2 * wrong), [Normal(4, 5)], Named(mode));
        AssertFails(result, "x[2, 3]", "analytic", "numeric", "allowed", "step");
        Assert.Single(result.Failures);
        Assert.Equal(result.Worst!.Analytic, 1.5 * result.Worst.Numeric, 1e-6);
    }

    [Fact]
    public void A_large_function_is_checked_by_projection_and_a_fault_in_it_is_still_located()
    {
        var right = GradCheck.Run(x => [x[0].Softmax()], [Normal(40, 50)], Named(order: 2));
        Assert.True(right.Passed, right.Report);
        Assert.True(right.Entries < 20);
        var wrong = Tensor.Ones([40, 50], DType.Float64);
        wrong.Select(0, 3).Select(0, 7).FillInPlace(1.5);
        AssertFails(GradCheck.Run(Ruled.Of(x => x.Exp(), (x, g) => g * x.Exp() * wrong), [Normal(40, 50)], Named()), "x[3, 7]");
    }

    [Fact]
    public void A_fault_beyond_the_elements_looked_at_one_by_one_is_reported_along_the_direction()
    {
        var wrong = Tensor.Ones([40, 50], DType.Float64);
        wrong.Select(0, 39).Select(0, 49).FillInPlace(1.5);
        AssertFails(GradCheck.Run(Ruled.Of(x => x.Exp(), (x, g) => g * x.Exp() * wrong), [Normal(40, 50)], Named()), "x along a random direction");
    }

    [Fact]
    public void A_gradient_that_cuts_its_own_graph_passes_to_first_order_only()
    {
        var f = Ruled.Of(x => x.Exp(), (x, g) => g * x.Exp().Detach());
        Assert.True(GradCheck.Run(f, [Normal(2, 2)], Named()).Passed);
        AssertFails(GradCheck.Run(f, [Normal(2, 2)], Named(order: 2)), "gradient of x", "x[");
    }

    [Fact]
    public void A_result_that_is_not_on_the_tape_is_found() =>
        AssertFails(GradCheck.Run(x => [x[0].Detach() * 2], [Normal(2, 2)], Named()), "analytic 0,", "numeric 2");

    [Fact]
    public void A_gradient_that_is_not_finite_is_found()
    {
        // 0 · NaN inside the rule of the root.
        var x = Tensor.FromArray([-1.0, 4]);
        var f = (Tensor[] t) => new[] { Tensor.Where(t[0] > 0, t[0].Sqrt(), t[0].ZerosLike()) };
        AssertFails(GradCheck.Run(f, [x], Named()), "NaN", "x[0]");
        Assert.True(GradCheck.Run(t => [Tensor.Where(t[0] > 0, Tensor.Where(t[0] > 0, t[0], t[0].OnesLike()).Sqrt(), t[0].ZerosLike())], [x], Named(order: 2)).Passed);
    }

    [Fact]
    public void Infinite_results_that_do_not_move_are_no_fault()
    {
        var x = Tensor.FromArray([1.0, 4]);
        foreach (var mode in new[] { GradCheckMode.Full, GradCheckMode.Fast })
        {
            var result = GradCheck.Run(t => [t[0].MaskedFill(x > 2, double.NegativeInfinity)], [x], Named(mode));
            Assert.True(result.Passed, result.Report);
        }
    }

    [Fact]
    public void Inputs_the_results_do_not_depend_on_have_gradient_zero()
    {
        var result = GradCheck.Run(x => [x[0] * 2], [Normal(2), Normal(3)], Named(order: 2));
        Assert.True(result.Passed, result.Report);
        AssertFails(GradCheck.Run(x => [x[0] * 2 + x[1].Detach().Sum()], [Normal(2), Normal(3)], Named()), "w[");
    }

    [Fact]
    public void Empty_inputs_and_results_pass()
    {
        Assert.True(GradCheck.Run(x => [x[0].Exp()], [Normal(0, 3)], Named(order: 2)).Passed);
        Assert.True(GradCheck.Run(x => [x[0].Sum(1)], [Normal(3, 0)], Named(order: 2)).Passed);
        Assert.True(GradCheck.Run(x => [Tensor.Cat([x[0], x[1]])], [Normal(0, 2), Normal(2, 2)], Named(order: 2)).Passed);
        Assert.True(GradCheck.Run(x => [x[0] * x[1]], [Normal(0, 2), Normal(2)], Named(GradCheckMode.Fast, 2)).Passed);
    }

    [Fact]
    public void Inputs_of_any_strides_are_checked_with_these_strides()
    {
        var seen = new HashSet<string>();
        var f = (Tensor[] x) =>
        {
            seen.Add(string.Join(",", x[0].Strides.ToArray()));
            return new[] { x[0].Sin() };
        };
        Assert.True(GradCheck.Run(f, [Normal(3, 4).Transpose()], Named(order: 2)).Passed);
        Assert.Equal(["1,4"], seen);
        seen.Clear();
        Assert.True(GradCheck.Run(f, [Normal(3, 8).Slice(1, step: -2)], Named(order: 2)).Passed);
        Assert.Equal(["8,-2"], seen);
        Assert.True(GradCheck.Run(f, [Normal(1, 4).Expand(3, 4)], Named(order: 2)).Passed);
    }

    [Fact]
    public void Inputs_that_are_not_floating_or_named_fixed_stay_as_they_are()
    {
        var index = Tensor.FromArray<long>([1, 0, 1]);
        var f = (Tensor[] x) => new[] { x[0].IndexSelect(0, x[1]) * x[2].Detach() };
        Assert.False(GradCheck.Run(f, [Normal(2), index, Normal(3)]).Passed);
        Assert.True(GradCheck.Run(f, [Normal(2), index, Normal(3)], new GradCheckOptions { Fixed = [2] }).Passed);
    }

    [Fact]
    public void Single_precision_inputs_are_refused_unless_fixed()
    {
        var e = Assert.Throws<TensorException>(() => GradCheck.Run(x => [x[0] * 2], [Tensor.Ones([2])], Named()));
        Assert.Contains("x must be Float64", e.Message, StringComparison.Ordinal);
        var result = GradCheck.Run(x => [x[0] * x[1].To(DType.Float64)], [Normal(2), Tensor.Ones([2])], new GradCheckOptions { Fixed = [1] });
        Assert.True(result.Passed, result.Report);
    }

    [Fact]
    public void A_function_that_changes_from_call_to_call_is_found()
    {
        var calls = 0;
        AssertFails(GradCheck.Run(x => [x[0] * 2 + 1e-9 * calls++], [Normal(2)], Named()), "two runs on the same inputs");
    }

    [Fact]
    public void A_backward_pass_that_changes_from_run_to_run_is_found()
    {
        var calls = 0;
        AssertFails(GradCheck.Run(Ruled.Of(x => x * 2, (_, g) => g * (2 + 1e-14 * calls++)), [Normal(2)], Named()), "two backward passes");
    }

    [Fact]
    public void A_rule_that_misreads_a_strided_or_a_repeated_cotangent_is_found()
    {
        AssertFails(GradCheck.Run(Ruled.Of(x => x * 2, (_, g) => g * (g.IsContiguous ? 2 : 3)), [Normal(2, 3)], Named()), "a strided cotangent");
        AssertFails(GradCheck.Run(Ruled.Of(x => x * 2, (_, g) => g * (g.Strides[0] == 0 ? 3 : 2)), [Normal(2, 3)], Named()), "a cotangent of stride 0");
    }

    [Fact]
    public void A_graph_of_the_gradient_that_gives_other_numbers_is_found() => AssertFails(
        GradCheck.Run(Ruled.Of(x => x * 2, (_, g) => g * (GradMode.IsOn ? 2.001 : 2)), [Normal(2, 3)], Named(order: 2)), "with a graph of the gradient");

    [Fact]
    public void Random_numbers_repeat_and_the_callers_stream_goes_on_as_if_nothing_had_happened()
    {
        Generator.Seeded(8);
        var expected = Generator.Current.NextDouble();
        Generator.Seeded(8);
        var result = GradCheck.Run(x => [x[0].Dropout(0.4)], [Normal(4, 4)], Named(order: 2));
        Assert.True(result.Passed, result.Report);
        Assert.Equal(expected, Generator.Current.NextDouble());
    }

    [Fact]
    public void The_callers_tensors_are_left_alone()
    {
        var x = Normal(3, 4).RequiresGrad();
        var before = x.ToArray<double>();
        Assert.True(GradCheck.Run(t => [t[0].Exp()], [x], Named(order: 2)).Passed);
        Assert.Equal(before, x.ToArray<double>());
        Assert.Null(x.Grad);
        using (Tensor.NoGrad()) Assert.True(GradCheck.Run(t => [t[0].Exp()], [x], Named(order: 2)).Passed);
    }

    [Fact]
    public void Senseless_options_are_refused()
    {
        Assert.Throws<TensorException>(() => GradCheck.Run(x => x, [Normal(2)], Named(order: 3)));
        Assert.Throws<TensorException>(() => GradCheck.Run(x => x, [Normal(2)], new GradCheckOptions { Step = 0 }));
    }

    [Fact]
    public void Steep_and_large_functions_pass_at_the_default_tolerances()
    {
        Assert.True(GradCheck.Run(x => [(x[0] * 30).Sin() * 1000], [Normal(5)], Named(order: 2)).Passed);
        Assert.True(GradCheck.Run(x => [x[0].Log()], [Tensor.FromArray([1e-2, 1, 1e6])], Named(order: 2)).Passed);
        Assert.True(GradCheck.Run(x => [x[0].Exp()], [Tensor.FromArray([-20.0, 0, 20])], Named(order: 2)).Passed);
    }

    [Fact]
    public void An_op_without_samples_fails()
    {
        var result = GradCheck.RunOp(new OpEntry("bare", c => c["x"]));
        Assert.False(result.Passed);
        Assert.Contains("no samples", result.Report, StringComparison.Ordinal);
    }

    [Fact]
    public void An_op_is_checked_on_every_sample_and_the_report_names_op_sample_and_input()
    {
        var op = new OpEntry("half_wrong", c => Ruled.Of(x => x.Sin(), (x, g) => c.Options.Bool("wrong", false) ? g : g * x.Cos())([c["x"]])[0],
            () => OpCase.Of(("x", Normal(2))), () => OpCase.Of("""{"wrong": true}""", ("x", Normal(2))));
        var result = GradCheck.RunOp(op);
        Assert.Equal([true, false], result.Samples.Select(s => s.Passed));
        Assert.Contains("half_wrong sample 1", result.Report, StringComparison.Ordinal);
        Assert.Contains("x[", result.Report, StringComparison.Ordinal);
        Assert.True(result.Worst!.Excess > 1);
    }

    [Fact]
    public void An_op_that_calls_itself_not_differentiable_must_stay_off_the_tape()
    {
        var op = new OpEntry("liar", c => c["x"] * 2, () => OpCase.Of(("x", Normal(2)))) { IsDifferentiable = false };
        Assert.Contains("on the tape", GradCheck.RunOp(op).Report, StringComparison.Ordinal);
        Assert.True(GradCheck.RunOp(OpTable.Find("argmax")!).Passed);
    }
}
