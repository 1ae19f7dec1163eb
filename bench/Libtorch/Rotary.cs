using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Rotary embedding with channels paired by halves, from tables made once.</summary>
/// <param name="length">L, the longest sequence.</param>
/// <param name="width">Rotated channels, even.</param>
/// <param name="frequencyBase">Base of the frequencies.</param>
internal sealed class Rotary(int length, int width, double frequencyBase)
{
    private readonly Twin _cos = Angles(length, width, frequencyBase).cos().to(ScalarType.Float32);
    private readonly Twin _sin = Angles(length, width, frequencyBase).sin().to(ScalarType.Float32);

    /// <summary>Rotates […, L, d], positions from 0.</summary>
    public Twin Apply(Twin x)
    {
        var n = x.shape[^2];
        Twin cos = _cos.narrow(0, 0, n), sin = _sin.narrow(0, 0, n);
        var halves = x.chunk(2, -1);
        return x * cos + cat([-halves[1], halves[0]], -1) * sin;
    }

    /// <summary>[L, d], in double; the second half repeats the first.</summary>
    private static Twin Angles(int length, int width, double frequencyBase)
    {
        var half = width / 2;
        var frequencies = pow(frequencyBase, arange(half, dtype: ScalarType.Float64) / -half);
        var angles = outer(arange(length, dtype: ScalarType.Float64), frequencies);
        return cat([angles, angles], -1);
    }
}
