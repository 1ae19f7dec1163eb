using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>What a model of tokens adds to them at its input, for blocks that do not tell positions apart.</summary>
public enum TokenPositions
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Sines and cosines of the position (Vaswani et al. 2017, section 3.5), for any length.</summary>
    Sinusoidal,
}

/// <summary>Tokens as vectors: √E weight[token] (or another factor), plus the position's signal (Vaswani et al. 2017, sections 3.4
/// and 3.5).</summary>
/// <remarks>Parameter: <c>weight</c> [V, E], normal with standard deviation 1/√E at first, so that a vector's entries have
/// size 1 and tied logits too.</remarks>
public sealed class TokenEmbedding : Module
{
    private const double Base = 10000;

    private Tensor? _table;

    /// <summary>Creates the embedding.</summary>
    /// <param name="vocabulary">V, at least 1.</param>
    /// <param name="width">E, at least 1.</param>
    /// <param name="positions">What is added.</param>
    /// <param name="parameters">Dtype, device and random stream.</param>
    /// <param name="scale">What the weight is multiplied by; null: √E. Published models often have 1.</param>
    /// <exception cref="TensorException">A scale that is 0 or not finite.</exception>
    public TokenEmbedding(
        int vocabulary, int width, TokenPositions positions = TokenPositions.None, ParameterOptions? parameters = null, double? scale = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabulary, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        Scale = scale ?? Math.Sqrt(width);
        if (Scale == 0 || !double.IsFinite(Scale)) throw new TensorException($"token embedding: the scale must be finite and not 0, got {Scale}");
        Positions = positions;
        Weight = Register("weight", Initializer.Normal(1 / Math.Sqrt(width)).Create([vocabulary, width], parameters));
    }

    /// <summary>[V, E].</summary>
    public Parameter Weight { get; }

    /// <summary>What the weight is multiplied by.</summary>
    public double Scale { get; }

    /// <summary>What is added.</summary>
    public TokenPositions Positions { get; }

    /// <summary>V.</summary>
    public int Vocabulary => Weight.Shape[0];

    /// <summary>The vectors of tokens int64 [B, L] whose first column is at position <paramref name="offset"/>: [B, L, E].</summary>
    public Tensor Forward(Tensor tokens, int offset = 0)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        if (tokens.Rank != 2) throw TensorException.For("tokens", "must be [B, L]", tokens);
        var x = Tensor.Embedding(Weight, tokens);
        if (Scale != 1) x *= Scale;
        return Positions == TokenPositions.None ? x : x + Signal(offset, tokens.Size(1), x);
    }

    /// <summary>sin(p / 10000^(2i/E)) in channel 2i, cos of the same angle in channel 2i + 1; angles in double.</summary>
    private Tensor Signal(int offset, int length, Tensor like)
    {
        var rows = checked(offset + length);
        // Threads that share the model may each replace the table: the one looked at is the one used.
        var table = _table;
        if (table is null || table.Size(0) < rows || table.DType != like.DType || table.Device != like.Device || table.Storage.IsLost)
        {
            rows = Math.Max(64, checked(rows + rows / 2));
            var width = Weight.Shape[1];
            var values = new double[checked(rows * width)];
            for (var p = 0; p < rows; p++)
                for (var c = 0; c < width; c++)
                {
                    var angle = p * Math.Pow(Base, -(c - c % 2) / (double)width);
                    values[p * width + c] = c % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle);
                }

            using var outside = TensorScope.Suspend();
            using var off = Tensor.NoGrad();
            table = Tensor.FromArray(values, [rows, width]).To(like.DType).To(like.Device);
            _table = table;
        }

        return table.Narrow(0, offset, length);
    }
}
