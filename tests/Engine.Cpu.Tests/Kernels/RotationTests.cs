using System.Numerics;
using FsCheck;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

public class RotationTests
{
    [Property]
    public bool Pairs_turn_as_the_plain_loop_and_other_channels_are_copied(
        byte l, byte h, byte pairs, byte rest, bool tablePerRow, bool interleaved, bool inverse, int seed) =>
        Check<double>(1 + l % 5, 1 + h % 3, pairs % 40, rest % 5, tablePerRow, interleaved, inverse, seed, 1e-15)
        && Check<float>(1 + l % 5, 1 + h % 3, pairs % 40, rest % 5, tablePerRow, interleaved, inverse, seed, 3e-7);

    private static bool Check<T>(int length, int heads, int pairs, int rest, bool tablePerRow, bool interleaved, bool inverse, int seed, double tolerance)
        where T : unmanaged, INumber<T>
    {
        const int batch = 2;
        var width = 2 * pairs + rest;
        var random = new RandomTensors(seed);
        Tensor x = random.Next<T>(batch, length, heads, width), y = random.Next<T>(batch, length, heads, width);
        Tensor cos = random.Next<T>(tablePerRow ? batch : 1, length, pairs), sin = random.Next<T>(tablePerRow ? batch : 1, length, pairs);
        CpuBackend.Instance.Rotate(x, cos, sin, interleaved, inverse, y);

        double[] xv = x.Doubles(), c = cos.Doubles(), s = sin.Doubles(), expected = [.. xv];
        for (var p = 0; p < batch * length; p++)
        {
            var table = (tablePerRow ? p : p % length) * pairs;
            for (var head = 0; head < heads; head++)
            {
                var at = (p * heads + head) * width;
                for (var i = 0; i < pairs; i++)
                {
                    var (u, w) = interleaved ? (at + 2 * i, at + 2 * i + 1) : (at + i, at + pairs + i);
                    var angle = inverse ? -s[table + i] : s[table + i];
                    expected[u] = xv[u] * c[table + i] - xv[w] * angle;
                    expected[w] = xv[w] * c[table + i] + xv[u] * angle;
                }
            }
        }

        return y.IsNear(expected, tolerance);
    }

    [Property]
    public bool Both_pairings_give_the_same_bits_for_the_same_pairs(byte pairs, int seed)
    {
        var n = 1 + pairs % 70;
        var random = new RandomTensors(seed);
        var halves = random.Next<float>(1, 1, 1, 2 * n).ToArray<float>();
        var neighbours = Enumerable.Range(0, n).SelectMany(i => new[] { halves[i], halves[i + n] }).ToArray();
        Tensor cos = random.Next<float>(1, 1, n), sin = random.Next<float>(1, 1, n);
        float[] a = Rotate(halves, false), b = Rotate(neighbours, true);
        return Enumerable.Range(0, n).All(i => a[i] == b[2 * i] && a[i + n] == b[2 * i + 1]);

        float[] Rotate(float[] values, bool interleaved)
        {
            using var y = Tensor.FromArray(new float[2 * n], [1, 1, 1, 2 * n]);
            CpuBackend.Instance.Rotate(Tensor.FromArray(values, [1, 1, 1, 2 * n]), cos, sin, interleaved, false, y);
            return y.ToArray<float>();
        }
    }
}
