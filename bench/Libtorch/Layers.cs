using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Layers of our library in libtorch's operations; a name is that of the layer below the weights given.</summary>
internal static class Layers
{
    /// <summary>x Wᵀ + b.</summary>
    public static Twin Linear(this Weights w, string name, Twin x) =>
        nn.functional.linear(x, w[$"{name}.weight"], w.Optional($"{name}.bias"));

    /// <summary>Layer norm with what weight and bias there are.</summary>
    public static Twin LayerNorm(this Weights w, string name, Twin x, double eps = 1e-5) =>
        nn.functional.layer_norm(x, [x.shape[^1]], w.Optional($"{name}.weight"), w.Optional($"{name}.bias"), eps);

    /// <summary>RMS norm; libtorch 2.x has it as a composition too.</summary>
    public static Twin RmsNorm(this Weights w, string name, Twin x, double eps = 1e-6)
    {
        var y = x * x.square().mean([-1L], keepdim: true).add(eps).rsqrt();
        return w.Optional($"{name}.weight") is { } weight ? y * weight : y;
    }

    /// <summary>The block's norm, told by its parameters: one with a bias is a layer norm, one without an RMS norm.</summary>
    public static Twin Norm(this Weights w, string name, Twin x) => w.Has($"{name}.bias") ? w.LayerNorm(name, x) : w.RmsNorm(name, x);

    /// <summary>The feed-forward, told by its parameters: one with a gate is down(silu(gate(x)) ⊙ up(x)), one without
    /// down(gelu(up(x))).</summary>
    /// <param name="w">Where it lies.</param>
    /// <param name="name">Usually <c>ffn</c>.</param>
    /// <param name="x">[…, H].</param>
    /// <param name="activation">Another activation; null: the usual one.</param>
    public static Twin FeedForward(this Weights w, string name, Twin x, Func<Twin, Twin>? activation = null)
    {
        var f = w.Below(name);
        return f.Has("gate")
            ? f.Linear("down", (activation ?? (y => nn.functional.silu(y)))(f.Linear("gate", x)) * f.Linear("up", x))
            : f.Linear("down", (activation ?? (y => nn.functional.gelu(y)))(f.Linear("up", x)));
    }

    /// <summary>[B, L, h d] to [B, h, L, d], the layout of libtorch's attention; a view.</summary>
    public static Twin SplitHeads(this Twin x, int heads) => x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2);

    /// <summary>[B, h, L, d] to [B, L, h d].</summary>
    public static Twin JoinHeads(this Twin x) => x.transpose(1, 2).flatten(2, 3);

    /// <summary>[…, n] to […, sizes]; TorchSharp's unflatten takes no axis from the end.</summary>
    public static Twin SplitLast(this Twin x, params long[] sizes) => x.unflatten(x.ndim - 1, sizes);
}
