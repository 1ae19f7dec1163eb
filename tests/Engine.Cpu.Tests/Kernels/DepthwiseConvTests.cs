using System.Numerics;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public class DepthwiseConvTests
{
    /// <summary>One convolution: any reach to the left, any number of outputs, with segments only where they are legal.</summary>
    public sealed record Case(int Batch, int InLength, int OutLength, int Channels, int Taps, int Left, bool Bias, bool Segments, int Seed)
    {
        public static Case From(byte b, ushort lin, byte lout, byte c, byte k, sbyte left, bool bias, bool segments, int seed)
        {
            int batch = 1 + b % 3, inLength = lin % 300, channels = 1 + c % 70, taps = 1 + k % 10;
            if (!segments) return new Case(batch, inLength, lout % 200, channels, taps, left % 14, bias, false, seed);

            // The position under an output's last tap must lie in x.
            var reach = Math.Abs((int)left) % taps;
            return new Case(batch, inLength, Math.Max(0, inLength - (taps - 1 - reach)), channels, taps, reach, bias, true, seed);
        }

        public bool Counts(int[]? segments, int row, int t, int j)
        {
            var i = t + j - Left;
            return i >= 0 && i < InLength && (segments is null || segments[row * InLength + i] == segments[row * InLength + t + Taps - 1 - Left]);
        }
    }

    [Property]
    public bool Forward_equals_the_plain_loop(byte b, ushort lin, byte lout, byte c, byte k, sbyte left, bool bias, bool segments, int seed)
    {
        var shape = Case.From(b, lin, lout, c, k, left, bias, segments, seed);
        return Forward<double>(shape, 1e-14) && Forward<float>(shape, 1e-6);
    }

    private static bool Forward<T>(Case k, double tolerance) where T : unmanaged, INumber<T>
    {
        var random = new RandomTensors(k.Seed);
        Tensor x = random.Next<T>(k.Batch, k.InLength, k.Channels), w = random.Next<T>(k.Channels, k.Taps), y = random.Next<T>(k.Batch, k.OutLength, k.Channels);
        Tensor? bias = k.Bias ? random.Next<T>(k.Channels) : null, segments = k.Segments ? random.Segments(k.Batch, k.InLength) : null;
        CpuBackend.Instance.DepthwiseConv(x, w, bias, segments, k.Left, y);

        double[] xv = x.Doubles(), wv = w.Doubles(), bv = bias?.Doubles() ?? new double[k.Channels], expected = new double[y.Count];
        var sv = segments?.ToArray<int>();
        for (var row = 0; row < k.Batch; row++)
            for (var t = 0; t < k.OutLength; t++)
                for (var c = 0; c < k.Channels; c++)
                {
                    var sum = bv[c];
                    for (var j = 0; j < k.Taps; j++)
                        if (k.Counts(sv, row, t, j)) sum += wv[c * k.Taps + j] * xv[(row * k.InLength + t + j - k.Left) * k.Channels + c];
                    expected[(row * k.OutLength + t) * k.Channels + c] = sum;
                }

        return y.IsNear(expected, tolerance * k.Taps);
    }

    [Property]
    public bool Backward_equals_the_plain_loop(byte b, ushort lin, byte lout, byte c, byte k, sbyte left, byte wanted, bool segments, int seed)
    {
        var shape = Case.From(b, lin, lout, c, k, left, true, segments, seed);
        return Backward<double>(shape, wanted % 8, 1e-14) && Backward<float>(shape, wanted % 8, 1e-6);
    }

    private static bool Backward<T>(Case k, int wanted, double tolerance) where T : unmanaged, INumber<T>
    {
        var random = new RandomTensors(k.Seed);
        Tensor x = random.Next<T>(k.Batch, k.InLength, k.Channels), w = random.Next<T>(k.Channels, k.Taps), g = random.Next<T>(k.Batch, k.OutLength, k.Channels);
        var segments = k.Segments ? random.Segments(k.Batch, k.InLength) : null;
        var dx = (wanted & 1) != 0 ? random.Next<T>(k.Batch, k.InLength, k.Channels) : null;
        var dw = (wanted & 2) != 0 ? random.Next<T>(k.Channels, k.Taps) : null;
        var db = (wanted & 4) != 0 ? random.Next<T>(k.Channels) : null;
        CpuBackend.Instance.DepthwiseConvVjp(g, x, w, segments, k.Left, dx, dw, db);

        double[] xv = x.Doubles(), wv = w.Doubles(), gv = g.Doubles();
        double[] wantedX = new double[xv.Length], wantedW = new double[wv.Length], wantedB = new double[k.Channels];
        var sv = segments?.ToArray<int>();
        for (var row = 0; row < k.Batch; row++)
            for (var t = 0; t < k.OutLength; t++)
                for (var c = 0; c < k.Channels; c++)
                {
                    var cotangent = gv[(row * k.OutLength + t) * k.Channels + c];
                    wantedB[c] += cotangent;
                    for (var j = 0; j < k.Taps; j++)
                    {
                        if (!k.Counts(sv, row, t, j)) continue;
                        var i = (row * k.InLength + t + j - k.Left) * k.Channels + c;
                        wantedX[i] += wv[c * k.Taps + j] * cotangent;
                        wantedW[c * k.Taps + j] += xv[i] * cotangent;
                    }
                }

        var terms = 1 + k.Batch * k.OutLength;
        return (dx is null || dx.IsNear(wantedX, tolerance * k.Taps))
            && (dw is null || dw.IsNear(wantedW, tolerance * terms))
            && (db is null || db.IsNear(wantedB, tolerance * terms));
    }

    [Property]
    public bool An_output_has_the_same_bits_in_every_batch_row_channel_and_time(byte lin, byte c, byte k, bool bias, int seed)
    {
        // One signal, shifted in time from channel to channel and repeated over the rows.
        int taps = 1 + k % 10, length = taps + lin, channels = 1 + c % 70;
        var random = new RandomTensors(seed);
        var signal = random.Next<float>(length + channels).ToArray<float>();
        var x = new float[2 * length * channels];
        for (var i = 0; i < x.Length; i++) x[i] = signal[i / channels % length + i % channels];
        var weights = random.Next<float>(taps).ToArray<float>();
        var w = Enumerable.Range(0, channels).SelectMany(_ => weights).ToArray();
        var outputs = length - taps + 1;
        using var y = Tensor.FromArray(new float[2 * outputs * channels], [2, outputs, channels]);
        CpuBackend.Instance.DepthwiseConv(
            Tensor.FromArray(x, [2, length, channels]), Tensor.FromArray(w, [channels, taps]), bias ? Tensor.FromArray(Enumerable.Repeat(0.3f, channels).ToArray()) : null, null, 0, y);
        var values = y.ToArray<float>();
        var seen = new Dictionary<int, float>();
        for (var i = 0; i < values.Length; i++)
        {
            var place = i / channels % outputs + i % channels;
            if (!seen.TryAdd(place, values[i]) && !seen[place].Equals(values[i])) return false;
        }

        return true;
    }

    [Fact]
    public void A_tap_outside_x_is_left_out_even_if_its_weight_is_infinite()
    {
        var x = Tensor.FromArray(new[] { 2f, 3f }, [1, 2, 1]);
        var w = Tensor.FromArray(new[] { float.PositiveInfinity, 1f }, [1, 2]);
        var y = Tensor.FromArray(new float[1], [1, 1, 1]);
        CpuBackend.Instance.DepthwiseConv(x, w, null, null, 1, y);
        Assert.Equal([2f], y.ToArray<float>());
    }
}
