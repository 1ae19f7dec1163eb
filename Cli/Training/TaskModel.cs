using Edifice.Attention;
using Edifice.Cli.Tasks;
using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Cli.Training;

/// <summary>Scores of the answers at every position of a task: embedding, a short convolution, block, head.</summary>
/// <remarks>
/// <para>The convolution (causal, depthwise, added to what it reads) lets a token see its neighbours. Blocks whose layers compare tokens
/// only by their content otherwise spend their first layer on that; comparisons of recall give it to every block alike
/// (Arora et al., "Zoology", 2023, section 4; Arora et al., "Based", 2024, section 3).</para>
/// <para>Members: <c>embedding</c>, <c>short_conv</c> (unless it has no taps), <c>block</c>, <c>head</c>.</para>
/// </remarks>
internal sealed class TaskModel : Module
{
    private readonly TokenEmbedding _embedding;
    private readonly CausalConv1d? _shortConv;
    private readonly SequenceBlock _block;
    private readonly Linear _head;

    /// <param name="task">Gives the numbers of tokens and of answers.</param>
    /// <param name="block">A block that gives one hidden state per position.</param>
    /// <param name="positions">What the embedding adds for positions.</param>
    /// <param name="taps">Positions that the convolution sees; 0: there is none.</param>
    public TaskModel(ITask task, SequenceBlock block, TokenPositions positions, int taps)
    {
        _embedding = Register("embedding", new TokenEmbedding(task.Vocabulary, block.EmbedDim, positions));
        if (taps > 0) _shortConv = Register("short_conv", new CausalConv1d(block.EmbedDim, taps));
        _block = Register("block", block);
        _head = Register("head", new Linear(block.HiddenSize, task.Classes, bias: false, init: LinearInit.Normal(1 / Math.Sqrt(block.HiddenSize))));
    }

    /// <summary>Scores [B, L, C] of tokens int64 [B, L].</summary>
    public Tensor Logits(Tensor tokens)
    {
        var x = _embedding.Forward(tokens);
        if (_shortConv is not null) x += _shortConv.Forward(x);
        return _head.Forward(_block.ForwardSequence(x));
    }
}
