using System.Numerics;
using Edifice.Engine.Cpu.Kernels.Fourier;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Serialization;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels.Fourier;

public unsafe class Fourier2RealTests
{
    public static TheoryData<string> GoldenFiles => [.. RepositoryFiles.GoldenNames("op-fft2_real-")];

    [Theory]
    [MemberData(nameof(GoldenFiles))]
    public void Golden_values_and_gradients_are_met_to_1e_12(string name)
    {
        using var file = SafetensorsFile.Open(RepositoryFiles.Golden(name));
        foreach (var (input, output) in new[] { ("in.x", "out.out"), ("cotangent.out", "grad.x") }) // its own adjoint
        {
            var x = file.Read(input);
            double[] expected = file.Read(output).ToArray<double>(), actual = Apply(x.ToArray<double>(), x.Size(0), x.Size(1), x.Size(2));
            for (var i = 0; i < expected.Length; i++) Assert.InRange(actual[i], expected[i] - 1e-12 * (1 + Math.Abs(expected[i])), expected[i] + 1e-12 * (1 + Math.Abs(expected[i])));
        }
    }

    public static TheoryData<int, int> Sizes
    {
        get
        {
            int[] few = [1, 2, 7, 12, 97], wide = [1, 2, 3, 5, 15, 16, 17, 31, 32, 33, 48, 63, 131, 256, 257];
            var sizes = new TheoryData<int, int>();
            foreach (var l in few)
                foreach (var h in few.Union(wide)) sizes.Add(l, h);
            foreach (var l in wide) sizes.Add(l, 12);
            return sizes;
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Equals_the_direct_double_transform_in_every_register_width(int length, int width)
    {
        const int slices = 2;
        var random = new Random(length * 1000 + width);
        var x = new double[slices * length * width];
        for (var i = 0; i < x.Length; i++) x[i] = 2 * (float)random.NextDouble() - 1;
        double[] expected =
        [
            .. DirectTransform.RealPart(x.AsSpan(0, length * width), length, width),
            .. DirectTransform.RealPart(x.AsSpan(length * width), length, width),
        ];
        Check<Lanes128<double>, double>(1e-10);
        Check<Lanes128<float>, float>(1e-5);
        if (Isa.Has256)
        {
            Check<Lanes256<double>, double>(1e-10);
            Check<Lanes256<float>, float>(1e-5);
        }

        if (Isa.Has512)
        {
            Check<Lanes512<double>, double>(1e-10);
            Check<Lanes512<float>, float>(1e-5);
        }

        void Check<V, T>(double tolerance) where V : unmanaged, ILanes<V, T> where T : unmanaged, INumber<T>
        {
            T[] input = [.. x.Select(T.CreateChecked)], output = new T[x.Length];
            fixed (T* px = input, py = output) new SliceTransform<V, T>(length, width).Run(px, py, slices);
            var largest = 1 + expected.Max(Math.Abs);
            for (var i = 0; i < output.Length; i++)
            {
                var error = Math.Abs(double.CreateChecked(output[i]) - expected[i]);
                Assert.True(error <= tolerance * (typeof(T) == typeof(float) ? largest : 1), $"{typeof(V).Name}, element {i}: error {error:E2}");
            }
        }
    }

    [Property(MaxTest = 30)]
    public bool Single_precision_stays_within_a_few_ulps_per_level(byte l, byte h)
    {
        int length = 1 + l, width = 1 + h;
        var random = new Random(l * 256 + h);
        var x = Enumerable.Range(0, length * width).Select(_ => (float)random.NextDouble() - 0.5f).ToArray();
        var single = Apply(x, 1, length, width);
        var twice = Apply([.. x.Select(v => (double)v)], 1, length, width);
        var error = DirectTransform.RelativeError([.. single.Select(v => (double)v)], twice);
        return error <= 6e-8 * 3 * (1 + Math.Log2((double)length * width));
    }

    [Property(MaxTest = 30)]
    public bool Is_its_own_adjoint(byte l, byte h)
    {
        int length = 1 + l % 70, width = 1 + h % 70;
        var random = new Random(l * 256 + h);
        var x = Enumerable.Range(0, length * width).Select(_ => random.NextDouble() - 0.5).ToArray();
        var y = Enumerable.Range(0, length * width).Select(_ => random.NextDouble() - 0.5).ToArray();
        double left = Apply(x, 1, length, width).Zip(y, (a, b) => a * b).Sum(), right = Apply(y, 1, length, width).Zip(x, (a, b) => a * b).Sum();
        return Math.Abs(left - right) <= 1e-12 * length * width;
    }

    [Property(MaxTest = 30)]
    public bool A_slice_has_the_same_bits_alone_and_beside_one_of_NaN(byte l, byte h)
    {
        int length = 1 + l % 50, width = 1 + h % 50, size = length * width;
        var random = new Random(l * 256 + h);
        var x = new float[4 * size];
        for (var i = 0; i < x.Length; i++) x[i] = i < size ? float.NaN : (float)random.NextDouble();
        var all = Apply(x, 4, length, width);
        var alone = Apply(x[^size..], 1, length, width);
        return all[..size].All(float.IsNaN) && !all[size..].Any(float.IsNaN) && alone.AsSpan().SequenceEqual(all.AsSpan(3 * size));
    }

    [Fact]
    public void No_slices_are_no_work() => Assert.Empty(Apply(Array.Empty<float>(), 0, 8, 8));

    private static T[] Apply<T>(T[] values, int slices, int length, int width) where T : unmanaged
    {
        using var x = Tensor.FromArray(values, [slices, length, width]);
        using var y = Tensor.FromArray(new T[values.Length], [slices, length, width]);
        CpuBackend.Instance.Fourier2Real(x, y);
        return y.ToArray<T>();
    }
}
