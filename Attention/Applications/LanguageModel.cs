using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>A model of token sequences over any block: embedding, block, and a score for every token of the vocabulary at every
/// position.</summary>
/// <remarks>Members: <c>embedding</c>, <c>block</c>, and <c>head</c> [V, H] unless its weight is the embedding's.</remarks>
public sealed class LanguageModel : Module
{
    private readonly Linear? _head;

    /// <summary>Builds the model.</summary>
    /// <param name="vocabulary">V, at least 1.</param>
    /// <param name="block">What reads the embedded tokens.</param>
    /// <param name="tied">Scores with the embedding's weight (Press and Wolf 2017); needs E = H.</param>
    /// <param name="positions">What the embedding adds for positions.</param>
    /// <param name="parameters">Dtype, device and random stream; those of the block should be the same.</param>
    /// <param name="embeddingScale">What the embedding's weight is multiplied by; null: √E.</param>
    /// <param name="logitCap">c: scores become c tanh(score / c), so that none exceeds c (De et al. 2024, RecurrentGemma); null: no cap.</param>
    /// <exception cref="TensorException">The block gives no hidden state per position, its widths forbid tying, or a scale or cap
    /// makes no sense.</exception>
    public LanguageModel(
        int vocabulary, SequenceBlock block, bool tied = false, TokenPositions positions = TokenPositions.None, ParameterOptions? parameters = null,
        double? embeddingScale = null, double? logitCap = null)
    {
        ArgumentNullException.ThrowIfNull(block);
        if (!block.KeepsPositions)
            throw new TensorException($"a language model needs a hidden state per position, which {block.Options.Block} does not give: use a SequenceClassifier");
        if (tied && block.EmbedDim != block.HiddenSize)
            throw new TensorException($"a tied head needs one width: embed_dim is {block.EmbedDim}, hidden_size {block.HiddenSize}");
        if (logitCap is { } cap && !(cap > 0 && double.IsFinite(cap))) throw new TensorException($"a cap on logits must be finite and above 0, got {cap}");
        LogitCap = logitCap;
        Embedding = Register("embedding", new TokenEmbedding(vocabulary, block.EmbedDim, positions, parameters, embeddingScale));
        Block = Register("block", block);
        if (!tied) _head = Register("head", new Linear(block.HiddenSize, vocabulary, bias: false, init: LinearInit.Normal(1 / Math.Sqrt(block.HiddenSize)), options: parameters));
    }

    /// <summary>Tokens to vectors.</summary>
    public TokenEmbedding Embedding { get; }

    /// <summary>The block.</summary>
    public SequenceBlock Block { get; }

    /// <summary>True when the scores use the embedding's weight.</summary>
    public bool Tied => _head is null;

    /// <summary>The bound on the scores' size; null: none.</summary>
    public double? LogitCap { get; }

    /// <summary>V.</summary>
    public int Vocabulary => Embedding.Vocabulary;

    /// <summary>Scores of every token at every position.</summary>
    /// <param name="tokens">int64 [B, L], in [0, V).</param>
    /// <param name="inputs">What the block takes beside it; null: nothing.</param>
    /// <returns>[B, L, V].</returns>
    public Tensor Logits(Tensor tokens, SequenceInputs? inputs = null) => Score(Hidden(tokens, inputs));

    /// <summary>The mean log loss over the targets that count.</summary>
    /// <param name="tokens">int64 [B, L].</param>
    /// <param name="targets">int64 [B, L]: what is right at each position (usually the next token), -100 where nothing is
    /// asked. A block that is not causal sees all tokens: give it no targets that stand among them.</param>
    /// <param name="inputs">What the block takes beside it; null: nothing.</param>
    /// <returns>[].</returns>
    public Tensor Loss(Tensor tokens, Tensor targets, SequenceInputs? inputs = null) => Logits(tokens, inputs).CrossEntropy(targets);

    /// <summary>Begins to read token by token.</summary>
    /// <param name="batch">How many sequences side by side.</param>
    /// <param name="contextLength">How far a block that does not stream looks back: it reads its last tokens anew at every
    /// step. Blocks that stream are not limited.</param>
    public TokenStream Start(int batch = 1, int contextLength = 1024) => new(this, batch, contextLength);

    /// <summary>Continues a prompt.</summary>
    /// <param name="prompt">At least one token.</param>
    /// <param name="count">How many tokens to draw.</param>
    /// <param name="sampling">How; null: with temperature 1 and seed 0.</param>
    /// <param name="contextLength">As in <see cref="Start"/>.</param>
    /// <returns>The drawn tokens, each as soon as it is asked for.</returns>
    /// <exception cref="InvalidOperationException">The model is training: call <see cref="Module.Eval"/> first.</exception>
    public IEnumerable<int> Generate(IReadOnlyList<int> prompt, int count, Sampling? sampling = null, int contextLength = 1024)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        sampling ??= new Sampling();
        sampling.Validate();
        if (prompt.Count == 0) throw new TensorException("Generate: the prompt must have at least one token");
        return Continue(Start(1, contextLength), [.. prompt.Select(t => (long)t)], count, sampling);
    }

    /// <summary>The hidden states that <see cref="Logits"/> scores.</summary>
    /// <param name="tokens">int64 [B, L], in [0, V).</param>
    /// <param name="inputs">What the block takes beside it; null: nothing.</param>
    /// <returns>[B, L, H].</returns>
    public Tensor Hidden(Tensor tokens, SequenceInputs? inputs = null) => Block.ForwardSequence(Embedding.Forward(tokens), inputs);

    /// <summary>Scores of hidden states […, H]: […, V].</summary>
    public Tensor Score(Tensor hidden)
    {
        var scores = _head?.Forward(hidden) ?? hidden.Linear(Embedding.Weight);
        return LogitCap is { } cap ? (scores / cap).Tanh() * cap : scores;
    }

    private static IEnumerable<int> Continue(TokenStream stream, long[] prompt, int count, Sampling sampling)
    {
        using (stream)
        {
            var generator = new Generator(sampling.Seed);
            var tokens = Tensor.FromArray(prompt, [1, prompt.Length]);
            for (var i = 0; i < count; i++)
            {
                using var logits = stream.Read(tokens);
                tokens.Dispose();
                tokens = sampling.Draw(logits, generator).Unsqueeze(1);
                yield return (int)tokens.Item();
            }
        }
    }
}
