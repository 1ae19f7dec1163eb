using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels.Fourier;
using Edifice.Engine.Cpu.Simd;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels.Fourier;

public unsafe class FourierTests
{
    /// <summary>Every radix and way: direct primes, convolutions across rows and along one, splits with and without full
    /// registers, lengths around register widths.</summary>
    public static TheoryData<int> Lengths =>
    [
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 24, 25, 31, 32, 33, 49, 60, 63, 64, 65, 97, 121, 127, 128, 131, 144, 210,
        251, 256, 257, 262, 289, 343, 360, 384, 509, 512, 600, 729, 1000, 1009, 1024, 1331, 2048, 2053,
    ];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void All_four_kernels_equal_the_definition_in_every_register_width(int n)
    {
        var cases = new Reference(n);
        cases.Check<Lanes128<double>, double>();
        cases.Check<Lanes128<float>, float>();
        if (Isa.Has256)
        {
            cases.Check<Lanes256<double>, double>();
            cases.Check<Lanes256<float>, float>();
        }

        if (Isa.Has512)
        {
            cases.Check<Lanes512<double>, double>();
            cases.Check<Lanes512<float>, float>();
        }
    }

    /// <summary>Inputs of one length that float holds exactly, two rows of each kind, and their transforms.</summary>
    private sealed class Reference
    {
        private readonly int _n;
        private readonly double[] _pairs, _real, _forward, _inverse, _half, _disturbed;

        public Reference(int n)
        {
            var random = new Random(_n = n);
            _pairs = [.. Enumerable.Range(0, 4 * n).Select(_ => 2 * random.NextSingle() - 1)];
            _real = [.. Enumerable.Range(0, 2 * n).Select(_ => 2 * random.NextSingle() - 1)];
            _forward = EachRow(_pairs, row => DirectTransform.Of(row));
            _inverse = EachRow(_pairs, row => [.. DirectTransform.Of(row, sign: 1).Select(v => v / n)]);
            _half = EachRow(_real, row => DirectTransform.Of([.. row.SelectMany(v => new[] { v, 0 })])[..(2 * (n / 2 + 1))]);

            // Imaginary parts that no real signal has are to be ignored.
            _disturbed = EachRow(_half, row =>
            {
                double[] changed = [.. row];
                changed[1] = 1e6;
                if (n % 2 == 0) changed[^1] = -1e6;
                return changed;
            });
        }

        public void Check<V, T>() where V : unmanaged, ILanes<V, T> where T : unmanaged, INumber<T>
        {
            AssertClose(FourierKernel.Forward, _pairs, _forward);
            AssertClose(FourierKernel.Inverse, _pairs, _inverse);
            AssertClose(FourierKernel.RealForward, _real, _half);
            AssertClose(FourierKernel.RealInverse, _disturbed, _real);

            void AssertClose(FourierKernel kernel, double[] input, double[] expected)
            {
                // Root-mean-square error: one unit per level, three transforms in a convolution; the reference errs in double.
                var bound = 3 * (typeof(T) == typeof(float) ? 6e-8 : 1.2e-16) * (1 + Math.Log2(_n)) + 1e-14;
                T[] x = [.. input.Select(T.CreateChecked)], y = new T[expected.Length];
                fixed (T* px = x, py = y) SignalTransform<V, T>.Run(kernel, px, py, _n, 2);
                var error = DirectTransform.RelativeError([.. y.Select(double.CreateChecked)], expected);
                Assert.True(error <= bound, $"{kernel}, n = {_n}, {typeof(V).Name} of {typeof(T).Name}: error {error:E2}, bound {bound:E2}");
            }
        }

        private static double[] EachRow(double[] rows, Func<double[], double[]> function) =>
            [.. function(rows[..(rows.Length / 2)]), .. function(rows[(rows.Length / 2)..])];
    }

    [Property(MaxTest = 60)]
    public bool A_row_has_the_same_bits_alone_and_among_others_of_which_one_is_NaN(byte length, byte rows, FourierKernel kernel)
    {
        var n = 1 + length * 3;
        var count = 2 + rows % 40;
        var (inputs, outputs) = RowSizes(kernel, n);
        var x = Numbers<float>(new Random(length), count * inputs);
        Array.Fill(x, float.NaN, 0, inputs);
        var all = Apply(kernel, x, n, count);
        var last = Apply(kernel, x[^inputs..], n, 1);
        return all.AsSpan(0, outputs).ToArray().Any(float.IsNaN)
            && !all.AsSpan(outputs).ToArray().Any(float.IsNaN)
            && last.AsSpan().SequenceEqual(all.AsSpan(all.Length - outputs));
    }

    [Property(MaxTest = 60)]
    public bool A_shift_of_the_signal_turns_the_bins(ushort length, ushort shift)
    {
        var n = 1 + length % 700;
        var x = Numbers<double>(new Random(length), 2 * n);
        var shifted = new double[2 * n];
        for (var j = 0; j < n; j++)
        {
            var to = (j + shift) % n;
            (shifted[2 * to], shifted[2 * to + 1]) = (x[2 * j], x[2 * j + 1]);
        }

        double[] bins = Apply(FourierKernel.Forward, x, n, 1), expected = new double[2 * n];
        for (var k = 0; k < n; k++)
        {
            var (c, s) = RootsOfUnity.At(-(long)k * shift, n);
            expected[2 * k] = bins[2 * k] * c - bins[2 * k + 1] * s;
            expected[2 * k + 1] = bins[2 * k] * s + bins[2 * k + 1] * c;
        }

        return DirectTransform.RelativeError(Apply(FourierKernel.Forward, shifted, n, 1), expected) < 1e-14;
    }

    [Theory]
    [InlineData(FourierKernel.Forward)]
    [InlineData(FourierKernel.RealInverse)]
    public void No_rows_are_no_work(FourierKernel kernel) => Assert.Empty(Apply(kernel, Array.Empty<double>(), 12, 0));

    [Fact]
    public void Plans_of_ever_new_lengths_do_not_pile_up_and_stay_right()
    {
        var x = Numbers<double>(new Random(1), 2 * 40);
        var expected = Apply(FourierKernel.Forward, x, 40, 1);
        for (var n = 1; n < 1200; n++) Apply(FourierKernel.Forward, new double[2 * n], n, 1);
        Assert.Equal(expected, Apply(FourierKernel.Forward, x, 40, 1));
    }

    private static (int Inputs, int Outputs) RowSizes(FourierKernel kernel, int n) => kernel switch
    {
        FourierKernel.RealForward => (n, 2 * (n / 2 + 1)),
        FourierKernel.RealInverse => (2 * (n / 2 + 1), n),
        _ => (2 * n, 2 * n),
    };

    private static T[] Apply<T>(FourierKernel kernel, T[] values, int n, int rows) where T : unmanaged
    {
        var (inputs, outputs) = RowSizes(kernel, n);
        using var x = Tensor.FromArray(values, [rows, inputs]);
        using var y = Tensor.FromArray(new T[rows * outputs], [rows, outputs]);
        CpuBackend.Instance.Fourier(kernel, x, n, y);
        return y.ToArray<T>();
    }

    private static T[] Numbers<T>(Random random, int count) where T : INumber<T>
    {
        var numbers = new T[count];
        for (var i = 0; i < count; i++) numbers[i] = T.CreateChecked(2 * random.NextDouble() - 1);
        return numbers;
    }
}
