using Edifice.Engine.Autograd;

namespace Edifice.Engine.Tests.Ops;

/// <summary>Inputs on which users of tensor engines reported wrong results, each with the right one.</summary>
public class ReportedMistakesTests
{
    private const double Inf = double.PositiveInfinity;

    [Theory]
    [InlineData(new[] { 7999.99, 8000 }, new[] { 0.4975586, 0.5024414 })]
    [InlineData(new double[] { 1000, 1000, 0 }, new[] { 0.5, 0.5, 0 })]
    public void Softmax_of_large_float_scores_is_that_of_their_differences(double[] scores, double[] expected)
    {
        var p = Row(scores).To(DType.Float32).Softmax(-1).To(DType.Float64).ToArray<double>();
        for (var i = 0; i < p.Length; i++) Assert.Equal(expected[i], p[i], 1e-6);
    }

    [Fact]
    public void A_query_that_sees_no_key_gets_zeros_and_gives_none_and_leaves_the_other_rows_their_bits()
    {
        var random = new Generator(1);
        Tensor Draw() => Tensor.Randn([1, 5, 2, 4], generator: random).RequiresGrad();
        Tensor q = Draw(), k = Draw(), v = Draw();
        var keys = Tensor.Zeros([1, 5], DType.Int32);
        Tensor Attend(int[] segments) => Tensor.Attention(q, k, v, new AttentionOptions { QuerySegments = Tensor.FromArray(segments, [1, 5]), KeySegments = keys }).Output;
        Tensor masked = Attend([0, 0, 7, 0, 0]), whole = Attend([0, 0, 0, 0, 0]);
        Assert.All(masked.Select(1, 2).Contiguous().ToArray<float>(), x => Assert.Equal(0f, x));
        foreach (var row in (int[])[0, 1, 3, 4])
            Assert.Equal(whole.Select(1, row).Contiguous().ToArray<float>(), masked.Select(1, row).Contiguous().ToArray<float>());
        masked.Sum().Backward();
        Assert.All(q.Grad!.Select(1, 2).Contiguous().ToArray<float>(), x => Assert.Equal(0f, x));
        Assert.All((Tensor[])[q, k, v], t => Assert.DoesNotContain(t.Grad!.ToArray<float>(), float.IsNaN));
    }

    [Fact]
    public void Equal_maxima_share_the_gradient()
    {
        Assert.Equal([0.5, 0.5, 0], GradientOf(Row(2, 2, 1), x => x.Max()));

        const int Many = 70_000;
        var halves = Tensor.Full([Many], 0.5, DType.Float16).RequiresGrad();
        halves.To(DType.Float32).Max().Backward();
        var shares = halves.Grad!.To(DType.Float64).ToArray<double>();
        Assert.All(shares, g => Assert.Equal(1.43e-5, g, 5e-8));
        // Each share is rounded to a sixteen-bit number of 5.96e-8 spacing.
        Assert.Equal(1, shares.Sum(), 70_000 * 3e-8);
    }

    [Fact]
    public void An_element_gathered_twice_gets_both_cotangents()
    {
        var x = Row(0.1).RequiresGrad();
        x.Gather(0, Tensor.FromArray<long>([0, 0])).Backward(Row(0.2, 0.3));
        Assert.Equal(0.5, x.Grad!.Item(), 1e-15);
    }

    [Fact]
    public void Log_sum_exp_with_infinite_terms_has_the_gradient_of_its_finite_ones()
    {
        Assert.Equal(2, Row(-Inf, -Inf, 2).LogSumExp().Item());
        Assert.Equal([0, 0, 1], GradientOf(Row(-Inf, -Inf, 2), x => x.LogSumExp()));
        Assert.Equal(-Inf, Row(-Inf, -Inf).LogSumExp().Item());
        Assert.Equal([0, 0], GradientOf(Row(-Inf, -Inf), x => x.LogSumExp()));
    }

    [Theory]
    [InlineData(RecurrenceMode.Recurrent)]
    [InlineData(RecurrenceMode.Chunkwise)]
    public void Strong_decays_of_gated_linear_attention_neither_overflow_nor_vanish(RecurrenceMode mode)
    {
        double[] Outputs(double decay, DType dtype)
        {
            var one = Tensor.Ones([1, 64, 1, 1], dtype);
            return Tensor.GatedLinearAttention(one, one, one, one * decay, scale: 1, mode: mode, chunkSize: 64).Output.To(DType.Float64).Contiguous().ToArray<double>();
        }

        foreach (var (dtype, tolerance) in ((DType, double)[])[(DType.Float64, 1e-7), (DType.Float32, 2e-7)])
        {
            var mild = Outputs(-5, dtype);
            foreach (var (t, expected) in ((int, double)[])[(0, 1), (1, 1.0067379), (2, 1.0067833)]) Assert.Equal(expected, mild[t], tolerance);
            var strong = Outputs(-20, dtype);
            Assert.All(strong[1..], o => Assert.Equal(1.0000000021, o, dtype == DType.Float64 ? 1e-10 : tolerance));
        }
    }

