using Edifice.Attention;
using Edifice.Engine;

namespace Edifice.C;

/// <summary>How tokens are drawn, and where the random numbers stand.</summary>
internal sealed class Sampler(Sampling sampling)
{
    private readonly Generator _generator = new(sampling.Seed);

    public Tensor Draw(Tensor logits) => sampling.Draw(logits, _generator);
}
