using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;
using FsCheck.Xunit;

namespace Edifice.Engine.Tests.Ops;

/// <summary>Matrix products of 16-bit floats: those of the same numbers in float32, rounded once; gradients are products too.</summary>
public class NarrowProductTests
{
    public static TheoryData<DType> Narrow => [DType.BFloat16, DType.Float16];

    [Property(MaxTest = 60)]
    public void Products_with_broadcasting_batches_are_the_float32_ones_rounded_once(byte m, byte k, byte n, byte form, int seed)
    {
        var random = new Generator((ulong)(uint)seed);
        int rows = 1 + m % 9, inner = k % 20, columns = 1 + n % 9;
        foreach (var dtype in new[] { DType.BFloat16, DType.Float16 })
        {
            int[] leadA = (form & 1) == 0 ? [] : [2, 1], leadB = (form & 2) == 0 ? [] : [3];
            bool flipA = (form & 4) != 0, flipB = (form & 8) != 0;
            Tensor Make(int[] lead, int r, int c) => Tensor.Randn([.. lead, r, c], generator: random).To(dtype);
            var a = flipA ? Make(leadA, inner, rows) : Make(leadA, rows, inner);
            var b = flipB ? Make(leadB, columns, inner) : Make(leadB, inner, columns);
            Tensor View(Tensor t, bool flip) => flip ? t.Transpose() : t;

            var y = View(a, flipA).MatMul(View(b, flipB));

            Assert.Equal(dtype, y.DType);
            var wanted = View(a.To(DType.Float32), flipA).MatMul(View(b.To(DType.Float32), flipB)).To(dtype);
            Assert.Equal(OpSamples.Numbers(wanted), OpSamples.Numbers(y));
        }
    }

    [Theory]
    [MemberData(nameof(Narrow))]
    public void Vectors_are_rows_and_columns(DType dtype)
    {
        Tensor a = Tensor.Randn([5], generator: new Generator(1)).To(dtype), b = Tensor.Randn([5, 3], generator: new Generator(2)).To(dtype);
        Assert.Equal([3], a.MatMul(b).Layout.Dims);
        Assert.Equal(OpSamples.Numbers(a.Unsqueeze(0).MatMul(b)), OpSamples.Numbers(a.MatMul(b)));
        Assert.Equal(OpSamples.Numbers(a.MatMul(b)), OpSamples.Numbers(b.Transpose().MatMul(a)));
        Assert.Equal(Shape.Scalar, a.MatMul(a).Shape);
    }

    [Theory]
    [MemberData(nameof(Narrow))]
    public void A_linear_map_is_rounded_once_behind_bias_and_activation(DType dtype)
    {
        var random = new Generator(3);
        Tensor Make(params int[] dims) => Tensor.Randn(dims, generator: random).To(dtype);
        Tensor x = Make(2, 3, 7), w = Make(5, 7), bias = Make(5);
        foreach (var activation in Enum.GetValues<Activation>())
            foreach (var b in new[] { null, bias })
            {
                var y = x.Linear(w, b, activation);
                Assert.Equal(dtype, y.DType);
                var wanted = x.To(DType.Float32).Linear(w.To(DType.Float32), b?.To(DType.Float32), activation).To(dtype);
                Assert.Equal(OpSamples.Numbers(wanted), OpSamples.Numbers(y));
            }
    }

    [Theory]
    [MemberData(nameof(Narrow))]
    public void Blocks_are_rounded_once(DType dtype)
    {
        var random = new Generator(4);
        Tensor Make(params int[] dims) => Tensor.Randn(dims, generator: random).To(dtype);
        Tensor x = Make(2, 3, 8), w = Make(2, 4, 5), bias = Make(2, 5);
        foreach (var b in new[] { null, bias })
            Assert.Equal(
                OpSamples.Numbers(x.To(DType.Float32).BlockDiagonalLinear(w.To(DType.Float32), b?.To(DType.Float32)).To(dtype)),
                OpSamples.Numbers(x.BlockDiagonalLinear(w, b)));
    }

    public static TheoryData<DType, string> Rules => NarrowCases.Of(s_products.Keys);

