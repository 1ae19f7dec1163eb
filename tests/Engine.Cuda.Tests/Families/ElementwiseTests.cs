using Edifice.Engine.Backends;

namespace Edifice.Engine.Cuda.Tests.Families;

/// <summary>Maps, zips, comparisons, selections and copies beside the CPU's kernels.</summary>
public class ElementwiseTests
{
    private static readonly DType[] s_floats = [DType.Float32, DType.Float64];

    public static TheoryData<UnaryKernel> Unary => [.. Enum.GetValues<UnaryKernel>()];

    [Theory]
    [MemberData(nameof(Unary))]
    public void A_function_of_one_argument_has_the_cpus_values_and_special_values(UnaryKernel kernel)
    {
        foreach (var dtype in s_floats)
        {
            var x = Twin.Of(Numbers.SpecialAnd(203, 1), [203], dtype);
            var y = Twin.Room([203], dtype);
            Twin.Both((backend, on) => backend.Map(kernel, on(x), on(y), 0.7, 2.5));
            y.Agree(Apart(kernel), $"{kernel} of {dtype}");
        }
    }

    /// <summary>The card has the CPU's polynomials and so its bits; for the error function and what is built on it each has its own, and both
    /// errors count: below 2 units in the last place for erf, 5 for gelu.</summary>
    private static double Apart(UnaryKernel kernel) => kernel switch { UnaryKernel.Erf => 2 * 2, UnaryKernel.Gelu => 2 * 5, _ => 0 };

    [Theory]
    [MemberData(nameof(Unary))]
    public void A_derivative_has_the_cpus_values_and_special_values(UnaryKernel kernel)
    {
        foreach (var dtype in s_floats)
        {
            var g = Twin.Of(Numbers.Random(203, 2), [203], dtype);
            var kept = Twin.Of(Numbers.SpecialAnd(203, 1), [203], dtype);
            var dx = Twin.Room([203], dtype);
            Twin.Both((backend, on) => backend.MapVjp(kernel, on(g), on(kept), on(kept), on(dx), 0.7, 2.5));
            // The derivative of gelu has a zero, about which its own error is relative to 1.
            if (kernel == UnaryKernel.Gelu) dx.Near(dtype == DType.Float32 ? 1e-6 : 1e-15, $"the derivative of {kernel} of {dtype}");
            else dx.Agree(0, $"the derivative of {kernel} of {dtype}");
        }
    }

    [Fact]
    public void Integers_have_their_functions_of_one_argument()
    {
        foreach (var dtype in new[] { DType.Int32, DType.Int64 })
        {
            foreach (var kernel in new[] { UnaryKernel.Negate, UnaryKernel.Abs, UnaryKernel.Sign, UnaryKernel.Square, UnaryKernel.Relu, UnaryKernel.Clamp })
            {
                var x = Twin.Of([int.MinValue, int.MaxValue, 0, 1, -1, .. Numbers.Whole(30, 3, -1000, 1000)], [35], dtype);
                var y = Twin.Room([35], dtype);
                Twin.Both((backend, on) => backend.Map(kernel, on(x), on(y), -5, 7));
                y.Agree();
            }
        }
    }

    [Fact]
    public void Functions_of_two_arguments_have_the_cpus_values_for_every_pair_of_special_numbers()
    {
        var n = Numbers.Special.Length;
        foreach (var dtype in s_floats)
        {
            var a = Twin.Of(Numbers.Special, [n, 1], dtype).View(t => t.Expand([n, n]));
            var b = Twin.Of(Numbers.Special, [1, n], dtype).View(t => t.Expand([n, n]));
            foreach (var kernel in Enum.GetValues<BinaryKernel>())
            {
                var y = Twin.Room([n, n], dtype);
                Twin.Both((backend, on) => backend.Zip(kernel, on(a), on(b), on(y)));
                y.Agree(0, $"{kernel} of {dtype}");
            }
        }
    }

    [Fact]
    public void A_scalar_stands_for_either_operand()
    {
        foreach (var dtype in new[] { DType.Float32, DType.Float64, DType.Int32, DType.Int64 })
        {
            var x = Twin.Of([.. Numbers.Whole(21, 4, 1, 9), -3, -7], [23], dtype);
            foreach (var kernel in Enum.GetValues<BinaryKernel>())
            {
                if (kernel == BinaryKernel.Power && !dtype.IsFloating()) continue;
                foreach (var first in new[] { false, true })
                {
                    var y = Twin.Room([23], dtype);
                    Twin.Both((backend, on) => backend.ZipScalar(kernel, on(x), -2.75, first, on(y)));
                    y.Agree(0, $"{kernel} of {dtype}");
                }
            }
        }
    }

