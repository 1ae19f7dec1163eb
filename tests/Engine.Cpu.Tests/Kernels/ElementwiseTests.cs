using System.Numerics;
using Edifice.Engine.Backends;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class ElementwiseTests
{
    private static readonly IBackend s_cpu = CpuBackend.Instance;

    private static readonly UnaryKernel[] s_integerKernels =
        [UnaryKernel.Negate, UnaryKernel.Abs, UnaryKernel.Sign, UnaryKernel.Square, UnaryKernel.Relu, UnaryKernel.Clamp];

    /// <summary>Kernels whose derivative is written in the result (see IBackend.MapVjp).</summary>
    private static readonly UnaryKernel[] s_keepResult =
    [
        UnaryKernel.Reciprocal, UnaryKernel.Sqrt, UnaryKernel.Rsqrt, UnaryKernel.Exp, UnaryKernel.Tanh, UnaryKernel.Sigmoid, UnaryKernel.Relu,
    ];

    [Property(MaxTest = 400, Arbitrary = [typeof(ViewCases)])]
    public void Every_unary_function_of_a_view_is_the_function_of_each_element(ViewCase view, UnaryKernel kernel, bool single, bool inPlace)
    {
        if (single) Check<float>(2e-6);
        else Check<double>(1e-14);

        void Check<T>(double tolerance) where T : unmanaged, IFloatingPointIeee754<T>
        {
            using var x = view.Build(random => T.CreateTruncating((random.NextDouble() - 0.5) * 12));
            if (inPlace && view.Steps.Contains(0)) return;
            var before = Elements.AsDouble(x);
            using var y = inPlace ? x.Alias() : Tensor.Allocate(x.Shape, x.DType, Device.Cpu);
            s_cpu.Map(kernel, x, y, 0.7, 2.5);
            var after = Elements.AsDouble(y);
            // The tail of gelu_tanh has the error of its exponent, the model of gelu that of its argument squared: both up
            // to 25 here.
            if (kernel is UnaryKernel.GeluTanh or UnaryKernel.Gelu) tolerance *= 25;
            for (var i = 0; i < after.Length; i++)
                AssertClose(ElementwiseModel.Unary(kernel, before[i], single ? 0.7f : 0.7, 2.5), after[i], tolerance, $"{kernel}({before[i]:R})");
        }
    }

    [Property(MaxTest = 200, Arbitrary = [typeof(ViewCases)])]
    public void Unary_functions_of_integers_stay_integers(ViewCase view, byte which, bool wide)
    {
        var kernel = s_integerKernels[which % s_integerKernels.Length];
        if (wide) Check<long>();
        else Check<int>();

        void Check<T>() where T : unmanaged, INumber<T>
        {
            using var x = view.Build(random => T.CreateChecked(random.Next(-9, 10)));
            using var y = Tensor.Allocate(x.Shape, x.DType, Device.Cpu);
            s_cpu.Map(kernel, x, y, -3, 4);
            Assert.Equal(Elements.AsDouble(x).Select(v => ElementwiseModel.Unary(kernel, v, -3, 4) + 0.0), Elements.AsDouble(y));
        }
    }

    [Property(MaxTest = 400, Arbitrary = [typeof(ViewCases)])]
    public void A_cotangent_goes_back_by_the_derivative_at_each_element(ViewCase view, UnaryKernel kernel, bool single)
    {
        if (single) Check<float>(1e-5);
        else Check<double>(1e-10);

        void Check<T>(double tolerance) where T : unmanaged, IFloatingPointIeee754<T>
        {
            var positive = kernel is UnaryKernel.Log or UnaryKernel.Log1p or UnaryKernel.Sqrt or UnaryKernel.Rsqrt or UnaryKernel.Reciprocal;
            using var x = view.Build(random => T.CreateTruncating((random.NextDouble() - (positive ? 0 : 0.5)) * 6 + (positive ? 0.1 : 0)));
            using var g = (view with { Seed = view.Seed + 1 }).Build(random => T.CreateTruncating(random.NextDouble() - 0.5));
            using var y = Tensor.Allocate(x.Shape, x.DType, Device.Cpu);
            using var dx = Tensor.Allocate(x.Shape, x.DType, Device.Cpu);
            s_cpu.Map(kernel, x, y, 0.7, 2.5);
            var kept = s_keepResult.Contains(kernel) ? y : x;
            s_cpu.MapVjp(kernel, g, kept, kept, dx, 0.7, 2.5);
            double[] at = Elements.AsDouble(x), cotangents = Elements.AsDouble(g), results = Elements.AsDouble(dx);
            for (var i = 0; i < results.Length; i++)
            {
                var wanted = cotangents[i] * ElementwiseModel.Derivative(kernel, at[i], single ? 0.7f : 0.7, 2.5);
                Assert.True(Math.Abs(results[i] - wanted) <= tolerance * (1 + Math.Abs(wanted)), $"{kernel}'({at[i]:R}) {cotangents[i]:R} = {results[i]:R}, wanted {wanted:R}");
            }
        }
    }

    [Theory]
    [InlineData(UnaryKernel.Relu, 0.0)]
    [InlineData(UnaryKernel.Relu, -1.0)]
    [InlineData(UnaryKernel.Abs, 0.0)]
    [InlineData(UnaryKernel.Sign, 3.0)]
    [InlineData(UnaryKernel.Floor, 3.5)]
    [InlineData(UnaryKernel.Clamp, 7.0)]
    public void Where_a_derivative_is_0_by_definition_an_infinite_cotangent_gives_0(UnaryKernel kernel, double x)
    {
        using var g = Tensor.Full([3], double.PositiveInfinity, DType.Float64);
        using var at = Tensor.Full([3], kernel == UnaryKernel.Relu ? Math.Max(x, 0) : x, DType.Float64);
        using var dx = Tensor.Full([3], 5, DType.Float64);
        s_cpu.MapVjp(kernel, g, at, at, dx, -1, 1);
        Assert.All(Elements.AsDouble(dx), d => Assert.Equal(0, d));
    }

    [Fact]
    public void Kinks_have_the_derivatives_of_the_contract()
    {
        Assert.Equal(0.25, Slope(UnaryKernel.Elu, 0, 0.25, 0)); // alpha
        Assert.Equal(1, Slope(UnaryKernel.Elu1, 0, 0, 0));
        Assert.Equal(1, Slope(UnaryKernel.Clamp, -1, -1, 1));
        Assert.Equal(1, Slope(UnaryKernel.Clamp, 1, -1, 1));
        Assert.Equal(double.PositiveInfinity, Slope(UnaryKernel.Sqrt, 0, 0, 0));
        Assert.Equal(1, Slope(UnaryKernel.Silu, double.PositiveInfinity, 0, 0));
        Assert.Equal(1, Slope(UnaryKernel.Gelu, double.PositiveInfinity, 0, 0));
        Assert.Equal(0, Slope(UnaryKernel.Gelu, double.NegativeInfinity, 0, 0));

        static double Slope(UnaryKernel kernel, double x, double p0, double p1)
        {
            using Tensor g = Tensor.Full([1], 1, DType.Float64), at = Tensor.Full([1], x, DType.Float64), dx = Tensor.Full([1], 9, DType.Float64);
            s_cpu.MapVjp(kernel, g, at, at, dx, p0, p1);
            return dx.Item();
        }
    }

    [Property(MaxTest = 400, Arbitrary = [typeof(ViewCases)])]
    public void Every_binary_function_of_two_views_is_the_function_of_each_pair(ViewCase a, ViewCase memory, BinaryKernel kernel, byte type)
    {
        switch (type % 4)
        {
            case 0: Check<float>(3e-7); break;
            case 1: Check<double>(1e-15); break;
            case 2: CheckIntegers<int>(); break;
            default: CheckIntegers<long>(); break;
        }

        void Check<T>(double tolerance) where T : unmanaged, IFloatingPointIeee754<T>
        {
            using var x = a.Build(random => T.CreateTruncating((random.NextDouble() - 0.3) * 4));
            using var z = Other(a, memory).Build(random => T.CreateTruncating((random.NextDouble() - 0.3) * 4));
            using var y = Tensor.Allocate(x.Shape, x.DType, Device.Cpu);
            s_cpu.Zip(kernel, x, z, y);
            double[] u = Elements.AsDouble(x), v = Elements.AsDouble(z), w = Elements.AsDouble(y);
            for (var i = 0; i < w.Length; i++)
                AssertClose(ElementwiseModel.Binary(kernel, u[i], v[i]), w[i], tolerance, $"{kernel}({u[i]:R}, {v[i]:R})");
        }

        void CheckIntegers<T>() where T : unmanaged, INumber<T>
        {
            if (kernel == BinaryKernel.Power) return;
            using var x = a.Build(random => T.CreateTruncating(random.Next(-1000, 1000)));
            using var z = Other(a, memory).Build(random => T.CreateTruncating(random.Next(1, 30) * (random.Next(2) * 2 - 1)));
            using var y = Tensor.Allocate(x.Shape, x.DType, Device.Cpu);
            s_cpu.Zip(kernel, x, z, y);
            Assert.Equal(
                Elements.AsDouble(x).Zip(Elements.AsDouble(z), (p, q) => (double)ElementwiseModel.Binary(kernel, (long)p, (long)q)),
                Elements.AsDouble(y));
        }
    }

    [Property(MaxTest = 200, Arbitrary = [typeof(ViewCases)])]
    public void A_scalar_operand_acts_as_a_tensor_full_of_it(ViewCase view, BinaryKernel kernel, bool first)
    {
        using var x = view.Build(random => (float)(random.NextDouble() * 3 + 0.1));
        using Tensor s = Tensor.Full(x.Shape, 1.3), y = Tensor.Allocate(x.Shape, x.DType, Device.Cpu), z = Tensor.Allocate(x.Shape, x.DType, Device.Cpu);
        s_cpu.ZipScalar(kernel, x, 1.3, first, y);
        if (first) s_cpu.Zip(kernel, s, x, z);
        else s_cpu.Zip(kernel, x, s, z);
        Assert.Equal(Elements.Bits(z), Elements.Bits(y));
    }

    [Property(MaxTest = 200, Arbitrary = [typeof(ViewCases)])]
    public void The_bits_of_a_result_depend_neither_on_strides_nor_on_position(ViewCase view, UnaryKernel kernel)
    {
        using var x = view.Build(random => (float)((random.NextDouble() - 0.5) * 20));
        using var dense = Strided.Copy<float>(x);
        using Tensor y = Tensor.Allocate(x.Shape, x.DType, Device.Cpu), z = Tensor.Allocate(x.Shape, x.DType, Device.Cpu);
        s_cpu.Map(kernel, x, y, 0.5, 2);
        s_cpu.Map(kernel, dense, z, 0.5, 2);
        Assert.Equal(Elements.Bits(z), Elements.Bits(y));
        if (x.Count == 0) return;

        var place = (int)(view.Seed % x.Count);
        using Tensor one = dense.Reshape(-1).Narrow(0, place, 1), alone = Tensor.Full([1], 0);
        s_cpu.Map(kernel, one, alone, 0.5, 2);
        Assert.Equal(BitConverter.SingleToInt32Bits(Elements.Of<float>(y)[place]), BitConverter.SingleToInt32Bits(Elements.Of<float>(alone)[0]));
    }

    [Property(MaxTest = 200, Arbitrary = [typeof(ViewCases)])]
    public void A_strided_result_is_written_where_it_lies_and_nowhere_else(ViewCase view, ViewCase memory)
    {
        var place = Other(view, memory);
        if (place.Steps.Contains(0)) return;
        using var x = view.Build(random => random.NextDouble());
        using var y = place.Build(_ => double.NaN);
        using var add = Strided.Twin<double>(y);
        s_cpu.Map(UnaryKernel.Negate, x, y, 0, 0);
        Assert.Equal(Elements.Of<double>(x).Select(v => -v), Elements.Of<double>(y));
        Assert.Equal(y.Count, Strided.Memory<double>(y).ToArray().Count(v => !double.IsNaN(v)));

        s_cpu.Zip(BinaryKernel.Add, x, x, add);
        Assert.Equal(Elements.Of<double>(x).Select(v => v + v), Elements.Of<double>(add));
        s_cpu.Axpy(3, x, y);
        Assert.Equal(Elements.Of<double>(x).Select(v => Math.FusedMultiplyAdd(3, v, -v)), Elements.Of<double>(y));
    }

    [Fact]
    public void Integer_division_by_zero_is_refused_and_the_quotient_that_does_not_fit_wraps()
    {
        using Tensor a = Tensor.FromArray([7, int.MinValue, -7]), b = Tensor.FromArray([2, -1, 2]), zero = Tensor.FromArray([1, 0, 1]), y = Tensor.Full([3], 0, DType.Int32);
        s_cpu.Zip(BinaryKernel.Divide, a, b, y);
        Assert.Equal([3, int.MinValue, -3], y.ToArray<int>());
        var error = Assert.Throws<TensorException>(() => s_cpu.Zip(BinaryKernel.Divide, a, zero, y));
        Assert.Contains("Int32 [3]", error.Message);
        Assert.Throws<TensorException>(() => s_cpu.ZipScalar(BinaryKernel.Divide, a, 0, scalarFirst: false, y));
        Assert.Throws<TensorException>(() => s_cpu.ZipScalar(BinaryKernel.Divide, zero, 1, scalarFirst: true, y));
    }

    [Fact]
    public void A_dtype_without_the_kernel_is_an_error_that_names_both()
    {
        using Tensor half = Tensor.Full([2], 1, DType.Float16), whole = Tensor.Full([2], 1, DType.Int64);
        Assert.Contains("Exp", Assert.Throws<TensorException>(() => s_cpu.Map(UnaryKernel.Exp, whole, whole, 0, 0)).Message);
        Assert.Contains("Float16", Assert.Throws<TensorException>(() => s_cpu.Zip(BinaryKernel.Add, half, half, half)).Message);
        Assert.Throws<TensorException>(() => s_cpu.Axpy(1, whole, whole));
    }

    [Theory]
    [InlineData(Activation.None)]
    [InlineData(Activation.Relu)]
    [InlineData(Activation.Gelu)]
    [InlineData(Activation.GeluTanh)]
    [InlineData(Activation.Silu)]
    [InlineData(Activation.Sigmoid)]
    [InlineData(Activation.Tanh)]
    public void The_gated_product_and_its_cotangents_are_those_of_its_parts(Activation activation)
    {
        var random = new Random(4);
        foreach (var n in new[] { 0, 1, 7, 33, 20_000 })
        {
            using Tensor gate = Strided.Contiguous<double>(random, n), up = Strided.Contiguous<double>(random, n), g = Strided.Contiguous<double>(random, n);
            using Tensor act = Strided.Empty<double>(n), y = Strided.Empty<double>(n), dgate = Strided.Empty<double>(n), dup = Strided.Empty<double>(n);
            s_cpu.Gated(activation, gate, up, y);
            s_cpu.GatedVjp(activation, g, gate, up, dgate, dup);
            UnaryKernel? kernel = activation == Activation.None ? null : Enum.Parse<UnaryKernel>(activation.ToString());
            double[] a = Elements.Of<double>(gate), u = Elements.Of<double>(up), c = Elements.Of<double>(g);
            for (var i = 0; i < n; i++)
            {
                var value = kernel is { } k ? ElementwiseModel.Unary(k, a[i], 0, 0) : a[i];
                var slope = kernel is { } d ? ElementwiseModel.Derivative(d, a[i], 0, 0) : 1;
                AssertClose(value * u[i], Elements.Of<double>(y)[i], 1e-13, $"{activation}({a[i]:R}) {u[i]:R}");
                AssertClose(c[i] * value, Elements.Of<double>(dup)[i], 1e-13, "dup");
                Assert.Equal(c[i] * u[i] * slope, Elements.Of<double>(dgate)[i], 1e-10);
                if (n > 100) i += 997;
            }
        }
    }

    [Fact]
    public void Large_results_do_not_depend_on_the_number_of_threads_nor_on_the_way_they_are_written()
    {
        // 36 MB: tiles for several threads, and stores past the caches, at an odd offset.
        const int N = 9_000_001;
        using var scope = Tensor.Scope();
        var x = Tensor.Full([N + 3], 0);
        var values = x.AsSpan<float>();
        for (var i = 0; i < values.Length; i++) values[i] = i % 1000 / 500f - 1;
        var view = x.Narrow(0, 3, N);
        Tensor y = Tensor.Full([N + 1], 0), z = Tensor.Full([N], 0);
        var place = y.Narrow(0, 1, N);
        var threads = CpuBackend.Threads;
        try
        {
            CpuBackend.Threads = 4;
            s_cpu.Map(UnaryKernel.Exp, view, place, 0, 0);
            CpuBackend.Threads = 1;
            s_cpu.Map(UnaryKernel.Exp, view, z, 0, 0);
        }
        finally
        {
            CpuBackend.Threads = threads;
        }

        Assert.True(y.AsSpan<float>()[1..].SequenceEqual(z.AsSpan<float>()));
        Assert.Equal(0, y.AsSpan<float>()[0]);
        Assert.Equal(Math.Exp(values[N / 2 + 3]), z.AsSpan<float>()[N / 2], 1e-6);
    }

    /// <summary>A view of the shape of one case in the memory of another.</summary>
    internal static ViewCase Other(ViewCase shape, ViewCase memory) => new(
        shape.Extents,
        [.. shape.Extents.Select((_, i) => memory.Order.Length > 0 ? memory.Order[i % memory.Order.Length] + i % 3 : 0)],
        [.. shape.Extents.Select((_, i) => memory.Steps.Length > 0 ? memory.Steps[i % memory.Steps.Length] : 1)],
        memory.Seed);

    private static void AssertClose(double wanted, double got, double tolerance, string what)
    {
        if (wanted.Equals(got) || wanted == got) return;
        if (double.IsNaN(wanted) && double.IsNaN(got)) return;
        Assert.True(Math.Abs(wanted - got) <= tolerance * Math.Max(Math.Abs(wanted), tolerance < 1e-10 ? 1e-300 : 1e-36),
            $"{what} = {got:R}, wanted {wanted:R}");
    }
}
