using Edifice.Attention;
using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>A layered block whose mixers carry states from position to position: whole sequences by chunks, and a stream step by step
/// with the states updated in place.</summary>
/// <param name="block">Whose parameters are copied.</param>
internal abstract class RecurrentFormulation(SequenceBlock block) : LayeredFormulation(block)
{
    private Twin[][]? _states;

    /// <summary>Whether the present pass continues a stream.</summary>
    protected bool Streams => _states is not null;

    /// <summary>Position of the stream's next token; 0 for a whole sequence.</summary>
    protected int Position { get; private set; }

    /// <summary>Begins a stream. Steps are to be run without gradients.</summary>
    public void Begin(int batch)
    {
        Position = 0;
        _states = [.. Enumerable.Range(0, LayerCount).Select(i => StateShapes(i).Select(s => zeros([batch, .. s]).DetachFromDisposeScope()).ToArray())];
    }

    /// <summary>The stream's next token.</summary>
    /// <param name="x">[B, E].</param>
    /// <returns>[B, H].</returns>
    public Twin Step(Twin x)
    {
        using var scope = NewDisposeScope();
        var y = ForwardSequence(x.unsqueeze(1)).squeeze(1);
        Position++;
        return y.MoveToOuterDisposeScope();
    }

    /// <summary>Shapes of a layer's states, without the batch.</summary>
    protected abstract IEnumerable<long[]> StateShapes(int layer);

    /// <summary>A layer's states; only in a stream.</summary>
    protected Twin[] State(int layer) => _states![layer];

    /// <summary>The sequence one step late: zero, or the stream's last token, before the first.</summary>
    /// <param name="x">[B, L, H].</param>
    /// <param name="last">The state to read and to move on; null: a whole sequence.</param>
    protected static Twin Shifted(Twin x, Twin? last)
    {
        if (last is null) return nn.functional.pad(x, [0, 0, 1, -1]);
        var before = last.clone().unsqueeze(1);
        last.copy_(x.squeeze(1));
        return before;
    }

    /// <summary>One step of a matrix state: S = decay ⊙ S + kᵀ v in place, then q S.</summary>
    /// <param name="state">S [B, h, dk, dv].</param>
    /// <param name="decay">What can be spread to [B, h, dk, dv]; null: none.</param>
    /// <param name="q">[B, 1, h, dk].</param>
    /// <param name="k">[B, 1, h, dk].</param>
    /// <param name="v">[B, 1, h, dv].</param>
    /// <returns>[B, 1, h, dv].</returns>
    protected static Twin StateStep(Twin state, Twin? decay, Twin q, Twin k, Twin v)
    {
        if (decay is not null) state.mul_(decay);
        state.addcmul_(k.squeeze(1).unsqueeze(-1), v.squeeze(1).unsqueeze(-2), 1);
        return q.squeeze(1).unsqueeze(-2).matmul(state).squeeze(-2).unsqueeze(1);
    }

    /// <summary>One step of normalised kernel attention: S += kᵀ v and z += k in place, then q S / (q·z + eps).</summary>
    /// <param name="state">S [B, h, m, d] and z [B, h, 1, m].</param>
    /// <param name="q">φ(q) [B, h, 1, m].</param>
    /// <param name="k">φ(k) [B, h, 1, m].</param>
    /// <param name="v">[B, h, 1, d].</param>
    /// <param name="eps">Added to the denominator.</param>
    /// <returns>[B, h, 1, d].</returns>
    protected static Twin KernelStep(Twin[] state, Twin q, Twin k, Twin v, double eps)
    {
        state[0].addcmul_(k.mT, v, 1);
        state[1].add_(k);
        return q.matmul(state[0]) / ((q * state[1]).sum(-1, keepdim: true) + eps);
    }
}