    [Fact]
    public void Normalised_linear_and_random_feature_attention_of_a_constant_give_the_constant()
    {
        const double C = 3.25;
        var random = new Generator(2);
        Tensor Features() => Tensor.Randn([2, 9, 2, 4], DType.Float64, generator: random);
        var v = Tensor.Full([2, 9, 2, 3], C, DType.Float64);
        foreach (var causal in (bool[])[true, false])
            AllEqual(C, Tensor.LinearAttention(Features().Exp(), Features().Exp(), v, causal, eps: 0).Output, 1e-14);

        var projection = Tensor.Randn([16, 4], DType.Float64, generator: random);
        var q = Features().FavorFeatures(projection, FavorKernel.Softmax, isQuery: true, KeyStabilizer.Sequence, 0);
        var k = Features().FavorFeatures(projection, FavorKernel.Softmax, isQuery: false, KeyStabilizer.Sequence, 0);
        AllEqual(C, Tensor.LinearAttention(q, k, v, causal: true, eps: 0).Output, 1e-14);
    }

    [Fact]
    public void Products_take_views_of_any_stride_and_broadcast_over_batches()
    {
        var random = new Generator(3);
        Tensor a = Tensor.Randn([1, 8, 2048], DType.Float64, generator: random), b = Tensor.Randn([2048, 3], DType.Float64, generator: random);
        Same(a[.., ^1, ..].Contiguous().MatMul(b), a[.., ^1, ..].MatMul(b));
        var repeated = Tensor.Randn([1, 1, 5], DType.Float64, generator: random).Expand([4, 6, 5]);
        var right = Tensor.Randn([5, 2], DType.Float64, generator: random);
        Same(repeated.Contiguous().MatMul(right), repeated.MatMul(right));
        Tensor x = Tensor.Randn([2, 1, 3, 4, 5], DType.Float64, generator: random), y = Tensor.Randn([1, 2, 3, 5, 6], DType.Float64, generator: random);
        var z = x.MatMul(y);
        Assert.Equal(Shape.Create([2, 2, 3, 4, 6]), z.Shape);
        Same(x.Expand([2, 2, 3, 4, 5]).Contiguous().MatMul(y.Expand([2, 2, 3, 5, 6]).Contiguous()), z);
    }

    [Fact]
    public void The_second_derivative_of_the_cube_at_two_is_twelve()
    {
        var x = Row(2).RequiresGrad();
        var first = Gradients.Of((x * x * x).Sum(), x, createGraph: true);
        Assert.Equal(12, Gradients.Of(first.Sum(), x).Item());
        var again = Gradients.Of(x.Pow(3).Sum(), x, createGraph: true);
        Assert.Equal(12, Gradients.Of(again.Sum(), x).Item(), 1e-13);
    }

    [Theory]
    [InlineData(7, 12)]
    [InlineData(12, 97)]
    [InlineData(97, 7)]
    public void The_real_part_of_the_2d_transform_of_any_length_is_the_sum_that_defines_it(int rows, int columns)
    {
        var x = Tensor.Randn([rows, columns], DType.Float64, generator: new Generator(4));
        double[] values = x.ToArray<double>(), found = x.Unsqueeze(0).Fft2Real().Contiguous().ToArray<double>();
        for (var r = 0; r < rows; r++)
            for (var c = 0; c < columns; c++)
            {
                double sum = 0;
                for (var i = 0; i < rows; i++)
                    for (var j = 0; j < columns; j++)
                        // Whole turns are taken out in integers, so that the angle keeps its digits.
                        sum += values[i * columns + j] * Math.Cos(2 * Math.PI * ((double)(r * i % rows) / rows + (double)(c * j % columns) / columns));
                Assert.Equal(sum, found[r * columns + c], 1e-10);
            }
    }

    private static Tensor Row(params double[] values) => Tensor.FromArray(values);

    private static double[] GradientOf(Tensor at, Func<Tensor, Tensor> f)
    {
        var x = at.RequiresGrad();
        f(x).Backward();
        return x.Grad!.ToArray<double>();
    }

    private static void AllEqual(double expected, Tensor x, double relative) =>
        Assert.All(x.Contiguous().ToArray<double>(), y => Assert.Equal(expected, y, expected * relative));

    private static void Same(Tensor expected, Tensor found)
    {
        Assert.Equal(expected.Shape, found.Shape);
        double[] a = expected.Contiguous().ToArray<double>(), b = found.Contiguous().ToArray<double>();
        for (var i = 0; i < a.Length; i++) Assert.Equal(a[i], b[i], 1e-12);
    }
}
