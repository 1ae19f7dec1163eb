using Edifice.Bench.Libtorch;
using Edifice.Bench.Measure;
using Edifice.Engine;
using Edifice.Engine.Autograd;
using static TorchSharp.torch;
using Tensor = Edifice.Engine.Tensor;

namespace Edifice.Bench.Suites;

/// <summary>Scaled-dot-product attention beside libtorch's fused kernel, forward and with its backward pass.</summary>
internal static class AttentionKernels
{
    private const int Heads = 8, Width = 64;

    public static IEnumerable<Row> Run(Session session)
    {
        foreach (var causal in (bool[])[true, false])
            foreach (var length in (int[])[512, 1024, 2048, 4096])
            {
                yield return Measured(session, length, causal, backward: false);
                yield return Measured(session, length, causal, backward: true);
            }
    }

    private static Row Measured(Session session, int length, bool causal, bool backward)
    {
        using var scope = Tensor.Scope();
        using var disposed = NewDisposeScope();
        var random = new Engine.Generator(4);
        Tensor Draw() => Tensor.Randn([1, length, Heads, Width], generator: random);
        Tensor q = Draw().RequiresGrad(), k = Draw().RequiresGrad(), v = Draw().RequiresGrad(), g = Draw();
        // Each engine gets the layout it likes best: libtorch has the heads outside.
        static TorchSharp.torch.Tensor HeadsOutside(Tensor x) => x.Twin().transpose(1, 2).contiguous();
        TorchSharp.torch.Tensor tq = HeadsOutside(q).requires_grad_(), tk = HeadsOutside(k).requires_grad_(), tv = HeadsOutside(v).requires_grad_(), tg = HeadsOutside(g);
        var options = new AttentionOptions { Causal = causal };
        // Two products forward; backward five, one of them the scores again. Causal: half of the pairs.
        var pairs = causal ? length * (length + 1.0) / 2 : (double)length * length;
        var work = new Work(2 * pairs * Width * Heads * (backward ? 7 : 2));
        var name = $"attention {(causal ? "causal" : "full")} L={length}, {Heads} heads of {Width}, {(backward ? "forward and backward" : "forward")}";
        const string Form = "fused scaled_dot_product_attention";
        if (!backward)
            return session.Pair.Run(name, work,
                () => { using var off = Tensor.NoGrad(); using var s = Tensor.Scope(); _ = Tensor.Attention(q, k, v, options); },
                () => { using var off = no_grad(); using var y = nn.functional.scaled_dot_product_attention(tq, tk, tv, is_casual: causal); },
                () => Difference.Of(Tensor.Attention(q, k, v, options).Output, nn.functional.scaled_dot_product_attention(tq, tk, tv, is_casual: causal).transpose(1, 2)), Form);

        Tensor[] Ours() => Gradients.Of([Tensor.Attention(q, k, v, options).Output], [q, k, v], [g])!;
        TorchSharp.torch.Tensor[] Theirs() => [.. autograd.grad([nn.functional.scaled_dot_product_attention(tq, tk, tv, is_casual: causal)], [tq, tk, tv], [tg])];
        return session.Pair.Run(name, work,
            () => { using var s = Tensor.Scope(); Ours(); },
            () => { using var s = NewDisposeScope(); Theirs(); },
            () => Ours().Zip(Theirs(), (a, b) => Difference.Of(a, b.transpose(1, 2), 2e-5)).Aggregate((a, b) => a | b), Form);
    }
}
