using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>What stands inside a residual connection and looks beyond its own position: a token mixer, or a feed-forward with
/// memory. One method serves whole sequences and pieces of a stream.</summary>
public abstract class Sublayer : Module
{
    /// <summary>The tensors it carries from one piece of a stream to the next.</summary>
    public virtual IReadOnlyList<StateSlot> StateSlots => [];

    /// <summary>Why it cannot work on a stream; null: it can.</summary>
    public virtual string? StreamingObstacle => null;

    /// <summary>True when an output depends on inputs up to its own position only.</summary>
    public virtual bool IsCausal => true;

    /// <summary>True when a batch row's result depends on the other rows too.</summary>
    public virtual bool MixesBatch => false;

    /// <summary>Maps a piece.</summary>
    /// <param name="x">[B, L, H], normed.</param>
    /// <param name="pass">The piece's place and what was given beside it.</param>
    /// <param name="state">In a stream, the tensors of <see cref="StateSlots"/>, to be read and moved on; null for a whole
    /// sequence, and when there are no slots.</param>
    /// <returns>[B, L, H].</returns>
    public abstract Tensor Forward(Tensor x, Pass pass, SublayerState? state);
}
