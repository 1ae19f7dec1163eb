using Edifice.Engine.Autograd;

namespace Edifice.Engine.Tests.Autograd;

public class BackwardTests
{
    private static Tensor Leaf(params double[] values) => Tensor.FromArray(values).RequiresGrad();

    private static double[] Values(Tensor? x) => x!.ToArray<double>();

    [Fact]
    public void A_chain_of_a_million_ops_goes_back_without_recursion()
    {
        var x = Tensor.Scalar(1, DType.Float64).RequiresGrad();
        var y = x;
        for (var i = 0; i < 1_000_000; i++) y += 1;
        y.Backward();
        Assert.Equal(1, x.Grad!.Item());
    }

    [Fact]
    public void Cotangents_of_a_tensor_that_is_used_several_times_add_up()
    {
        var x = Leaf(2, -3);
        (x * x + x * 3 - x).Sum().Backward();
        Assert.Equal([2 * 2 + 2.0, 2 * -3 + 2.0], Values(x.Grad));
    }

    [Fact]
    public void A_wide_fan_out_and_fan_in_visits_every_op_once()
    {
        // 2^40 paths lead from y to x; each of the forty ops must run its rule once.
        var x = Leaf(1);
        var y = x;
        for (var i = 0; i < 40; i++) y += y;
        y.Sum().Backward();
        Assert.Equal([Math.Pow(2, 40)], Values(x.Grad));
    }

    [Fact]
    public void Two_passes_add_their_gradients_up_and_a_cleared_one_starts_anew()
    {
        var x = Leaf(1, 2);
        (x * 3).Sum().Backward();
        (x * 4).Sum().Backward();
        Assert.Equal([7.0, 7], Values(x.Grad));
        x.Grad = null;
        (x * 5).Sum().Backward();
        Assert.Equal([5.0, 5], Values(x.Grad));
    }

    [Fact]
    public void Leaves_that_share_one_cotangent_have_gradients_of_their_own()
    {
        foreach (var graph in new[] { false, true })
        {
            Tensor a = Leaf(1, 2), b = Leaf(3, 4), seed = Tensor.FromArray([1.0, 10]);
            (a + b).Backward(seed, createGraph: graph);
            (a * 2).Backward(seed);
            Assert.Equal([3.0, 30], Values(a.Grad));
            Assert.Equal([1.0, 10], Values(b.Grad));
            Assert.Equal([1.0, 10], Values(seed));
        }
    }

    [Fact]
    public void Gradients_as_values_belong_to_the_caller()
    {
        Tensor a = Leaf(1, 2), b = Leaf(3, 4), seed = Tensor.FromArray([1.0, 10]);
        var g = Gradients.Of([a + b.Reshape(2)], [a, b], [seed])!;
        using (Tensor.NoGrad()) g[0]!.MulInPlace(2);
        Assert.Equal([1.0, 10], Values(g[1]));
        Assert.Equal([1.0, 10], Values(seed));
        g[0]!.Dispose();
        Assert.Equal([1.0, 10], Values(g[1]));
    }

    [Fact]
    public void Accumulation_leaves_a_gradient_that_somebody_looks_at_as_it_was()
    {
        var x = Leaf(1, 2);
        (x * 3).Sum().Backward();
        using var view = x.Grad!.Reshape(2, 1);
        (x * 4).Sum().Backward();
        Assert.Equal([3.0, 3], Values(view));
        Assert.Equal([7.0, 7], Values(x.Grad));
    }

