using Edifice.Bench.Measure;
using static TorchSharp.torch;
using Tensor = Edifice.Engine.Tensor;

namespace Edifice.Bench.Suites;

/// <summary>Square float matrix products.</summary>
internal static class MatrixProducts
{
    public static IEnumerable<Row> Run()
    {
        foreach (var n in (int[])[8, 16, 32, 64, 128, 256, 512, 1024])
        {
            Edifice.Engine.Generator.Seeded(1);
            Tensor a = Tensor.Randn([n, n]), b = Tensor.Randn([n, n]);
            using var ta = tensor(a.ToArray<float>(), [n, n]);
            using var tb = tensor(b.ToArray<float>(), [n, n]);
            using var expected = ta.matmul(tb);
            var difference = a.MatMul(b).ToArray<float>().Zip(expected.data<float>().ToArray(), (p, q) => Math.Abs(p - q)).Max();
            yield return Pair.Run($"matmul {n} x {n}",
                () => { using var off = Tensor.NoGrad(); using var y = a.MatMul(b); },
                () => { using var off = no_grad(); using var y = ta.matmul(tb); }, difference);
        }
    }
}
