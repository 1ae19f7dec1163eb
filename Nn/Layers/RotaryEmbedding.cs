using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>Rotary position embedding (Su et al. 2021) with its settings checked once; no parameters.</summary>
public sealed class RotaryEmbedding : Module
{
    /// <summary>Creates the rotation.</summary>
    /// <param name="headWidth">d, the width of a head.</param>
    /// <param name="base">Base of the frequencies, above 1.</param>
    /// <param name="rotaryWidth">How many channels turn: even, at least 2, at most d; null: all.</param>
    /// <param name="interleaved">Pairs (2i, 2i+1) instead of halves (i, i + r/2).</param>
    /// <exception cref="TensorException">A setting outside its range.</exception>
    public RotaryEmbedding(int headWidth, double @base = 10000, int? rotaryWidth = null, bool interleaved = false)
    {
        var r = rotaryWidth ?? headWidth;
        if (r < 2 || r % 2 != 0 || r > headWidth)
            throw new TensorException($"rope: the rotated width must be even and in [2, {headWidth}], got {r}");
        if (!(@base > 1 && double.IsFinite(@base))) throw new TensorException($"rope: the base must be finite and above 1, got {@base}");
        (RotaryWidth, Base, Interleaved) = (r, @base, interleaved);
    }

    /// <summary>How many channels turn.</summary>
    public int RotaryWidth { get; }

    /// <summary>Base of the frequencies.</summary>
    public double Base { get; }

    /// <summary>How channels are paired.</summary>
    public bool Interleaved { get; }

    /// <summary>Turns x [B, L, h, d], whose first row is at position <paramref name="offset"/>.</summary>
    public Tensor Forward(Tensor x, int offset = 0)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.Rope(Base, offset, RotaryWidth, Interleaved);
    }
}
