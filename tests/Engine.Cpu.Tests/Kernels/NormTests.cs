using System.Numerics;
using Edifice.Engine.Backends;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public sealed class NormTests
{
    private static readonly CpuBackend s_cpu = CpuBackend.Instance;

    private sealed record Operands(double[] X, double[] G, double[]? Weight, double[]? Bias, int Rows, int N);

    private sealed record Results(double[] Y, double[] Dx, double[] DWeight, double[] DBias)
    {
        /// <summary>The largest r |y|: what the terms of dx cancel from.</summary>
        public double Slope { get; set; }
    }

    private static Results Model(NormKernel kernel, Operands o, double eps)
    {
        var result = new Results(new double[o.X.Length], new double[o.X.Length], new double[o.N], new double[o.N]);
        for (var r = 0; r < o.Rows; r++)
        {
            double[] x = o.X[(r * o.N)..((r + 1) * o.N)], g = o.G[(r * o.N)..((r + 1) * o.N)];
            var mean = kernel == NormKernel.Layer ? x.Average() : 0;
            mean += kernel == NormKernel.Layer ? x.Average(v => v - mean) : 0;
            var scale = 1 / Math.Sqrt(x.Average(v => (v - mean) * (v - mean)) + eps);
            var normal = x.Select(v => (v - mean) * scale).ToArray();
            var y = g.Select((v, i) => v * (o.Weight?[i] ?? 1)).ToArray();
            double meanY = kernel == NormKernel.Layer ? y.Average() : 0, meanYNormal = y.Zip(normal, (a, b) => a * b).Average();
            result.Slope = Math.Max(result.Slope, scale * y.Select(Math.Abs).Max());
            for (var i = 0; i < o.N; i++)
            {
                result.Y[r * o.N + i] = normal[i] * (o.Weight?[i] ?? 1) + (o.Bias?[i] ?? 0);
                result.Dx[r * o.N + i] = scale * (y[i] - meanY - normal[i] * meanYNormal);
                result.DWeight[i] += g[i] * normal[i];
                result.DBias[i] += g[i];
            }
        }

        return result;
    }

    private static Results Run<T>(NormKernel kernel, Operands o, double eps) where T : unmanaged, INumber<T>
    {
        Tensor Make(double[] values, Shape shape) => Tensor.FromArray(Array.ConvertAll(values, v => T.CreateTruncating(v)), shape);
        var x = Make(o.X, [o.Rows, o.N]);
        Tensor? weight = o.Weight is null ? null : Make(o.Weight, [o.N]), bias = o.Bias is null ? null : Make(o.Bias, [o.N]);
        Tensor New(Shape shape) => Tensor.Allocate(shape, x.DType, Device.Cpu);
        Tensor y = New(x.Shape), rstd = New([o.Rows]), dx = New(x.Shape), dweight = New([o.N]), dbias = New([o.N]);
        var mean = kernel == NormKernel.Layer ? New([o.Rows]) : null;
        s_cpu.Norm(kernel, x, weight, bias, eps, y, mean, rstd);
        s_cpu.NormVjp(kernel, Make(o.G, x.Shape), x, weight, mean, rstd, dx, dweight, dbias);
        return new Results(Elements.AsDouble(y), Elements.AsDouble(dx), Elements.AsDouble(dweight), Elements.AsDouble(dbias));
    }

    private static Operands Draw<T>(int rows, int n, int seed, bool affine, double mean) where T : INumber<T>
    {
        var random = new Random(seed);
        // Rounded to the dtype first: the model must see the same numbers.
        double[] Numbers(int count, double around) => [.. Enumerable.Range(0, count)
            .Select(_ => double.CreateTruncating(T.CreateTruncating(around + 2 * random.NextDouble() - 1)))];
        return new Operands(Numbers(rows * n, mean), Numbers(rows * n, 0), affine ? Numbers(n, 1) : null, affine ? Numbers(n, 0) : null, rows, n);
    }

    private static string? Difference(string what, double[] found, double[] exact, double tolerance)
    {
        var scale = exact.Select(Math.Abs).Max();
        for (var i = 0; i < exact.Length; i++)
            if (!(Math.Abs(found[i] - exact[i]) <= tolerance * (1 + scale))) return $"{what}[{i}] = {found[i]:R}, exact {exact[i]:R}";
        return null;
    }

    private static string? Complaint<T>(NormKernel kernel, int rows, int n, int seed, bool affine, double mean, double epsilon)
        where T : unmanaged, INumber<T>
    {
        const double Eps = 1e-5;
        var operands = Draw<T>(rows, n, seed, affine, mean);
        Results found = Run<T>(kernel, operands, Eps), exact = Model(kernel, operands, Eps);
        var tolerance = 16 * epsilon * (1 + Math.Log2(n * rows));
        return Difference("y", found.Y, exact.Y, tolerance) ?? Difference("dx", found.Dx, exact.Dx, tolerance * (1 + exact.Slope)) ??
            Difference("dweight", found.DWeight, exact.DWeight, tolerance) ?? Difference("dbias", found.DBias, exact.DBias, tolerance);
    }

    [Property]
    public Property Norms_and_their_gradients_agree_with_the_naive_model(byte rows, ushort n, int seed, bool affine, bool rms)
    {
        var kernel = rms ? NormKernel.Rms : NormKernel.Layer;
        int m = 1 + rows % 150, width = 1 + n % 200;
        return Law.Holds(Complaint<float>(kernel, m, width, seed, affine, 0.3, Math.Pow(2, -24)) ??
            Complaint<double>(kernel, m, width, seed, affine, 0.3, Math.Pow(2, -53)));
    }

    [Theory]
    [InlineData(NormKernel.Layer, 3, 5000)]
    [InlineData(NormKernel.Rms, 3, 5000)]
    [InlineData(NormKernel.Layer, 1000, 96)]
    [InlineData(NormKernel.Rms, 1000, 97)]
    public void Norms_of_long_and_of_many_rows_agree_with_the_naive_model(NormKernel kernel, int rows, int n) =>
        Assert.Null(Complaint<float>(kernel, rows, n, 1, affine: true, 0.1, Math.Pow(2, -24)));

    [Theory]
    [InlineData(1e4, 64)]
    [InlineData(1e5, 1000)]
    public void Layer_norm_in_float_keeps_its_digits_under_a_large_mean(double mean, int n)
    {
        var operands = Draw<float>(5, n, 7, affine: true, mean);
        Results found = Run<float>(NormKernel.Layer, operands, 1e-5), exact = Model(NormKernel.Layer, operands, 1e-5);
        Assert.Null(Difference("y", found.Y, exact.Y, 2e-6));
        Assert.Null(Difference("dx", found.Dx, exact.Dx, 5e-6));
        Assert.Null(Difference("dweight", found.DWeight, exact.DWeight, 5e-6));
    }

    [Fact]
    public void Layer_norm_of_width_one_gives_the_bias_and_no_gradient()
    {
        var operands = new Operands([3, -1e6, 0.1], [1, 2, 3], [2], [0.5], 3, 1);
        var found = Run<float>(NormKernel.Layer, operands, 1e-5);
        Assert.Equal([0.5, 0.5, 0.5], found.Y);
        Assert.Equal([0.0, 0, 0], found.Dx);
        Assert.Equal([0.0], found.DWeight);
        Assert.Equal([6.0], found.DBias);
    }

    private static string? ComplaintOfSize<T>(NormKernel kernel, int n, int seed, int exponent, double epsilon) where T : unmanaged, INumber<T>
    {
        // Mantissas short enough that a scaled row has the very same ones.
        var random = new Random(seed);
        double[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(-2000, 2000) / 1024.0)];
        var operands = new Operands(Numbers(2 * n), Numbers(2 * n), Numbers(n), Numbers(n), 2, n);
        Results plain = Run<T>(kernel, operands, 0), scaled = Run<T>(kernel, operands with { X = [.. operands.X.Select(v => Math.ScaleB(v, exponent))] }, 0);
        var tolerance = 32 * epsilon * (1 + Math.Log2(n));
        var slope = plain.Dx.Select(Math.Abs).Max() + Model(kernel, operands, 0).Slope;
        return Difference($"2^{exponent}: y", scaled.Y, plain.Y, tolerance) ?? Difference($"2^{exponent}: dweight", scaled.DWeight, plain.DWeight, tolerance) ??
            Difference($"2^{exponent}: dx", [.. scaled.Dx.Select(v => Math.ScaleB(v, exponent))], plain.Dx, tolerance * (1 + slope));
    }

    [Property]
    public Property Without_eps_a_norm_does_not_see_the_size_of_its_row(byte n, int seed, byte power, bool negative, bool rms)
    {
        int width = 2 + n % 100, exponent = (negative ? -1 : 1) * power;
        var kernel = rms ? NormKernel.Rms : NormKernel.Layer;
        return Law.Holds(ComplaintOfSize<float>(kernel, width, seed, exponent * 110 / 255, Math.Pow(2, -24)) ??
            ComplaintOfSize<double>(kernel, width, seed, exponent * 950 / 255, Math.Pow(2, -53)));
    }

    [Fact]
    public void Results_that_are_not_wanted_are_left_out()
    {
        var o = Draw<double>(70, 9, 3, affine: true, 0);
        Tensor x = Tensor.FromArray(o.X, [70, 9]), g = Tensor.FromArray(o.G, [70, 9]), w = Tensor.FromArray(o.Weight!);
        Tensor y = Tensor.Allocate(x.Shape, DType.Float64, Device.Cpu), mean = Tensor.Allocate([70], DType.Float64, Device.Cpu), rstd = Tensor.Allocate([70], DType.Float64, Device.Cpu);
        s_cpu.Norm(NormKernel.Layer, x, w, null, 1e-5, y, mean, rstd);
        Tensor alone = Tensor.Allocate(x.Shape, DType.Float64, Device.Cpu);
        s_cpu.Norm(NormKernel.Layer, x, w, null, 1e-5, alone, null, null);
        Assert.Equal(Elements.Bits(y), Elements.Bits(alone));

        var exact = Run<double>(NormKernel.Layer, o with { Bias = null }, 1e-5);
        Tensor dx = Tensor.Allocate(x.Shape, DType.Float64, Device.Cpu), dbias = Tensor.Allocate([9], DType.Float64, Device.Cpu);
        s_cpu.NormVjp(NormKernel.Layer, g, x, w, mean, rstd, dx, null, null);
        s_cpu.NormVjp(NormKernel.Layer, g, x, w, mean, rstd, null, null, dbias);
        Assert.Equal(exact.Dx, Elements.Of<double>(dx));
        Assert.Equal(exact.DBias, Elements.Of<double>(dbias));
    }
}
