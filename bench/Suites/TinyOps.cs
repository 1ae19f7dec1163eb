using Edifice.Bench.Measure;
using static TorchSharp.torch;
using Tensor = Edifice.Engine.Tensor;

namespace Edifice.Bench.Suites;

/// <summary>What a call costs beside its arithmetic: operations on eight elements.</summary>
internal static class TinyOps
{
    public static IEnumerable<Row> Run()
    {
        var values = Enumerable.Range(1, 8).Select(i => i / 8f).ToArray();
        Tensor a = Tensor.FromArray(values), b = Tensor.FromArray(values);
        using var ta = tensor(values);
        using var tb = tensor(values);
        yield return Pair.Run("add of 8 floats, no gradient",
            () => { using var off = Tensor.NoGrad(); _ = a + b; },
            () => { using var off = no_grad(); using var y = ta + tb; });

        var x = Tensor.FromArray(values).RequiresGrad();
        using var tx = tensor(values, requires_grad: true);
        yield return Pair.Run("ten multiplications of 8 floats and their backward pass",
            () =>
            {
                var y = x;
                for (var i = 0; i < 10; i++) y *= b;
                y.Sum().Backward();
                x.Grad = null;
            },
            () =>
            {
                using var scope = TorchSharp.torch.NewDisposeScope();
                var y = tx;
                for (var i = 0; i < 10; i++) y = y * tb;
                y.sum().backward();
                tx.grad?.zero_();
            });
    }
}