    private static readonly Dictionary<string, (int[][] Inputs, Func<Tensor[], Tensor> Run)> s_products = new()
    {
        ["matmul"] = ([[3, 4], [4, 5]], x => x[0].MatMul(x[1])),
        ["matmul of batches"] = ([[2, 1, 3, 4], [3, 4, 2]], x => x[0].MatMul(x[1])),
        ["matmul with a shared matrix"] = ([[2, 3, 4], [4, 5]], x => x[0].MatMul(x[1])),
        ["matmul of a view"] = ([[3, 4], [5, 4]], x => x[0].MatMul(x[1].Transpose())),
        ["a factor used twice"] = ([[4, 4]], x => x[0].MatMul(x[0])),
        ["linear"] = ([[2, 3, 4], [5, 4], [5]], x => x[0].Linear(x[1], x[2])),
        ["linear with gelu"] = ([[2, 3, 4], [5, 4], [5]], x => x[0].Linear(x[1], x[2], Activation.Gelu)),
        ["linear without bias"] = ([[3, 4], [5, 4]], x => x[0].Linear(x[1])),
        ["blocks"] = ([[2, 3, 8], [2, 4, 5], [2, 5]], x => x[0].BlockDiagonalLinear(x[1], x[2])),
    };

    [Theory]
    [MemberData(nameof(Rules))]
    public void Gradients_have_the_narrow_type_and_are_the_float32_ones_up_to_its_rounding(DType dtype, string name)
    {
        var (shapes, run) = s_products[name];
        List<(string, double[])> Measure(DType type, bool graph)
        {
            var random = new Generator(5);
            Tensor[] inputs = [.. shapes.Select(s => Tensor.Randn(s, generator: random).To(dtype).To(type).RequiresGrad())];
            var y = run(inputs);
            var cotangent = Tensor.Randn(y.Shape, generator: random).To(dtype).To(type);
            var found = Gradients.Of([y], inputs, [cotangent], createGraph: graph);
            Assert.All(found, g => Assert.Equal(type, g!.DType));
            return [.. found.Select((g, i) => ($"gradient of {i}", OpSamples.Numbers(g!)))];
        }

        // The unit rounding of each type, several times over: the cotangent behind an activation, the product, sums of two.
        var bound = 4 * (dtype == DType.BFloat16 ? Math.Pow(2, -8) : Math.Pow(2, -11));
        var wanted = Measure(DType.Float32, false);
        foreach (var graph in new[] { false, true })
            foreach (var ((_, a), (_, b)) in wanted.Zip(Measure(dtype, graph)))
                Assert.InRange(Distance(a, b), 0, bound * Norm(a));
    }

    [Theory]
    [MemberData(nameof(Narrow))]
    public void Leaves_add_up_gradients_of_several_passes(DType dtype)
    {
        var w = Tensor.Randn([3, 3], generator: new Generator(6)).To(dtype).RequiresGrad();
        for (var pass = 0; pass < 2; pass++) w.MatMul(Tensor.Ones([3, 1], dtype)).To(DType.Float32).Sum().Backward();
        Assert.Equal(dtype, w.Grad!.DType);
        Assert.All(OpSamples.Numbers(w.Grad), g => Assert.Equal(2, g));
    }

    [Fact]
    public void Mixed_dtypes_and_integers_are_refused()
    {
        Tensor Of(DType dtype) => Tensor.Ones([2, 2], dtype);
        foreach (var (a, b) in new[] { (DType.BFloat16, DType.Float32), (DType.Float32, DType.Float16), (DType.BFloat16, DType.Float16), (DType.Int32, DType.Int32) })
        {
            Assert.Throws<TensorException>(() => Of(a).MatMul(Of(b)));
            Assert.Throws<TensorException>(() => Of(a).Linear(Of(b)));
            Assert.Throws<TensorException>(() => Of(a).BlockDiagonalLinear(Of(b).Unsqueeze(0)));
        }

        Assert.Throws<TensorException>(() => Of(DType.BFloat16).Linear(Of(DType.BFloat16), Tensor.Ones([2])));
    }

    private static double Norm(double[] a) => Math.Sqrt(a.Sum(v => v * v));

    private static double Distance(double[] a, double[] b) => Norm([.. a.Zip(b, (u, v) => u - v)]);
}