    [Fact]
    public void Integer_division_truncates_wraps_and_refuses_zero()
    {
        foreach (var (dtype, least) in new[] { (DType.Int32, (double)int.MinValue), (DType.Int64, (double)long.MinValue) })
        {
            var a = Twin.Of([least, least, 7, -7, 7, -7], [6], dtype);
            var b = Twin.Of([-1, 1, 2, 2, -2, -2], [6], dtype);
            var y = Twin.Room([6], dtype);
            Twin.Both((backend, on) => backend.Zip(BinaryKernel.Divide, on(a), on(b), on(y)));
            y.Agree();
            var zero = Twin.Of([1, 2, 3, 0, 5, 6], [6], dtype);
            Assert.Contains("divisor is 0", Assert.Throws<TensorException>(() => Twin.Gpu.Zip(BinaryKernel.Divide, a.Card, zero.Card, y.Card)).Message, StringComparison.Ordinal);
            Assert.Throws<TensorException>(() => Twin.Gpu.ZipScalar(BinaryKernel.Divide, a.Card, 0.5, false, y.Card));
        }
    }

    [Fact]
    public void Comparisons_agree_for_every_dtype()
    {
        foreach (var dtype in Enum.GetValues<DType>())
        {
            var values = dtype == DType.Bool ? [0, 1, 0, 1, 1, 0, 1, 0] : dtype.IsFloating() ? Numbers.Special : Numbers.Whole(40, 5, -3, 3);
            var n = values.Length;
            var a = Twin.Of(values, [n, 1], dtype).View(t => t.Expand([n, n]));
            var b = Twin.Of(values, [1, n], dtype).View(t => t.Expand([n, n]));
            foreach (var kernel in Enum.GetValues<CompareKernel>())
            {
                var y = Twin.Room([n, n], DType.Bool);
                Twin.Both((backend, on) => backend.Compare(kernel, on(a), on(b), on(y)));
                y.Agree();
                foreach (var s in new[] { 0, 1, -1, 0.5, -0.5, 1e30, -1e30, 2.5, double.NaN, double.PositiveInfinity, 1e-45, 1.00390625 })
                {
                    var z = Twin.Room([n], DType.Bool);
                    var column = a.View(t => t.Slice(1, 0, 1).Reshape([n]));
                    Twin.Both((backend, on) => backend.CompareScalar(kernel, on(column), s, on(z)));
                    z.Agree(what: $"{dtype} {kernel} {s}");
                }
            }
        }
    }

    [Fact]
    public void Selection_moves_bits_of_every_dtype()
    {
        foreach (var dtype in Enum.GetValues<DType>())
        {
            var condition = Twin.Of(Numbers.Whole(29, 6, 0, 1), [29], DType.Bool);
            var a = Twin.Of(dtype == DType.Bool ? Numbers.Whole(29, 7, 0, 1) : Numbers.Whole(29, 7, -90, 90), [29], dtype);
            var b = Twin.Of(dtype == DType.Bool ? Numbers.Whole(29, 8, 0, 1) : Numbers.Whole(29, 8, -90, 90), [29], dtype);
            var y = Twin.Room([29], dtype);
            Twin.Both((backend, on) => backend.Select(on(condition), on(a), on(b), on(y)));
            y.Agree();
        }
    }

    [Fact]
    public void A_scaled_tensor_is_added_in_place()
    {
        foreach (var dtype in s_floats)
        {
            var x = Twin.Of(Numbers.Random(45, 9), [9, 5], dtype).View(t => t.Transpose(0, 1));
            var y = Twin.Of(Numbers.Random(45, 10), [5, 9], dtype);
            Twin.Both((backend, on) => backend.Axpy(-0.3, on(x), on(y)));
            y.Agree();
        }
    }

