using Edifice.Bench.Measure;
using static TorchSharp.torch;
using Tensor = Edifice.Engine.Tensor;

namespace Edifice.Bench.Suites;

/// <summary>What a call costs beside its arithmetic: operations on eight elements.</summary>
internal static class TinyOps
{
    private const int Links = 10;

    public static IEnumerable<Row> Run(Session session)
    {
        var values = Enumerable.Range(1, 8).Select(i => i / 8f).ToArray();
        Tensor a = Tensor.FromArray(values), b = Tensor.FromArray(values);
        using var ta = tensor(values);
        using var tb = tensor(values);
        yield return session.Pair.Run("tiny add of 8 floats, no gradient", Work.None,
            () => { using var off = Tensor.NoGrad(); _ = a + b; },
            () => { using var off = no_grad(); using var y = ta + tb; },
            () => Difference.Of(a + b, ta + tb));

        var x = Tensor.FromArray(values).RequiresGrad();
        using var tx = tensor(values, requires_grad: true);
        yield return session.Pair.Run("tiny chain of ten multiplications, forward and backward", Work.None,
            Ours, Theirs,
            () =>
            {
                var y = x;
                for (var i = 0; i < Links; i++) y *= b;
                y.Sum().Backward();
                Theirs();
                var difference = Difference.Of(x.Grad!, tx.grad!);
                x.Grad = null;
                return difference;
            });

        void Ours()
        {
            var y = x;
            for (var i = 0; i < Links; i++) y *= b;
            y.Sum().Backward();
            x.Grad = null;
        }

        void Theirs()
        {
            using var scope = NewDisposeScope();
            tx.grad?.zero_();
            var y = tx;
            for (var i = 0; i < Links; i++) y = y * tb;
            y.sum().backward();
        }
    }
}
