using Edifice.Bench.Libtorch;
using Edifice.Bench.Measure;
using static TorchSharp.torch;
using Tensor = Edifice.Engine.Tensor;

namespace Edifice.Bench.Suites;

/// <summary>The real part of the 2-D Fourier transform, FNet's mixing, at lengths with small and large prime factors.</summary>
internal static class Fourier
{
    public static IEnumerable<Row> Run(Session session)
    {
        foreach (var (batch, length, width) in ((int, int, int)[])[(8, 512, 256), (1, 4096, 256), (8, 500, 240), (8, 509, 256)])
        {
            using var scope = Tensor.Scope();
            using var disposed = NewDisposeScope();
            var x = Tensor.Randn([batch, length, width], generator: new Engine.Generator(5));
            var tx = x.Twin();
            double n = (double)batch * length * width;
            yield return session.Pair.Run($"real part of the 2-D transform {batch} x {length} x {width}",
                // The usual count of a real transform, 2.5 n log2 n.
                new Work(2.5 * n * Math.Log2((double)length * width), 8 * n),
                () => { using var off = Tensor.NoGrad(); using var y = x.Fft2Real(); },
                () => { using var off = no_grad(); using var s = NewDisposeScope(); _ = fft.fft2(tx).real.contiguous(); },
                () => Difference.Of(x.Fft2Real(), fft.fft2(tx).real));
        }
    }
}
