using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;
using Edifice.Engine.Tests.Ops;

namespace Edifice.Engine.Tests.Autograd;

/// <summary>Regions in which products of float32 tensors have 16-bit factors.</summary>
public class MixedPrecisionTests
{
    public static TheoryData<DType> Narrow => [DType.BFloat16, DType.Float16];

    [Theory]
    [MemberData(nameof(Narrow))]
    public void Factors_are_rounded_and_results_are_float32(DType dtype)
    {
        var random = new Generator(1);
        Tensor Make(params int[] dims) => Tensor.Randn(dims, generator: random);
        Tensor x = Make(2, 3, 8), w = Make(5, 8), bias = Make(5), blocks = Make(2, 4, 5), blockBias = Make(2, 5), m = Make(8, 6);
        Tensor Rounded(Tensor t) => t.To(dtype).To(DType.Float32);
        (Tensor Inside, Tensor Outside)[] pairs;
        using (MixedPrecision.Products(dtype))
        {
            Tensor matmul = x.MatMul(m), linear = x.Linear(w, bias, Activation.Gelu), block = x.BlockDiagonalLinear(blocks, blockBias);
            using (MixedPrecision.Products(DType.Float32))
                pairs =
                [
                    (matmul, Rounded(x).MatMul(Rounded(m))),
                    (linear, Rounded(x).Linear(Rounded(w), bias, Activation.Gelu)),
                    (block, Rounded(x).BlockDiagonalLinear(Rounded(blocks), blockBias)),
                ];
        }

        foreach (var (inside, outside) in pairs)
        {
            Assert.Equal(DType.Float32, inside.DType);
            Assert.Equal(outside.ToArray<float>(), inside.ToArray<float>());
        }

        Assert.NotEqual(x.MatMul(m).ToArray<float>(), pairs[0].Inside.ToArray<float>());
    }

    [Fact]
    public void Regions_nest_end_and_belong_to_their_thread()
    {
        Assert.Equal(DType.Float32, MixedPrecision.ProductType);
        using (MixedPrecision.Products(DType.BFloat16))
        {
            using (MixedPrecision.Products(DType.Float16)) Assert.Equal(DType.Float16, MixedPrecision.ProductType);
            Assert.Equal(DType.BFloat16, MixedPrecision.ProductType);
            using (MixedPrecision.Products(DType.Float32)) Assert.Equal(DType.Float32, MixedPrecision.ProductType);
            Assert.Equal(DType.BFloat16, MixedPrecision.ProductType);
            var other = DType.Bool;
            var thread = new Thread(() => other = MixedPrecision.ProductType);
            thread.Start();
            thread.Join();
            Assert.Equal(DType.Float32, other);
        }

        Assert.Equal(DType.Float32, MixedPrecision.ProductType);
        Assert.Throws<TensorException>(() => MixedPrecision.Products(DType.Float64));
    }

    [Fact]
    public void Other_dtypes_are_not_affected()
    {
        var x = Tensor.Randn([3, 3], DType.Float64, generator: new Generator(2));
        var outside = x.MatMul(x).ToArray<double>();
        using var region = MixedPrecision.Products(DType.BFloat16);
        Assert.Equal(outside, x.MatMul(x).ToArray<double>());
        Assert.Throws<TensorException>(() => x.MatMul(x.To(DType.Float32)));
        var refused = Assert.Throws<TensorException>(() => Tensor.Ones([2, 3]).MatMul(Tensor.Ones([2, 3])));
        Assert.Contains("Float32", refused.Message, StringComparison.Ordinal);
    }

