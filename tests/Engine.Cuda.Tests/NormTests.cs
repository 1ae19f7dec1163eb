using Edifice.Engine.Backends;
using FsCheck.Xunit;

namespace Edifice.Engine.Cuda.Tests;

public class NormTests
{
    [Theory]
    [InlineData(3, 1)]
    [InlineData(5, 31)]
    [InlineData(65, 32)]
    [InlineData(130, 33)]
    [InlineData(3, 1000)]
    [InlineData(2, 5000)]
    [InlineData(0, 8)]
    public void Norms_of_rows_of_any_length_are_the_cpus_forward_and_backward(int rows, int n)
    {
        foreach (var type in KernelPair.Floats)
        {
            foreach (var kernel in new[] { NormKernel.Layer, NormKernel.Rms })
            {
                Forward(type, kernel, Operand.Normal(n, 2, rows, n), affine: true, 1e-5, 0);
                Backward(type, kernel, Operand.Normal(n, 2, rows, n), affine: true, 1e-5, 0);
            }
        }
    }

    [Property(MaxTest = 15)]
    public void Norms_of_random_rows_are_the_cpus(byte rows, ushort length, int seed)
    {
        var x = Operand.Normal(seed, 3, 1 + rows % 80, 1 + length % 300);
        var kernel = (seed & 1) != 0 ? NormKernel.Layer : NormKernel.Rms;
        Forward(DType.Float32, kernel, x, (seed & 2) != 0, 1e-5, (seed >> 2) & 3);
        Backward(DType.Float32, kernel, x, (seed & 2) != 0, 1e-5, (seed >> 2) & 3);
    }

    [Fact]
    public void A_large_mean_costs_no_digits()
    {
        var x = Operand.Normal(1, 1, 4, 300);
        for (var i = 0; i < x.Values.Length; i++) x.Values[i] = (float)(x.Values[i] + 1000);
        foreach (var type in KernelPair.Floats)
        {
            Forward(type, NormKernel.Layer, x, affine: false, 1e-5, 0);
            Backward(type, NormKernel.Layer, x, affine: false, 1e-5, 0);
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(1100)]
    public void Rows_whose_squares_leave_the_range_are_normalized_all_the_same(int n)
    {
        foreach (var type in KernelPair.Floats)
        {
            double[] sizes = type == DType.Float32 ? [1e30, 1e-30, 1e36, 1e-38] : [1e200, 1e-200, 1e290, 1e-300];
            foreach (var size in sizes)
            {
                foreach (var kernel in new[] { NormKernel.Layer, NormKernel.Rms })
                {
                    var x = Operand.Normal(3, size, 3, n);
                    KernelPair.Agree(type, 20, 1, [x], [x.Dims], (b, i, r) => b.Norm(kernel, i[0]!, null, null, 0, r[0]!, null, null));
                    KernelPair.Agree(type, 20, 1, [x], [x.Dims], (b, i, r) => b.Norm(kernel, i[0]!, null, null, 1e-5, r[0]!, null, null));
                }
            }
        }
    }

    [Fact]
    public void Backward_of_rows_whose_products_leave_the_range_is_finite()
    {
        foreach (var kernel in new[] { NormKernel.Layer, NormKernel.Rms })
        {
            double size = 1e25;
            var x = Operand.Normal(3, size, 3, 70);
            var g = Operand.Normal(4, 1e17, 3, 70);
            var mean = Operand.Of([.. Enumerable.Range(0, 3).Select(r => (double)(float)x.Values[(r * 70)..(r * 70 + 70)].Average())], 3);
            var rstd = Operand.Of([.. Enumerable.Range(0, 3).Select(_ => 1 / size)], 3);
            KernelPair.Agree(DType.Float32, 40, 1e17 / size, [g, x, mean, rstd], [x.Dims],
                (b, i, r) => b.NormVjp(kernel, i[0]!, i[1]!, null, i[2], i[3]!, r[0], null, null));
        }
    }

    [Fact]
    public void Rows_with_nan_and_infinities_are_the_cpus()
    {
        foreach (var type in KernelPair.Floats)
        {
            foreach (var kernel in new[] { NormKernel.Layer, NormKernel.Rms })
            {
                var x = Operand.Normal(2, 1, 4, 40).With((3, double.NaN), (45, double.PositiveInfinity), (90, double.NegativeInfinity));
                Forward(type, kernel, x, affine: true, 1e-5, 0, statistics: false);
            }
        }
    }

    private static void Forward(DType type, NormKernel kernel, Operand x, bool affine, double eps, int offset, bool statistics = true)
    {
        var n = x.Dims[1];
        Operand? weight = affine ? Operand.Normal(7, 1, n) : null, bias = affine ? Operand.Normal(8, 1, n) : null;
        int[]? perRow = statistics ? [x.Dims[0]] : null;
        var mean = kernel == NormKernel.Layer ? perRow : null;
        KernelPair.Agree(type, 20, 1, [x, weight, bias], [x.Dims, mean, perRow],
            (b, i, r) => b.Norm(kernel, i[0]!, i[1], i[2], eps, r[0]!, r[1], r[2]), offset);
    }

    private static void Backward(DType type, NormKernel kernel, Operand x, bool affine, double eps, int offset)
    {
        int rows = x.Dims[0], n = x.Dims[1];
        var layer = kernel == NormKernel.Layer;
        double[] mean = new double[rows], rstd = new double[rows];
        for (var r = 0; r < rows; r++)
        {
            var row = x.Values[(r * n)..(r * n + n)];
            mean[r] = layer ? row.Average() : 0;
            // As a forward pass keeps them: rounded to the type.
            if (type == DType.Float32) mean[r] = (float)mean[r];
            rstd[r] = 1 / Math.Sqrt(row.Average(v => (v - mean[r]) * (v - mean[r])) + eps);
        }

        var g = Operand.Normal(9, 1, x.Dims);
        Operand? weight = affine ? Operand.Normal(7, 1, n) : null;
        int[]? sums = affine ? [n] : null;
        var scale = rstd.Append(1).Max() * 4;
        KernelPair.Agree(type, 16 + Math.Sqrt(n), scale, [g, x, weight, layer ? Operand.Of(mean, rows) : null, Operand.Of(rstd, rows)], [x.Dims, sums, sums],
            (b, i, r) => b.NormVjp(kernel, i[0]!, i[1]!, i[2], i[3], i[4]!, r[0], r[1], r[2]), offset);
        if (!affine) return;
        KernelPair.Agree(type, 16 + Math.Sqrt(n), scale, [g, x, weight, layer ? Operand.Of(mean, rows) : null, Operand.Of(rstd, rows)], [sums],
            (b, i, r) => b.NormVjp(kernel, i[0]!, i[1]!, i[2], i[3], i[4]!, null, r[0], null), offset);
    }
}
