using Edifice.Attention;
using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Fourier mixing.</summary>
internal sealed class FNetFormulation(FNet block) : LayeredFormulation(block)
{
    // A real transform over the hidden axis and the other half mirrored saves arithmetic and loses it again in copies: 2 to 4 % slower.
    /// <inheritdoc/>
    public override string Description => "fft2(x).real";

    /// <inheritdoc/>
    protected override Twin Mix(Weights w, Twin x, int layer) => fft.fft2(x).real;
}
