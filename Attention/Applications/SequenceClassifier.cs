using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>A classification of whole token sequences over any block: embedding, the block's output, and a score per class.</summary>
/// <remarks>Members: <c>embedding</c>, <c>block</c>, <c>head</c> (weight [C, H] and bias [C]).</remarks>
public sealed class SequenceClassifier : Module
{
    private readonly Linear _head;

    /// <summary>Builds the model.</summary>
    /// <param name="vocabulary">V, at least 1.</param>
    /// <param name="classes">C, at least 1.</param>
    /// <param name="block">What reads the embedded tokens.</param>
    /// <param name="positions">What the embedding adds for positions.</param>
    /// <param name="parameters">Dtype, device and random stream; those of the block should be the same.</param>
    public SequenceClassifier(
        int vocabulary, int classes, SequenceBlock block, TokenPositions positions = TokenPositions.None, ParameterOptions? parameters = null)
    {
        ArgumentNullException.ThrowIfNull(block);
        Embedding = Register("embedding", new TokenEmbedding(vocabulary, block.EmbedDim, positions, parameters));
        Block = Register("block", block);
        _head = Register("head", new Linear(block.HiddenSize, classes, init: LinearInit.Normal(1 / Math.Sqrt(block.HiddenSize)), options: parameters));
    }

    /// <summary>Tokens to vectors.</summary>
    public TokenEmbedding Embedding { get; }

    /// <summary>The block.</summary>
    public SequenceBlock Block { get; }

    /// <summary>Scores of every class.</summary>
    /// <param name="tokens">int64 [B, L], in [0, V).</param>
    /// <param name="inputs">What the block takes beside it; null: nothing.</param>
    /// <returns>[B, C].</returns>
    public Tensor Logits(Tensor tokens, SequenceInputs? inputs = null) => _head.Forward(Block.Forward(Embedding.Forward(tokens), inputs));

    /// <summary>The mean log loss.</summary>
    /// <param name="tokens">int64 [B, L].</param>
    /// <param name="targets">int64 [B]: the right classes; -100 does not count.</param>
    /// <param name="inputs">What the block takes beside it; null: nothing.</param>
    /// <returns>[].</returns>
    public Tensor Loss(Tensor tokens, Tensor targets, SequenceInputs? inputs = null) => Logits(tokens, inputs).CrossEntropy(targets);
}
