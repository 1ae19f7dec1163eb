using Edifice.Bench.Libtorch;
using Edifice.Bench.Measure;
using Edifice.Engine;
using static TorchSharp.torch;
using Tensor = Edifice.Engine.Tensor;

namespace Edifice.Bench.Suites;

/// <summary>Matrix products: square, tall, skinny, batched and transposed, in both precisions.</summary>
internal static class MatrixProducts
{
    private static readonly int[] s_sizes = [8, 16, 32, 64, 128, 256, 512, 1024, 2048];

    private static readonly (string Name, int[] A, int[] B, bool TransposeA, bool TransposeB)[] s_shapes =
    [
        ("tall 8192 x 64 by 64 x 64", [8192, 64], [64, 64], false, false),
        ("skinny 64 x 8192 by 8192 x 64", [64, 8192], [8192, 64], false, false),
        ("outer 2048 x 16 by 16 x 2048", [2048, 16], [16, 2048], false, false),
        ("row 1 x 1024 by 1024 x 1024", [1, 1024], [1024, 1024], false, false),
        ("row 1 x 1024 by (1024 x 1024)^T", [1, 1024], [1024, 1024], false, true),
        ("linear 4096 x 256 by (1024 x 256)^T", [4096, 256], [1024, 256], false, true),
        ("gradient (4096 x 256)^T by 4096 x 1024", [4096, 256], [4096, 1024], true, false),
        ("both transposed 512", [512, 512], [512, 512], true, true),
        ("batch of 64: 64 x 64 by 64 x 64", [64, 64, 64], [64, 64, 64], false, false),
        ("batch of 32: 128 x 64 by (128 x 64)^T", [32, 128, 64], [32, 128, 64], false, true),
    ];

    public static IEnumerable<Row> Run(Session session)
    {
        foreach (var dtype in (DType[])[DType.Float32, DType.Float64])
        {
            foreach (var n in s_sizes) yield return Product(session, $"matmul {n}", dtype, [n, n], [n, n], false, false);
            foreach (var (name, a, b, ta, tb) in s_shapes) yield return Product(session, $"matmul {name}", dtype, a, b, ta, tb);
        }
    }

    private static Row Product(Session session, string name, DType dtype, int[] shapeA, int[] shapeB, bool transposeA, bool transposeB)
    {
        using var scope = Tensor.Scope();
        using var disposed = NewDisposeScope();
        var random = new Engine.Generator(1);
        Tensor a = Tensor.Randn(shapeA, dtype, generator: random), b = Tensor.Randn(shapeB, dtype, generator: random);
        TorchSharp.torch.Tensor ta = a.Twin(), tb = b.Twin();
        if (transposeA) (a, ta) = (a.Transpose(-1, -2), ta.transpose(-1, -2));
        if (transposeB) (b, tb) = (b.Transpose(-1, -2), tb.transpose(-1, -2));
        double k = a.Size(-1), rows = a.Count / k, columns = b.Size(-1), size = dtype.SizeOf();
        var work = new Work(2 * rows * columns * k, size * (a.Count + (double)b.Count + rows * columns), dtype == DType.Float64);
        return session.Pair.Run(
            dtype == DType.Float64 ? $"{name} double" : name, work,
            () => { using var off = Tensor.NoGrad(); using var y = a.MatMul(b); },
            () => { using var off = no_grad(); using var y = ta.matmul(tb); },
            () => Difference.Of(a.MatMul(b), ta.matmul(tb), dtype == DType.Float64 ? 1e-13 : 1e-5));
    }
}
