using static TorchSharp.torch;

namespace Edifice.Bench.Libtorch.Recurrences;

/// <summary>Depthwise causal convolution over time.</summary>
internal static class CausalConvolution
{
    /// <summary>Libtorch's convolution, one group per channel.</summary>
    /// <param name="x">[B, L, C].</param>
    /// <param name="weight">[C, K].</param>
    /// <param name="bias">[C].</param>
    public static Tensor Grouped(Tensor x, Tensor weight, Tensor bias)
    {
        using var scope = NewDisposeScope();
        long past = weight.shape[1] - 1, length = x.shape[1];
        var y = nn.functional.conv1d(x.transpose(1, 2), weight.unsqueeze(1), bias, padding: past, groups: x.shape[2]);
        return y.narrow(2, 0, length).transpose(1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>The taps added up, channels last.</summary>
    public static Tensor Taps(Tensor x, Tensor weight, Tensor bias)
    {
        using var scope = NewDisposeScope();
        long taps = weight.shape[1], length = x.shape[1];
        var padded = nn.functional.pad(x, [0, 0, taps - 1, 0]);
        var w = weight.t().contiguous().unbind(0);
        var y = bias.addcmul(padded.narrow(1, 0, length), w[0], 1);
        for (var j = 1; j < taps; j++) y = y.addcmul(padded.narrow(1, j, length), w[j], 1);
        return y.MoveToOuterDisposeScope();
    }
}
