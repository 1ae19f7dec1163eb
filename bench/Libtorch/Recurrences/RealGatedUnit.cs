using static TorchSharp.torch;

namespace Edifice.Bench.Libtorch.Recurrences;

/// <summary>The real-gated linear recurrent unit (De et al. 2024) from a sequence's beginning.</summary>
internal static class RealGatedUnit
{
    private const double Power = 8;

    /// <summary>h [B, L, D].</summary>
    /// <param name="x">[B, L, D].</param>
    /// <param name="gateX">Before its sigmoid.</param>
    /// <param name="gateA">Before its sigmoid.</param>
    /// <param name="aParam">[D].</param>
    /// <param name="scan">From log a and b to h.</param>
    public static Tensor Run(Tensor x, Tensor gateX, Tensor gateA, Tensor aParam, Func<Tensor, Tensor, Tensor> scan)
    {
        using var scope = NewDisposeScope();
        var logA = gateA.sigmoid() * (nn.functional.softplus(aParam) * -Power);
        var gated = gateX.sigmoid() * x;
        // The first step is not scaled.
        var rest = x.shape[1] - 1;
        var b = cat([gated.narrow(1, 0, 1), (-(logA.narrow(1, 1, rest) * 2).expm1()).sqrt() * gated.narrow(1, 1, rest)], 1);
        return scan(logA, b).MoveToOuterDisposeScope();
    }

    /// <summary>One step of a stream, the state updated in place.</summary>
    /// <param name="x">[B, 1, D].</param>
    /// <param name="gateX">Before its sigmoid.</param>
    /// <param name="gateA">Before its sigmoid.</param>
    /// <param name="aParam">[D].</param>
    /// <param name="state">[B, D].</param>
    /// <param name="first">The stream's first step, which is not scaled.</param>
    /// <returns>[B, 1, D].</returns>
    public static Tensor Step(Tensor x, Tensor gateX, Tensor gateA, Tensor aParam, Tensor state, bool first)
    {
        using var scope = NewDisposeScope();
        var gated = (gateX.sigmoid() * x).squeeze(1);
        if (first)
        {
            state.copy_(gated);
        }
        else
        {
            var logA = gateA.sigmoid().squeeze(1) * (nn.functional.softplus(aParam) * -Power);
            state.mul_(logA.exp()).addcmul_((-(logA * 2).expm1()).sqrt(), gated, 1);
        }

        return state.unsqueeze(1).MoveToOuterDisposeScope();
    }
}
