using Edifice.Engine.Backends;
using Edifice.Engine.Tests.Ops;

namespace Edifice.Engine.Cuda.Tests;

/// <summary>Products of 16-bit floats on the card beside the CPU: both sum in float32, so float32 results agree to its rounding and
/// narrow ones to one unit of theirs.</summary>
public class NarrowProductTests
{
    private static readonly DType[] s_narrow = [DType.BFloat16, DType.Float16];

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Products_of_views_and_batches_are_the_cpus(bool flipA, bool flipB)
    {
        foreach (var dtype in s_narrow)
            foreach (var (leadA, leadB) in new (int[], int[])[] { ([], []), ([2], [2]), ([2, 3], []), ([2, 1], [3]) })
                foreach (var (m, k, n) in new[] { (1, 1, 1), (3, 5, 2), (8, 16, 8), (1, 9, 7), (4, 0, 3) })
                    foreach (var result in new[] { dtype, DType.Float32 })
                    {
                        Tensor Run(Device device)
                        {
                            var random = new Generator(1);
                            Tensor Make(int[] lead, int rows, int columns, bool flip)
                            {
                                int[] dims = flip ? [.. lead, columns, rows] : [.. lead, rows, columns];
                                var x = Tensor.Randn(dims, generator: random).To(dtype).To(device);
                                return flip ? x.Transpose() : x;
                            }

                            return Make(leadA, m, k, flipA).MatMulInto(Make(leadB, k, n, flipB), result);
                        }

                        Agree(Run(Device.Cpu), Run(TestCard.Ampere), result, dtype);
                    }
    }

    [Fact]
    public void A_float32_result_takes_bias_activation_and_sums()
    {
        foreach (var dtype in s_narrow)
            foreach (var activation in Enum.GetValues<Activation>())
            {
                (Tensor Y, Tensor Pre, Tensor Sum) Run(Device device)
                {
                    var random = new Generator(2);
                    Tensor Make(params int[] dims) => Tensor.Randn(dims, generator: random).To(device);
                    Tensor a = Make(2, 5, 6).To(dtype), b = Make(2, 6, 4).To(dtype), bias = Make(4), sum = Make(2, 5, 4);
                    Tensor y = sum.AllocateLike(), pre = sum.AllocateLike();
                    var backend = BackendRegistry.For(device);
                    backend.MatMul(a, b, y, new Epilogue(bias, activation, pre));
                    backend.MatMul(a, b, sum, new Epilogue(Accumulate: true));
                    return (y, pre, sum);
                }

                var (expected, actual) = (Run(Device.Cpu), Run(TestCard.Ampere));
                Agree(expected.Y, actual.Y, DType.Float32, dtype);
                Agree(expected.Pre, actual.Pre, DType.Float32, dtype);
                Agree(expected.Sum, actual.Sum, DType.Float32, dtype);
            }
    }

    [Fact]
    public void Sums_beyond_the_narrow_range_are_infinite_and_nan_stays_nan()
    {
        var a = Tensor.FromArray([60000f, 60000f, float.NaN, 1f, float.NegativeInfinity, 1f]).Reshape(3, 2).To(DType.Float16).To(TestCard.Ampere);
        var b = Tensor.Ones([2, 1], DType.Float16, TestCard.Ampere);
        Assert.Equal([double.PositiveInfinity, double.NaN, double.NegativeInfinity], OpSamples.Numbers(a.MatMul(b)));
        Assert.Equal([120000, double.NaN, double.NegativeInfinity], OpSamples.Numbers(a.MatMulInto(b, DType.Float32)));
    }

    [Fact]
    public void Linear_maps_and_their_gradients_are_the_cpus()
    {
        foreach (var dtype in s_narrow)
            foreach (var activation in new[] { Activation.None, Activation.Gelu })
            {
                List<(string, double[])> Run(Device device)
                {
                    var random = new Generator(3);
                    Tensor[] leaves =
                        [.. new int[][] { [2, 3, 6], [4, 6], [4] }.Select(d => Tensor.Randn(d, generator: random).To(dtype).To(device).RequiresGrad())];
                    var y = leaves[0].Linear(leaves[1], leaves[2], activation);
                    y.To(DType.Float32).Square().Sum().Backward();
                    return [("y", OpSamples.Numbers(y)), .. leaves.Select((x, i) => ($"gradient of {i}", OpSamples.Numbers(x.Grad!)))];
                }

                var ulp = dtype == DType.BFloat16 ? Math.Pow(2, -7) : Math.Pow(2, -10);
                OpSamples.AssertClose(Run(Device.Cpu), Run(TestCard.Ampere), ulp, $"{dtype} {activation}");
            }
    }

    [Fact]
    public void A_card_before_ampere_multiplies_float16_and_refuses_bfloat16()
    {
        if (TestCard.IsReal) return;
        var half = Tensor.Ones([2, 2], DType.Float16, TestCard.Device);
        Assert.All(OpSamples.Numbers(half.MatMul(half)), v => Assert.Equal(2, v));
        var brain = Tensor.Ones([2, 2], DType.BFloat16, TestCard.Device);
        var refused = Assert.Throws<TensorException>(() => brain.MatMul(brain));
        Assert.Contains("sm_70", refused.Message, StringComparison.Ordinal);
        Assert.Contains("sm_80", refused.Message, StringComparison.Ordinal);
    }

    private static void Agree(Tensor expected, Tensor actual, DType result, DType operands)
    {
        Assert.Equal(result, actual.DType);
        Assert.Equal(expected.Shape, actual.Shape);
        double[] a = OpSamples.Numbers(expected), b = OpSamples.Numbers(actual);
        var unit = result switch { DType.BFloat16 => Math.Pow(2, -8), DType.Float16 => Math.Pow(2, -11), _ => 1e-6 };
        for (var i = 0; i < a.Length; i++)
            Assert.True(
                Math.Abs(a[i] - b[i]) <= 2 * unit * Math.Abs(a[i]) + 1e-5,
                $"{operands} into {result} {actual.Shape}, element {i}: {b[i]:r} on the card, {a[i]:r} on the CPU");
    }
}
