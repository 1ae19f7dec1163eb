using Edifice.Engine.Backends;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>Products of 16-bit floats are those of the same numbers in float32, rounded once where the result is narrow.</summary>
public sealed class NarrowMatMulTests
{
    private static readonly DType[] s_narrow = [DType.BFloat16, DType.Float16];

    [Property(Arbitrary = [typeof(MatMulCases)], MaxTest = 200)]
    public void Operands_of_any_layout_give_the_float32_product_of_their_numbers(MatMulCase c, byte activation)
    {
        foreach (var dtype in s_narrow)
        {
            var random = new Random(c.Seed);
            var (a, wideA) = Pair(random, dtype, [.. c.Batch, c.M, c.K]);
            var (b, wideB) = Pair(random, dtype, [.. c.Batch, c.K, c.N]);
            var epilogue = c.Accumulate
                ? new Epilogue(Accumulate: true)
                : new Epilogue(Strided.Contiguous<float>(random, c.N), (Activation)(activation % 7), Strided.Empty<float>([.. c.Batch, c.M, c.N]));
            var y = Strided.Random<float>(random, [.. c.Batch, c.M, c.N], unitLast: true, written: true);
            Tensor wanted = Strided.Twin<float>(y), wantedKept = Strided.Empty<float>([.. c.Batch, c.M, c.N]);
            CpuBackend.Instance.MatMul(wideA, wideB, wanted, epilogue with { PreActivation = epilogue.PreActivation is null ? null : wantedKept });

            CpuBackend.Instance.MatMul(a, b, y, epilogue);

            Assert.Equal(Strided.Bits<float>(wanted), Strided.Bits<float>(y));
            if (epilogue.PreActivation is { } kept) Assert.Equal(Strided.Bits<float>(wantedKept), Strided.Bits<float>(kept));
        }
    }

    [Property(Arbitrary = [typeof(MatMulCases)], MaxTest = 200)]
    public void A_narrow_result_is_the_float32_one_rounded_once(MatMulCase c)
    {
        foreach (var dtype in s_narrow)
        {
            var random = new Random(c.Seed);
            var (a, wideA) = Pair(random, dtype, [.. c.Batch, c.M, c.K]);
            var (b, wideB) = Pair(random, dtype, [.. c.Batch, c.K, c.N]);
            int[] dims = [.. c.Batch, c.M, c.N];
            Tensor y = Tensor.Allocate(dims, dtype, Device.Cpu), wanted = Tensor.Allocate(dims, DType.Float32, Device.Cpu);
            CpuBackend.Instance.MatMul(wideA, wideB, wanted, default);

            CpuBackend.Instance.MatMul(a, b, y, default);

            Assert.Equal(Strided.Memory<ushort>(wanted.To(dtype)).ToArray(), Strided.Memory<ushort>(y).ToArray());
        }
    }

    [Fact]
    public void Sums_go_on_in_float32_where_the_narrow_type_would_stand_still()
    {
        // 256 + 1 is 256 in bfloat16, and 2048 + 1 is 2048 in float16.
        foreach (var (dtype, k) in new[] { (DType.BFloat16, 1024), (DType.Float16, 8192) })
        {
            Tensor ones = Tensor.Ones([1, k], dtype), column = Tensor.Ones([k, 1], dtype), y = Tensor.Allocate([1, 1], dtype, Device.Cpu);
            CpuBackend.Instance.MatMul(ones, column, y, default);
            Assert.Equal(k, y.To(DType.Float32).Item());
        }
    }

    [Fact]
    public void Sums_beyond_the_narrow_range_are_infinite_and_nan_stays_nan()
    {
        var a = Tensor.FromArray([60000f, 60000f, float.NaN, 1f, float.NegativeInfinity, 1f]).Reshape(3, 2).To(DType.Float16);
        var b = Tensor.Ones([2, 1], DType.Float16);
        Tensor narrow = Tensor.Allocate([3, 1], DType.Float16, Device.Cpu), wide = Tensor.Allocate([3, 1], DType.Float32, Device.Cpu);
        CpuBackend.Instance.MatMul(a, b, narrow, default);
        CpuBackend.Instance.MatMul(a, b, wide, default);
        Assert.Equal([float.PositiveInfinity, float.NaN, float.NegativeInfinity], narrow.To(DType.Float32).ToArray<float>());
        Assert.Equal([120000f, float.NaN, float.NegativeInfinity], wide.ToArray<float>());
    }

    [Fact]
    public void Other_dtypes_and_epilogues_of_narrow_results_are_refused()
    {
        Tensor Of(DType dtype) => Tensor.Ones([2, 2], dtype);
        void Refused(DType a, DType b, DType y, Epilogue epilogue = default) =>
            Assert.Throws<TensorException>(() => CpuBackend.Instance.MatMul(Of(a), Of(b), Of(y), epilogue));
        Refused(DType.BFloat16, DType.Float16, DType.Float32);
        Refused(DType.BFloat16, DType.Float32, DType.Float32);
        Refused(DType.BFloat16, DType.BFloat16, DType.Float64);
        Refused(DType.Float16, DType.Float16, DType.BFloat16);
        Refused(DType.Float32, DType.Float32, DType.Float16);
        Refused(DType.Float32, DType.Float32, DType.Float64);
        Refused(DType.Int32, DType.Int32, DType.Int32);
        Refused(DType.Float16, DType.Float16, DType.Float16, new Epilogue(Tensor.Ones([2], DType.Float16)));
        Refused(DType.Float16, DType.Float16, DType.Float16, new Epilogue(Activation: Activation.Relu));
        Refused(DType.Float16, DType.Float16, DType.Float16, new Epilogue(Accumulate: true));
    }

    /// <summary>A narrow tensor over memory of any order, some of whose axes repeat, and one like it in float32.</summary>
    private static (Tensor Narrow, Tensor Wide) Pair(Random random, DType dtype, int[] dims)
    {
        var order = Enumerable.Range(0, dims.Length).ToArray();
        random.Shuffle(order);
        int[] made = [.. dims.Select((d, axis) => axis < dims.Length - 2 && random.Next(4) == 0 ? Math.Min(1, d) : d)];
        var memory = Strided.Contiguous<float>(random, [.. order.Select(axis => made[axis])]).To(dtype);
        var narrow = memory.Permute([.. Enumerable.Range(0, dims.Length).Select(axis => Array.IndexOf(order, axis))]).Expand(dims);
        // Which order a sum has depends on whether the columns lie along memory.
        var columnsAlong = narrow.Strides[^2] == 1 && narrow.Strides[^1] != 1;
        return (narrow, columnsAlong ? narrow.Transpose().To(DType.Float32).Transpose() : narrow.To(DType.Float32));
    }
}
