using System.Globalization;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Tests.Simd;

public sealed unsafe class LaneMathTests
{
    public static TheoryData<string, int> FunctionsAndWidths()
    {
        var data = new TheoryData<string, int>();
        foreach (var f in Function.All)
            foreach (var width in Widths) data.Add(f.Name, width);
        return data;
    }

    internal static IEnumerable<int> Widths
    {
        get
        {
            yield return 128;
            if (Isa.Has256) yield return 256;
            if (Isa.Has512) yield return 512;
        }
    }

    private static Function Named(string name) => Function.All.Single(f => f.Name == name);

    [Theory]
    [MemberData(nameof(FunctionsAndWidths))]
    public void A_float_result_is_within_its_bound_over_the_whole_range(string name, int width)
    {
        // Every 13,007th of the 2^32 floats: all exponents, subnormals, both signs, NaNs.
        const int Block = 256, Stride = 13_007;
        var f = Named(name);
        float* x = stackalloc float[Block], y = stackalloc float[Block];
        for (long start = 0; start <= uint.MaxValue; start += (long)Block * Stride)
        {
            for (var i = 0; i < Block; i++) x[i] = BitConverter.UInt32BitsToSingle((uint)(start + (long)i * Stride));
            f.Run(x, y, Block, width);
            for (var i = 0; i < Block; i++)
            {
                var wanted = f.Reference(x[i]);
                var error = ErrorInUlps(y[i], wanted);
                Assert.True(error <= f.SingleUlps, $"{name}({x[i]:R}) = {y[i]:R}, wanted {wanted:R}: {error} ulp");
            }
        }
    }

    [Theory]
    [MemberData(nameof(FunctionsAndWidths))]
    public void A_double_result_is_within_its_bound_of_values_computed_exactly(string name, int width)
    {
        var f = Named(name);
        var points = File.ReadLines(RepositoryFiles.At("tests", "Engine.Cpu.Tests", "Simd", "LaneMath.reference.txt"))
            .Where(line => !line.StartsWith('#')).Select(line => line.Split(' ')).Where(part => part[0] == name)
            .Select(part => (X: Parse(part[1]), Y: Parse(part[2]))).ToArray();
        Assert.True(points.Length > 40);
        double* x = stackalloc double[8], y = stackalloc double[8];
        foreach (var (at, wanted) in points)
        {
            for (var i = 0; i < 8; i++) x[i] = at;
            f.Run(x, y, 8, width);
            // The tabulated value is itself rounded: half an ulp more.
            var error = Math.Abs(y[3] - wanted) / Ulp(wanted);
            Assert.True(error <= f.DoubleUlps + 0.5, $"{name}({at:R}) = {y[3]:R}, wanted {wanted:R}: {error} ulp");
        }

        static double Parse(string s) => double.Parse(s, CultureInfo.InvariantCulture);
    }

    [Theory]
    [MemberData(nameof(FunctionsAndWidths))]
    public void Infinities_NaN_and_signed_zeros_come_out_as_the_mathematics_has_them(string name, int width)
    {
        var f = Named(name);
        var x = stackalloc double[8] { double.NegativeInfinity, double.PositiveInfinity, double.NaN, 0.0, -0.0, double.MaxValue, double.MinValue, double.Epsilon };
        var z = stackalloc float[16] { float.NegativeInfinity, float.PositiveInfinity, float.NaN, 0f, -0f, float.MaxValue, float.MinValue, float.Epsilon, 0, 0, 0, 0, 0, 0, 0, 0 };
        var y = stackalloc double[8];
        var w = stackalloc float[16];
        f.Run(x, y, 8, width);
        f.Run(z, w, 16, width);
        for (var i = 0; i < 8; i++)
        {
            var wanted = f.Reference(x[i]);
            Assert.True(wanted.Equals(y[i]) || Math.Abs(y[i] - wanted) <= 4 * Ulp(wanted), $"{name}({x[i]:R}) = {y[i]:R}, wanted {wanted:R}");
            Assert.True(ErrorInUlps(w[i], f.Reference(z[i])) <= f.SingleUlps, $"{name}({z[i]:R}f) = {w[i]:R}, wanted {f.Reference(z[i]):R}");
        }

        if (name is "expm1" or "log1p" or "tanh" or "erf" or "sin" or "gelu" or "silu") Assert.True(double.IsNegative(y[4]) && float.IsNegative(w[4]));
    }