    private static readonly Dictionary<string, (int[][] Inputs, Func<Tensor[], Tensor> Run)> s_products = new()
    {
        ["matmul"] = ([[3, 4], [4, 5]], x => x[0].MatMul(x[1])),
        ["matmul of batches"] = ([[2, 1, 3, 4], [3, 4, 2]], x => x[0].MatMul(x[1])),
        ["matmul with a shared matrix"] = ([[2, 3, 4], [4, 5]], x => x[0].MatMul(x[1])),
        ["matmul of a view"] = ([[3, 4], [5, 4]], x => x[0].MatMul(x[1].Transpose())),
        ["vectors"] = ([[4], [4]], x => x[0].MatMul(x[1])),
        ["a factor used twice"] = ([[4, 4]], x => x[0].MatMul(x[0]).MatMul(x[0])),
        ["linear"] = ([[2, 3, 4], [5, 4], [5]], x => x[0].Linear(x[1], x[2])),
        ["linear with gelu"] = ([[2, 3, 4], [5, 4], [5]], x => x[0].Linear(x[1], x[2], Activation.Gelu)),
        ["linear without bias"] = ([[3, 4], [5, 4]], x => x[0].Linear(x[1], null, Activation.Silu)),
        ["blocks"] = ([[2, 3, 8], [2, 4, 5], [2, 5]], x => x[0].BlockDiagonalLinear(x[1], x[2])),
        ["einsum"] = ([[2, 3, 4], [2, 5, 4]], x => Tensor.Einsum("bij,bkj->bik", x[0], x[1])),
    };

    public static TheoryData<DType, string> Rules => NarrowCases.Of(s_products.Keys);

    [Theory]
    [MemberData(nameof(Rules))]
    public void First_and_second_derivatives_are_float32_and_near_those_without_a_region(DType dtype, string name)
    {
        var (shapes, run) = s_products[name];
        (Tensor[] First, Tensor[] Second) Measure(DType products, bool openAtBackward)
        {
            var random = new Generator(5);
            // Small enough for what float16 holds in the second pass.
            Tensor[] inputs = [.. shapes.Select(s => Tensor.Randn(s, std: 0.4, generator: random).RequiresGrad())];
            using var open = MixedPrecision.Products(openAtBackward ? products : DType.Float32);
            Tensor y;
            using (MixedPrecision.Products(products)) y = run(inputs);
            // A sum of cubes, so that the second derivative asks for every rule.
            var first = Gradients.Of([(y * y * y).Sum()], inputs, createGraph: true);
            var penalty = first.Select(g => g!.Square().Sum()).Aggregate((a, b) => a + b);
            return ([.. first.Select(g => g!)], [.. Gradients.Of([penalty], inputs).Select(g => g!)]);
        }

        var bound = dtype == DType.BFloat16 ? 0.04 : 0.005;
        var wanted = Measure(DType.Float32, false);
        foreach (var open in new[] { false, true })
        {
            var got = Measure(dtype, open);
            foreach (var (expected, actual) in wanted.First.Concat(wanted.Second).Zip(got.First.Concat(got.Second)))
            {
                Assert.Equal(DType.Float32, actual.DType);
                Assert.InRange(RelativeError(expected, actual), 1e-9, bound);
            }
        }
    }

    [Fact]
    public void A_backward_pass_gives_the_same_bits_inside_and_outside_the_region_and_with_a_graph()
    {
        Tensor[] Run(bool inside, bool graph)
        {
            var random = new Generator(6);
            Tensor x = Tensor.Randn([4, 8], generator: random).RequiresGrad(), w = Tensor.Randn([6, 8], generator: random).RequiresGrad();
            using (MixedPrecision.Products(DType.BFloat16))
            {
                var y = x.Linear(w).Square().Sum();
                if (inside) return [.. Gradients.Of([y], [x, w], createGraph: graph).Select(g => g!)];
                using (MixedPrecision.Products(DType.Float32)) return [.. Gradients.Of([y], [x, w], createGraph: graph).Select(g => g!)];
            }
        }

        var wanted = Run(false, false).Select(g => g.ToArray<float>()).ToArray();
        foreach (var (inside, graph) in new[] { (true, false), (false, true), (true, true) })
            Assert.Equal(wanted, Run(inside, graph).Select(g => g.ToArray<float>()));
    }