    [Fact]
    public void A_second_pass_over_a_freed_graph_is_an_error_that_names_the_op_and_the_way_out()
    {
        var x = Leaf(1, 2);
        var y = x.Exp();
        y.Backward(y.OnesLike());
        var e = Assert.Throws<AutogradException>(() => y.Backward(y.OnesLike()));
        Assert.Contains("exp", e.Message, StringComparison.Ordinal);
        Assert.Contains("retainGraph: true", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_retained_graph_serves_any_number_of_passes_with_the_same_bits()
    {
        var x = Leaf(0.3, -0.7);
        var y = x.Exp() * x.Tanh();
        var seed = Tensor.FromArray([0.1, 0.2]);
        var first = Values(Gradients.Of([y], [x], [seed], retainGraph: true)[0]);
        for (var i = 0; i < 3; i++) Assert.Equal(first, Values(Gradients.Of([y], [x], [seed], retainGraph: true)[0]));
    }

    [Fact]
    public void A_pass_from_one_of_two_results_leaves_the_other_ones_part_of_the_graph()
    {
        var x = Leaf(2);
        var shared = x * x;
        Tensor left = shared.Exp(), right = shared.Sin();
        left.Backward(left.OnesLike(), retainGraph: true);
        right.Backward(right.OnesLike());
        Assert.Equal(4 * Math.Exp(4) + 4 * Math.Cos(4), x.Grad!.Item(), 1e-12);
    }

    [Fact]
    public void An_unused_input_is_an_error_or_null_as_asked()
    {
        Tensor x = Leaf(1), z = Leaf(1);
        var e = Assert.Throws<TensorException>(() => Gradients.Of([x * 2], [x, z]));
        Assert.Contains("input 1", e.Message, StringComparison.Ordinal);
        Assert.Contains("allowUnused", e.Message, StringComparison.Ordinal);
        var g = Gradients.Of([x * 2], [x, z], allowUnused: true);
        Assert.Equal([2.0], Values(g[0]));
        Assert.Null(g[1]);
    }

    [Fact]
    public void Gradients_as_values_touch_no_leaf()
    {
        Tensor x = Leaf(1), w = Leaf(2);
        Gradients.Of([x * w], [x]);
        Assert.Null(x.Grad);
        Assert.Null(w.Grad);
    }

    [Fact]
    public void Gradients_of_inner_tensors_and_of_the_result_itself_are_to_be_had()
    {
        var x = Leaf(3);
        var h = x * x;
        var y = h * 5;
        var g = Gradients.Of([y], [y, h, x]);
        Assert.Equal([1.0], Values(g[0]));
        Assert.Equal([5.0], Values(g[1]));
        Assert.Equal([30.0], Values(g[2]));
    }

    [Fact]
    public void The_same_input_named_twice_has_its_gradient_twice()
    {
        var x = Leaf(3);
        var g = Gradients.Of([x * x], [x, x]);
        Assert.Equal([6.0], Values(g[0]));
        Assert.Equal([6.0], Values(g[1]));
    }

    [Fact]
    public void Rules_compute_only_what_leads_to_a_wanted_input()
    {
        Tensor x = Leaf(2), w = Leaf(3);
        var hooked = 0;
        var branch = w.Exp();
        branch.RegisterHook(_ =>
        {
            hooked++;
            return null;
        });
        Gradients.Of([x * branch], [x]);
        Assert.Equal(0, hooked);
    }

    [Fact]
    public void Several_results_with_cotangents_sum_in_one_pass()
    {
        var x = Leaf(2);
        var g = Gradients.Of([x * x, x * 3], [x], [Tensor.FromArray([10.0]), Tensor.FromArray([1.0])]);
        Assert.Equal([43.0], Values(g[0]));
    }

    [Fact]
    public void A_result_with_more_than_one_element_needs_a_cotangent()
    {
        var e = Assert.Throws<TensorException>(() => Leaf(1, 2).Exp().Backward());
        Assert.Contains("cotangent", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cotangent_of_another_shape_or_dtype_is_refused()
    {
        var x = Leaf(1, 2);
        Assert.Throws<TensorException>(() => x.Exp().Backward(Tensor.Ones([2, 1], DType.Float64)));
        Assert.Throws<TensorException>(() => x.Exp().Backward(Tensor.Ones([2], DType.Float32)));
    }

    [Fact]
    public void A_tensor_off_the_tape_has_no_backward_pass()
    {
        var e = Assert.Throws<TensorException>(() => Tensor.Ones([1]).Backward());
        Assert.Contains("requires a gradient", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_recorded_without_a_gradient_to_record_for()
    {
        var x = Leaf(1, 2);
        using (Tensor.NoGrad())
        {
            Assert.False((x * 2).NeedsGradient);
            using (GradMode.On()) Assert.True((x * 2).NeedsGradient);
            Assert.False((x * 2).NeedsGradient);
        }

        Assert.True((x * 2).NeedsGradient);
        Assert.False((x.Detach() * 2).NeedsGradient);
    }

    [Fact]
    public void A_detached_tensor_shares_memory_and_stops_gradients()
    {
        var x = Leaf(1, 2);
        (x * x.Detach()).Sum().Backward();
        Assert.Equal([1.0, 2], Values(x.Grad));
        var y = x * 2;
        var d = y.Detach();
        d.FillInPlace(7);
        Assert.Equal([7.0, 7], Values(y));
    }

    [Fact]
    public void Only_floating_leaves_can_require_a_gradient()
    {
        Assert.Throws<TensorException>(() => Tensor.Arange(3).RequiresGrad());
        Assert.Throws<TensorException>(() => (Leaf(1) * 2).RequiresGrad());
        Assert.False(Leaf(1).RequiresGrad(false).NeedsGradient);
    }

    [Fact]
    public void An_inner_tensor_keeps_its_gradient_on_request()
    {
        var x = Leaf(3);
        var h = (x * x).RetainGrad();
        (h * 5).Sum().Backward();
        Assert.Equal([5.0], Values(h.Grad));
        Assert.Equal([30.0], Values(x.Grad));
    }

    [Fact]
    public void Gradients_pass_through_reduced_precision()
    {
        var x = Leaf(1.5, -2);
        x.To(DType.Float32).Square().To(DType.Float64).Sum().Backward();
        Assert.Equal([3.0, -4], Values(x.Grad));
        Assert.Equal(DType.Float64, x.Grad!.DType);
    }

    [Fact]
    public void Separate_threads_run_separate_graphs()
    {
        var failures = new System.Collections.Concurrent.ConcurrentQueue<string>();
        var threads = Enumerable.Range(1, 6).Select(n => new Thread(() =>
        {
            for (var round = 0; round < 50; round++)
            {
                using var memory = Tensor.Scope();
                var x = Leaf(n, -n);
                var y = x;
                for (var i = 0; i < 20; i++) y = y + x * i;
                if (n % 2 == 0)
                    using (Tensor.NoGrad())
                        if ((y * 2).NeedsGradient) failures.Enqueue("another thread's tape is on");
                y.Sum().Backward();
                if (x.Grad!.ToArray<double>() is not [191, 191]) failures.Enqueue($"thread {n}: {x.Grad}");
            }
        })).ToArray();
        foreach (var t in threads) t.Start();
        foreach (var t in threads) t.Join();
        Assert.Empty(failures);
    }

    [Fact]
    public void Threads_that_use_the_same_parameter_in_graphs_of_their_own_get_their_own_gradients()
    {
        var w = Leaf(2, 3);
        var found = new double[8][];
        Parallel.For(0, found.Length, n => found[n] = Values(Gradients.Of([(w * w * (n + 1)).Sum()], [w])[0]));
        for (var n = 0; n < found.Length; n++) Assert.Equal([4.0 * (n + 1), 6.0 * (n + 1)], found[n]);
    }
}