    [Theory]
    [MemberData(nameof(FunctionsAndWidths))]
    public void The_place_in_the_register_does_not_change_the_bits(string name, int width)
    {
        var f = Named(name);
        var random = new Random(5);
        double* x = stackalloc double[16], y = stackalloc double[16], one = stackalloc double[8], alone = stackalloc double[8];
        for (var round = 0; round < 200; round++)
        {
            for (var i = 0; i < 16; i++) x[i] = (random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-8, 12));
            f.Run(x, y, 16, width);
            for (var i = 0; i < 16; i++)
            {
                for (var k = 0; k < 8; k++) one[k] = x[i];
                f.Run(one, alone, 8, width);
                Assert.Equal(BitConverter.DoubleToInt64Bits(alone[0]), BitConverter.DoubleToInt64Bits(y[i]));
            }
        }
    }

    [Fact]
    public void Every_width_gives_the_same_bits()
    {
        var random = new Random(9);
        double* x = stackalloc double[64], y = stackalloc double[64], z = stackalloc double[64];
        foreach (var f in Function.All)
        {
            for (var i = 0; i < 64; i++) x[i] = (random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-3, 3));
            f.Run(x, y, 64, 128);
            foreach (var width in Widths)
            {
                f.Run(x, z, 64, width);
                Assert.True(new Span<long>(y, 64).SequenceEqual(new Span<long>(z, 64)), $"{f.Name} in {width} bits");
            }
        }
    }

    [Theory]
    [InlineData(128)]
    [InlineData(256)]
    [InlineData(512)]
    public void Powers_follow_IEEE_754_in_all_special_cases(int width)
    {
        if (!Widths.Contains(width)) width = 128;
        double[] values = [0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 1e300, -1e300, 5e-324, double.NaN,
            double.PositiveInfinity, double.NegativeInfinity, 9007199254740991, -9007199254740991, 9007199254740993, 4503599627370497.5];
        double* x = stackalloc double[8], e = stackalloc double[8], y = stackalloc double[8];
        foreach (var b in values)
        {
            foreach (var p in values)
            {
                for (var i = 0; i < 8; i++) (x[i], e[i]) = (b, p);
                Power(x, e, y, 8, width);
                var wanted = Math.Pow(b, p);
                Assert.True(wanted.Equals(y[0]) && double.IsNegative(wanted) == double.IsNegative(y[0]) || double.IsNaN(wanted) && double.IsNaN(y[0])
                    || Math.Abs(y[0] - wanted) <= 2 * Ulp(wanted), $"pow({b:R}, {p:R}) = {y[0]:R}, wanted {wanted:R}");
            }
        }
    }

    [Theory]
    [InlineData(128)]
    [InlineData(256)]
    [InlineData(512)]
    public void Powers_of_floats_are_within_two_ulp(int width)
    {
        if (!Widths.Contains(width)) width = 128;
        var random = new Random(3);
        float* x = stackalloc float[16], e = stackalloc float[16], y = stackalloc float[16];
        for (var round = 0; round < 20_000; round++)
        {
            for (var i = 0; i < 16; i++)
                (x[i], e[i]) = (i % 4) switch
                {
                    0 => (BitConverter.Int32BitsToSingle(random.Next(0x7f800000)), (float)((random.NextDouble() - 0.5) * 4)),
                    1 => (1 + (float)((random.NextDouble() - 0.5) * 0.5), (float)((random.NextDouble() - 0.5) * 1000)),
                    2 => ((float)random.NextDouble() * 10, (float)((random.NextDouble() - 0.5) * 60)),
                    _ => ((float)(random.NextDouble() - 0.5) * 10, random.Next(-30, 30)),
                };
            Power(x, e, y, 16, width);
            for (var i = 0; i < 16; i++)
                Assert.True(ErrorInUlps(y[i], Math.Pow(x[i], e[i])) <= 2, $"pow({x[i]:R}, {e[i]:R}) = {y[i]:R}, wanted {Math.Pow(x[i], e[i]):R}");
        }
    }

    private static void Power<T>(T* x, T* e, T* y, int n, int width) where T : unmanaged
    {
        if (width == 512) Run<Lanes512<T>>(x, e, y, n);
        else if (width == 256) Run<Lanes256<T>>(x, e, y, n);
        else Run<Lanes128<T>>(x, e, y, n);

        static void Run<V>(T* x, T* e, T* y, int n) where V : unmanaged, ILanes<V, T>
        {
            for (var i = 0; i < n; i += V.Count) V.Store(LaneMath.Pow<V, T>(V.Load(x + i), V.Load(e + i)), y + i);
        }
    }

    private static double Ulp(double x) => Math.Max(Math.BitIncrement(Math.Abs(x)) - Math.Abs(x), double.Epsilon);

    /// <summary>The distance of a float from the true value in units in the last place; NaN agrees with NaN, infinity with
    /// what rounds to it.</summary>
    internal static double ErrorInUlps(float y, double wanted)
    {
        var nearest = (float)wanted;
        if (float.IsNaN(nearest) || float.IsNaN(y)) return float.IsNaN(nearest) && float.IsNaN(y) ? 0 : double.PositiveInfinity;
        if (y == nearest) return 0;
        if (float.IsInfinity(nearest) || float.IsInfinity(y)) return Math.Max(Math.Abs(wanted), Math.Abs(y)) < float.MaxValue ? double.PositiveInfinity
            : Math.Abs(Math.Abs(float.IsInfinity(y) ? wanted : y) - float.MaxValue) / 2e31;
        return Math.Abs(y - wanted) / ((double)MathF.BitIncrement(MathF.Abs(nearest)) - MathF.Abs(nearest));
    }
}
