using System.Numerics;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public class TokenShiftTests
{
    [Property]
    public bool Values_and_gradients_equal_the_plain_loop(byte b, byte l, byte d, byte m, bool initial, int seed) =>
        Both<double>(1 + b % 3, 1 + l % 20, 1 + d % 70, 1 + m % 6, initial, seed, 1e-14) && Both<float>(1 + b % 3, 1 + l % 20, 1 + d % 70, 1 + m % 6, initial, seed, 1e-5);

    [Property(MaxTest = 10)]
    public bool Stretches_of_time_join_without_a_seam(byte l, int seed) => Both<double>(2, 120 + l, 17, 2, true, seed, 1e-13);

    private static bool Both<T>(int batch, int length, int width, int mixes, bool initial, int seed, double tolerance)
        where T : unmanaged, INumber<T>
    {
        var random = new RandomTensors(seed);
        Tensor x = random.Next<T>(batch, length, width), mix = random.Next<T>(mixes, width), dy = random.Next<T>(mixes, batch, length, width);
        var start = initial ? random.Next<T>(batch, width) : null;
        Tensor y = random.Next<T>(mixes, batch, length, width), dx = random.Next<T>(batch, length, width), dmix = random.Next<T>(mixes, width);
        var dstart = initial ? random.Next<T>(batch, width) : null;
        CpuBackend.Instance.TokenShift(x, mix, start, y);
        CpuBackend.Instance.TokenShiftVjp(dy, x, mix, start, dx, dmix, dstart);

        double[] xv = x.Doubles(), wv = mix.Doubles(), gv = dy.Doubles(), before = start?.Doubles() ?? new double[batch * width];
        double[] value = new double[gv.Length], gx = new double[xv.Length], gw = new double[wv.Length], gs = new double[before.Length];
        for (var m = 0; m < mixes; m++)
            for (var row = 0; row < batch; row++)
                for (var t = 0; t < length; t++)
                    for (var c = 0; c < width; c++)
                    {
                        int at = (row * length + t) * width + c, i = m * xv.Length + at, w = m * width + c;
                        var previous = t > 0 ? xv[at - width] : before[row * width + c];
                        value[i] = xv[at] + (previous - xv[at]) * wv[w];
                        gx[at] += gv[i] * (1 - wv[w]);
                        if (t > 0) gx[at - width] += gv[i] * wv[w];
                        else gs[row * width + c] += gv[i] * wv[w];
                        gw[w] += gv[i] * (previous - xv[at]);
                    }

        return y.IsNear(value, tolerance) && dx.IsNear(gx, tolerance) && dmix.IsNear(gw, tolerance) && (dstart is null || dstart.IsNear(gs, tolerance));
    }
}
