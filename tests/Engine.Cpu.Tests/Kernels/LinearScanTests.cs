using System.Numerics;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public class LinearScanTests
{
    /// <summary>Sizes around register widths, from arbitrary numbers.</summary>
    private static (int Batch, int Length, int Width) Sizes(byte b, byte l, byte d) => (1 + b % 3, 1 + l % 20, 1 + d % 70);

    [Property]
    public bool Forward_and_reverse_equal_the_plain_loop(byte b, byte l, byte d, bool reverse, bool initial, int seed) =>
        Forward<double>(Sizes(b, l, d), reverse, initial, seed, 1e-14) && Forward<float>(Sizes(b, l, d), reverse, initial, seed, 1e-5);

    private static bool Forward<T>((int Batch, int Length, int Width) size, bool reverse, bool initial, int seed, double tolerance)
        where T : unmanaged, INumber<T>
    {
        var (batch, length, width) = size;
        var random = new RandomTensors(seed);
        Tensor a = random.Next<T>(batch, length, width), b = random.Next<T>(batch, length, width);
        var start = initial ? random.Next<T>(batch, width) : null;
        var h = random.Next<T>(batch, length, width);
        CpuBackend.Instance.LinearScan(a, b, start, reverse, h);

        double[] av = a.Doubles(), bv = b.Doubles(), expected = new double[av.Length];
        var first = start?.Doubles() ?? new double[batch * width];
        for (var row = 0; row < batch; row++)
        {
            for (var c = 0; c < width; c++)
            {
                var state = first[row * width + c];
                for (var i = 0; i < length; i++)
                {
                    var at = (row * length + (reverse ? length - 1 - i : i)) * width + c;
                    expected[at] = state = av[at] * state + bv[at];
                }
            }
        }

        return h.IsNear(expected, tolerance);
    }

    [Property]
    public bool Backward_equals_the_plain_loop(byte b, byte l, byte d, bool initial, bool final, int seed) =>
        Backward<double>(Sizes(b, l, d), initial, final, seed, 1e-14) && Backward<float>(Sizes(b, l, d), initial, final, seed, 1e-5);

    private static bool Backward<T>((int Batch, int Length, int Width) size, bool initial, bool final, int seed, double tolerance)
        where T : unmanaged, INumber<T>
    {
        var (batch, length, width) = size;
        var random = new RandomTensors(seed);
        Tensor a = random.Next<T>(batch, length, width), h = random.Next<T>(batch, length, width), dh = random.Next<T>(batch, length, width);
        Tensor? start = initial ? random.Next<T>(batch, width) : null, dfinal = final ? random.Next<T>(batch, width) : null;
        Tensor da = random.Next<T>(batch, length, width), db = random.Next<T>(batch, length, width);
        var dinitial = initial ? random.Next<T>(batch, width) : null;
        CpuBackend.Instance.LinearScanVjp(dh, dfinal, a, h, start, da, db, dinitial);

        double[] av = a.Doubles(), hv = h.Doubles(), dhv = dh.Doubles(), wantedA = new double[av.Length], wantedB = new double[av.Length];
        double[] first = start?.Doubles() ?? new double[batch * width], rest = dfinal?.Doubles() ?? new double[batch * width];
        for (var row = 0; row < batch; row++)
        {
            for (var c = 0; c < width; c++)
            {
                var r = rest[row * width + c];
                for (var t = length - 1; t >= 0; t--)
                {
                    var at = (row * length + t) * width + c;
                    r += dhv[at];
                    wantedB[at] = r;
                    wantedA[at] = r * (t > 0 ? hv[at - width] : first[row * width + c]);
                    r *= av[at];
                }

                rest[row * width + c] = r;
            }
        }

        return da.IsNear(wantedA, tolerance) && db.IsNear(wantedB, tolerance) && (dinitial is null || dinitial.IsNear(rest, tolerance));
    }

    [Property]
    public bool A_channel_has_the_same_bits_wherever_it_stands(byte l, byte d, byte shift, int seed)
    {
        int length = 1 + l % 20, width = 1 + d % 50, more = shift % 40;
        var random = new RandomTensors(seed);
        float[] a = random.Next<float>(length, width).ToArray<float>(), b = random.Next<float>(length, width).ToArray<float>();
        var alone = Scan(a, b, width);
        var shifted = Scan(Widen(a), Widen(b), width + more);
        return Enumerable.Range(0, length).All(t => alone.AsSpan(t * width, width).SequenceEqual(shifted.AsSpan(t * (width + more) + more, width)));

        float[] Scan(float[] av, float[] bv, int wide)
        {
            using var h = Tensor.FromArray(new float[av.Length], [1, length, wide]);
            CpuBackend.Instance.LinearScan(Tensor.FromArray(av, [1, length, wide]), Tensor.FromArray(bv, [1, length, wide]), null, false, h);
            return h.ToArray<float>();
        }

        float[] Widen(float[] values) =>
            [.. Enumerable.Range(0, length).SelectMany(t => new float[more].Concat(values.Skip(t * width).Take(width)))];
    }

    [Fact]
    public void A_decay_of_zero_restarts_exactly_from_any_finite_past()
    {
        var a = Tensor.FromArray(new double[] { 0.5, 0, 0.5 }, [1, 3, 1]);
        var b = Tensor.FromArray(new double[] { 1e300, 2, 3 }, [1, 3, 1]);
        var h = Tensor.FromArray(new double[3], [1, 3, 1]);
        CpuBackend.Instance.LinearScan(a, b, null, false, h);
        Assert.Equal([1e300, 2, 4], h.ToArray<double>());
    }

    [Fact]
    public void Without_an_initial_state_the_first_decay_gets_a_zero_gradient_even_from_an_infinite_cotangent()
    {
        var one = Tensor.FromArray(new double[] { 1, 1 }, [1, 2, 1]);
        var dh = Tensor.FromArray(new[] { double.PositiveInfinity, 1 }, [1, 2, 1]);
        Tensor da = Tensor.FromArray(new double[2], [1, 2, 1]), db = Tensor.FromArray(new double[2], [1, 2, 1]);
        CpuBackend.Instance.LinearScanVjp(dh, null, one, one, null, da, db, null);
        Assert.Equal([0, 1], da.ToArray<double>());
    }
}