    [Fact]
    public void Every_dtype_is_copied_into_every_other_with_one_rounding()
    {
        double[] ties = [1.00390625, 1.01171875, 1.0039062500001, 257, 259, 0x1000001, 0x1008001, 1.00048828125, 1.00146484375, 2049, 2051, 3.39e38, 65519, 65520, 6e-8, 3e-8, 2.98e-8];
        foreach (var from in Enum.GetValues<DType>())
        {
            var values = from == DType.Bool ? Numbers.Whole(20, 11, 0, 1)
                : from.IsFloating() ? [.. Numbers.Special, .. ties]
                : [int.MinValue, int.MaxValue, .. ties.Select(v => Math.Round(v)), .. Numbers.Whole(40, 12, -70000, 70000)];
            if (from == DType.Int64) values = [.. values, 9007199254740993, -9007199254740995, 4.6e18, 1152921504606846977];
            var x = Twin.Of(values, [values.Length], from);
            foreach (var to in Enum.GetValues<DType>())
            {
                var y = Twin.Room([values.Length], to == DType.Bool ? DType.Bool : to);
                Twin.Both((backend, on) => backend.Copy(on(x), on(y)));
                y.Agree(what: $"{from} to {to}");
            }
        }
    }

    [Fact]
    public void Filling_writes_the_number_as_every_dtype_and_nothing_beside_the_view()
    {
        foreach (var dtype in Enum.GetValues<DType>())
        {
            foreach (var value in new[] { 0, 1, -2.5, 1e10, 300.7 })
            {
                var y = Twin.Room([4, 6], dtype);
                var inner = y.View(t => t.Slice(1, 1, 3));
                Twin.Both((backend, on) => backend.Fill(on(inner), value));
                y.Agree(what: $"{value} as {dtype}");
            }
        }
    }

    [Fact]
    public void Views_of_any_kind_are_read_and_written_in_place()
    {
        foreach (var dtype in new[] { DType.Float32, DType.Float64, DType.Int32 })
        {
            var a = Twin.Of(Numbers.Whole(4 * 3 * 5 * 2, 13, -50, 50), [4, 3, 5, 2], dtype);
            Func<Tensor, Tensor>[] views =
            [
                t => t, t => t.Transpose(0, 3), t => t.Flip(2), t => t.Slice(2, 1, 4), t => t.Slice(0, 1, 4, 2), t => t.Transpose(1, 2).Flip(0),
                t => t.Slice(3, 1, 2).Expand([4, 3, 5, 6]), t => t.Slice(1, 0, 0), t => t.Reshape([60, 2]).Slice(0, 1, 57),
                t => t.Reshape([2, 2, 3, 1, 5, 1, 2, 1]).Transpose(0, 6).Transpose(1, 4),
            ];
            foreach (var view in views)
            {
                var v = a.View(view);
                var dims = v.Host.Shape.AsSpan().ToArray();
                var y = Twin.Room(dims, dtype);
                Twin.Both((backend, on) => backend.Zip(BinaryKernel.Subtract, on(v), on(v), on(y)));
                y.Agree();
                Twin.Both((backend, on) => backend.Zip(BinaryKernel.Add, on(v), on(y), on(y)));
                y.Agree();
                if (v.Host.Strides.Contains(0)) continue;
                var whole = Twin.Of(Numbers.Whole(120, 14, -50, 50), [4, 3, 5, 2], dtype);
                var part = whole.View(view);
                Twin.Both((backend, on) => backend.ZipScalar(BinaryKernel.Multiply, on(part), 3, false, on(part)));
                whole.Agree();
            }
        }
    }

    [Fact]
    public void Transposed_copies_go_by_tiles_for_every_size_of_element()
    {
        foreach (var dtype in Enum.GetValues<DType>())
        {
            foreach (var dims in new[] { new[] { 33, 65 }, [2, 40, 3, 17], [64, 16] })
            {
                var count = dims.Aggregate(1, (p, d) => p * d);
                var x = Twin.Of(dtype == DType.Bool ? Numbers.Whole(count, 15, 0, 1) : Numbers.Whole(count, 15, -100, 100), dims, dtype)
                    .View(t => t.Transpose(dims.Length == 4 ? 1 : 0, dims.Length - 1));
                var y = Twin.Room(x.Host.Shape.AsSpan().ToArray(), dtype);
                Twin.Both((backend, on) => backend.Copy(on(x), on(y)));
                y.Agree();
            }
        }
    }
}
