using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Serialization;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class MatMulTests
{
    [Property(Arbitrary = [typeof(MatMulCases)], MaxTest = 400)]
    public void Products_of_any_layout_are_sums_in_one_of_two_orders_bit_for_bit_in_float(MatMulCase c) => CompareWithSums<float>(c);

    [Property(Arbitrary = [typeof(MatMulCases)], MaxTest = 200)]
    public void Products_of_any_layout_are_sums_in_one_of_two_orders_bit_for_bit_in_double(MatMulCase c) => CompareWithSums<double>(c);

    // Beyond one block along k, beyond one block of columns, and the ways for few rows with a B larger than the caches.
    public static TheoryData<int, int, int> LargeProducts => new()
    {
        { 13, 800, 300 }, { 25, 1600, 530 }, { 40, 70, 1100 }, { 3, 1000, 700 }, { 1, 700, 900 }, { 7, 512, 300 }, { 9, 520, 300 }, { 64, 1, 700 },
    };

    [Theory]
    [MemberData(nameof(LargeProducts))]
    public void Blocks_continue_one_another_s_sums(int m, int n, int k)
    {
        for (var seed = 0; seed < 3; seed++)
        {
            CompareWithSums<float>(new MatMulCase([], m, n, k, false, seed));
            CompareWithSums<double>(new MatMulCase([], m, n, k, true, seed));
        }
    }

    private static void CompareWithSums<T>(MatMulCase c) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var random = new Random(c.Seed);
        var a = Strided.Random<T>(random, [.. c.Batch, c.M, c.K]);
        var b = Strided.Random<T>(random, [.. c.Batch, c.K, c.N]);
        var y = Strided.Random<T>(random, [.. c.Batch, c.M, c.N], unitLast: true, written: true);
        Tensor chain = Strided.Twin<T>(y), dots = Strided.Twin<T>(y);
        foreach (var index in Strided.Indices(y.Layout.Dims))
        {
            int[] left = [.. index], right = [.. index];
            T[] x = new T[c.K], w = new T[c.K];
            for (var k = 0; k < c.K; k++)
            {
                left[^1] = right[^2] = k;
                (x[k], w[k]) = (Strided.At<T>(a, left), Strided.At<T>(b, right));
            }

            ref T sum = ref Strided.At<T>(chain, index), dot = ref Strided.At<T>(dots, index);
            if (!c.Accumulate) sum = dot = T.Zero;
            for (var k = 0; k < c.K; k++) sum = T.FusedMultiplyAdd(x[k], w[k], sum);
            dot += InterleavedDot(x, w);
        }

        CpuBackend.Instance.MatMul(a, b, y, new Epilogue(Accumulate: c.Accumulate));

        // The gaps too: nothing beside the result may be written.
        var got = Array.ConvertAll(Strided.Memory<T>(y).ToArray(), Strided.Bits);
        // Few rows by columns that lie along memory (or a single column, by rows that do) are dot products.
        var mayBeDots = b.Layout.Strides[^2] == 1 || (c.N == 1 && a.Layout.Strides[^1] == 1);
        if (mayBeDots && got.SequenceEqual(Array.ConvertAll(Strided.Memory<T>(dots).ToArray(), Strided.Bits))) return;
        Assert.Equal(Array.ConvertAll(Strided.Memory<T>(chain).ToArray(), Strided.Bits), got);
    }

    [Property(MaxTest = 100)]
    public void A_few_rows_by_a_transposed_weight_are_interleaved_dot_products_of_any_length(byte rows, byte columns, ushort length, int seed)
    {
        CompareWithDots<float>(1 + rows % 4, 2 + columns % 40, 2 + length % 300, seed);
        CompareWithDots<double>(1 + rows % 4, 2 + columns % 40, 2 + length % 300, seed);
    }

    private static void CompareWithDots<T>(int m, int n, int k, int seed) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var random = new Random(seed);
        Tensor x = Strided.Contiguous<T>(random, m, k), w = Strided.Contiguous<T>(random, n, k), y = Strided.Empty<T>(m, n);
        CpuBackend.Instance.MatMul(x, Transposed(w), y, default);
        for (var i = 0; i < m; i++)
            for (var j = 0; j < n; j++)
                Assert.Equal(
                    Strided.Bits(InterleavedDot(x.AsSpan<T>().Slice(i * k, k), w.AsSpan<T>().Slice(j * k, k))),
                    Strided.Bits(Strided.At<T>(y, i, j)));
    }

    /// <summary>As many chains as 64 bytes hold elements, each taking every so many-th product, then halves added to halves.</summary>
    private static T InterleavedDot<T>(ReadOnlySpan<T> x, ReadOnlySpan<T> w) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var chains = new T[64 / System.Runtime.CompilerServices.Unsafe.SizeOf<T>()];
        for (var k = 0; k < x.Length; k++) chains[k % chains.Length] = T.FusedMultiplyAdd(x[k], w[k], chains[k % chains.Length]);
        for (var half = chains.Length / 2; half > 0; half /= 2)
            for (var j = 0; j < half; j++) chains[j] += chains[j + half];
        return chains[0];
    }

    [Property(Arbitrary = [typeof(MatMulCases)], MaxTest = 200)]
    public void The_width_of_the_registers_does_not_show(MatMulCase c)
    {
        CompareWidths<float>(c);
        CompareWidths<double>(c);
    }

    private static unsafe void CompareWidths<T>(MatMulCase c) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var random = new Random(c.Seed);
        bool transposeA = random.Next(2) == 0, transposeB = random.Next(2) == 0;
        T[] a = Values(c.M * c.K), b = Values(c.K * c.N), start = Values(c.M * c.N);
        if (Isa.Has512) Assert.Equal(Bits<Lanes128<T>>(), Bits<Lanes512<T>>());
        if (Isa.Has256) Assert.Equal(Bits<Lanes128<T>>(), Bits<Lanes256<T>>());

        T[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => T.CreateChecked(Strided.Normal(random)))];

        long[] Bits<V>() where V : unmanaged, ILanes<V, T>
        {
            T[] y = [.. start];
            fixed (T* pa = a, pb = b, py = y)
            {
                var problem = new MatMulProblem<T>
                {
                    M = c.M, N = c.N, K = c.K, Accumulate = c.Accumulate,
                    A = pa, ARow = transposeA ? 1 : c.K, AStep = transposeA ? c.M : 1,
                    B = pb, BStep = transposeB ? 1 : c.N, BColumn = transposeB ? c.K : 1,
                    C = py, CRow = c.N,
                };
                if (y.Length > 0) BlockedMatMul<V, T>.Run(ref problem);
            }

            return Array.ConvertAll(y, Strided.Bits);
        }
    }

    [Fact]
    public void A_row_of_a_longer_sequence_multiplies()
    {
        var random = new Random(1);
        var x = Strided.Contiguous<float>(random, 1, 8, 2048);
        var w = Strided.Contiguous<float>(random, 3, 2048);
        var last = new Tensor(x.Storage, new Layout([1, 2048], [8 * 2048, 1]), 7 * 2048, x.DType, retain: true);
        var y = Strided.Empty<float>(1, 3);

        CpuBackend.Instance.MatMul(last, Transposed(w), y, default);

        for (var n = 0; n < 3; n++)
            Assert.Equal(InterleavedDot<float>(x.AsSpan<float>().Slice(7 * 2048, 2048), w.AsSpan<float>().Slice(n * 2048, 2048)), Strided.At<float>(y, 0, n));
    }

    [Property(Arbitrary = [typeof(MatMulCases)], MaxTest = 100)]
    public void Rows_do_not_depend_on_the_rows_beside_them_nor_on_the_batch(MatMulCase c)
    {
        var random = new Random(c.Seed);
        var a = Strided.Contiguous<float>(random, 3, c.M, c.K);
        var b = Strided.Contiguous<float>(random, 1, c.K, c.N);
        var shared = new Tensor(b.Storage, new Layout([3, c.K, c.N], [0, c.N, 1]), 0, b.DType, retain: true);
        var y = Strided.Empty<float>(3, c.M, c.N);
        CpuBackend.Instance.MatMul(a, shared, y, default);
        foreach (var index in Strided.Indices([3, c.M]))
        {
            var row = new Tensor(a.Storage, new Layout([1, c.K], [c.K, 1]), (index[0] * c.M + index[1]) * (long)c.K, a.DType, retain: true);
            var alone = Strided.Empty<float>(1, c.N);
            CpuBackend.Instance.MatMul(row, Tensor2(b), alone, default);
            for (var n = 0; n < c.N; n++)
                Assert.Equal(Strided.Bits(Strided.At<float>(alone, 0, n)), Strided.Bits(Strided.At<float>(y, index[0], index[1], n)));
        }
    }

    private static Tensor Tensor2(Tensor b) =>
        new(b.Storage, new Layout([.. b.Layout.Dims[^2..]], [.. b.Layout.Strides[^2..]]), b.Offset, b.DType, retain: true);

    private static Tensor Transposed(Tensor x)
    {
        int[] dims = [.. x.Layout.Dims];
        long[] strides = [.. x.Layout.Strides];
        (dims[^1], dims[^2], strides[^1], strides[^2]) = (dims[^2], dims[^1], strides[^2], strides[^1]);
        return new Tensor(x.Storage, new Layout(dims, strides), x.Offset, x.DType, retain: true);
    }

    public static TheoryData<string> GoldenFiles => [.. RepositoryFiles.GoldenNames("op-matmul-")];

    [Theory]
    [MemberData(nameof(GoldenFiles))]
    public void Golden_products_agree(string name)
    {
        using var file = SafetensorsFile.Open(RepositoryFiles.Golden(name));
        using var options = System.Text.Json.JsonDocument.Parse(file.Metadata["options"]);
        var a = Operand(file.Read("in.a"), options.RootElement.GetProperty("a_view").GetString()!, row: true);
        var b = Operand(file.Read("in.b"), options.RootElement.GetProperty("b_view").GetString()!, row: false);
        var expected = file.Read("out.out");
        Assert.True(Shape.TryBroadcast(new Shape([.. a.Layout.Dims[..^2]]), new Shape([.. b.Layout.Dims[..^2]]), out var batch));
        var y = Strided.Empty<double>([.. batch, a.Layout.Dims[^2], b.Layout.Dims[^1]]);

        CpuBackend.Instance.MatMul(Expanded(a, batch), Expanded(b, batch), y, default);

        var wanted = expected.AsSpan<double>().ToArray();
        var got = y.AsSpan<double>().ToArray();
        Assert.Equal(wanted.Length, got.Length);
        for (var i = 0; i < wanted.Length; i++) Assert.True(Math.Abs(got[i] - wanted[i]) <= 1e-9 + 1e-8 * Math.Abs(wanted[i]), $"{i}: {got[i]} for {wanted[i]}");
    }

    /// <summary>A stored operand as the options view it, a vector as a matrix of one row or column.</summary>
    private static Tensor Operand(Tensor x, string view, bool row)
    {
        int[] dims = [.. x.Layout.Dims];
        long[] strides = [.. x.Layout.Strides];
        var offset = x.Offset;
        if (dims.Length == 1) (dims, strides) = row ? (new[] { 1, dims[0] }, new[] { 0L, strides[0] }) : ([dims[0], 1], [strides[0], 0L]);
        switch (view)
        {
            case "transpose": return Transposed(x);
            case "step":
                for (var axis = dims.Length - 2; axis < dims.Length; axis++)
                {
                    dims[axis] = (dims[axis] + 1) / 2;
                    strides[axis] *= 2;
                }

                break;
            case "last":
                offset += (dims[^2] - 1) * strides[^2];
                (dims, strides) = ([.. dims[..^2], dims[^1]], [.. strides[..^2], strides[^1]]);
                break;
        }

        return new Tensor(x.Storage, new Layout(dims, strides), offset, x.DType, retain: true);
    }

    private static Tensor Expanded(Tensor x, Shape batch)
    {
        var dims = x.Layout.Dims;
        var skip = batch.Rank + 2 - dims.Length;
        var strides = new long[batch.Rank + 2];
        for (var axis = skip; axis < strides.Length; axis++)
            strides[axis] = axis < batch.Rank && dims[axis - skip] == 1 ? 0 : x.Layout.Strides[axis - skip];
        return new Tensor(x.Storage, new Layout([.. batch, .. dims[^2..]], strides), x.Offset, x.DType, retain: true);
    }
}