    [Fact]
    public void Ops_recorded_outside_a_region_are_float32_in_a_backward_pass_inside_it()
    {
        Tensor x = Tensor.Randn([4, 8], generator: new Generator(7)).RequiresGrad(), w = Tensor.Randn([8, 3], generator: new Generator(8));
        var y = x.MatMul(w).Square().Sum();
        var outside = Gradients.Of([y], [x], retainGraph: true)[0]!.ToArray<float>();
        using var region = MixedPrecision.Products(DType.BFloat16);
        Assert.Equal(outside, Gradients.Of([y], [x])[0]!.ToArray<float>());
    }

    [Fact]
    public void The_tape_keeps_narrow_factors_and_each_of_them_once()
    {
        Tensor x = Tensor.Randn([4, 8], generator: new Generator(9)).RequiresGrad(), w = Tensor.Randn([6, 8], generator: new Generator(10)).RequiresGrad();
        using var region = MixedPrecision.Products(DType.Float16);
        var h = x * 2;
        Tensor first = h.Linear(w), second = h.MatMul(w.Transpose()), third = h.Linear(w);
        foreach (var y in new[] { first, second, third })
            for (var i = 0; i < 2; i++) Assert.Equal(DType.Float16, y.Record!.Node!.Saved(i).DType);
        Assert.Same(first.Record!.Node!.Saved(0).Storage, second.Record!.Node!.Saved(0).Storage);
        Assert.Same(first.Record!.Node!.Saved(1).Storage, third.Record!.Node!.Saved(1).Storage);

        // Written to, it is another number.
        using (Tensor.NoGrad()) w.MulInPlace(3);
        Assert.NotSame(first.Record!.Node!.Saved(1).Storage, h.Linear(w).Record!.Node!.Saved(1).Storage);
    }

    [Fact]
    public void A_checkpointed_region_runs_again_in_its_own_precision()
    {
        float[] Run(bool checkpoint)
        {
            var random = new Generator(11);
            Tensor x = Tensor.Randn([4, 8], generator: random).RequiresGrad(), w = Tensor.Randn([8, 8], generator: random).RequiresGrad();
            Tensor y;
            Tensor Twice() => x.Linear(w, null, Activation.Gelu).Linear(w);
            using (MixedPrecision.Products(DType.BFloat16)) y = checkpoint ? Gradients.Checkpoint(Twice) : Twice();
            y.Square().Sum().Backward();
            return w.Grad!.ToArray<float>();
        }

        Assert.Equal(Run(false), Run(true));
    }

    [Fact]
    public void Recurrences_pseudo_inverses_and_random_features_are_the_same_inside_a_region()
    {
        var random = new Generator(12);
        Tensor Make(params int[] dims) => Tensor.Randn(dims, generator: random) * 0.3;
        Tensor q = Make(1, 20, 2, 4), k = Make(1, 20, 2, 4), v = Make(1, 20, 2, 4), g = -Make(1, 20, 2, 4).Abs(), projection = Make(6, 4);
        Tensor[] Run() =>
        [
            Tensor.GatedLinearAttention(q, k, v, g, 0.5, mode: RecurrenceMode.Chunkwise).Output,
            Tensor.GatedLinearAttention(q, k, v, g, 0.5, mode: RecurrenceMode.Parallel).Output,
            Tensor.LinearAttention(q.Exp(), k.Exp(), v).Output,
            Tensor.LinearAttention(q.Exp(), k.Exp(), v, causal: false).Output,
            Tensor.NystromAttention(q, k, v, 4),
            q.FavorFeatures(projection, FavorKernel.Softmax, true, KeyStabilizer.None, 1e-6),
            Tensor.Attention(q, k, v).Output,
        ];
        var outside = Run().Select(t => t.ToArray<float>()).ToArray();
        using var region = MixedPrecision.Products(DType.BFloat16);
        Assert.Equal(outside, Run().Select(t => t.ToArray<float>()));
    }

    private static double RelativeError(Tensor expected, Tensor actual)
    {
        double[] a = OpSamples.Numbers(expected), b = OpSamples.Numbers(actual);
        return Math.Sqrt(a.Zip(b, (u, v) => (u - v) * (u - v)).Sum() / a.Sum(u => u * u));
    }
}
