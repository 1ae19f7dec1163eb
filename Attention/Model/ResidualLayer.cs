using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>Where the norms of a <see cref="ResidualLayer"/> stand.</summary>
public enum NormPosition
{
    /// <summary>On the input of each sublayer; the sum is left as it is.</summary>
    Pre,

    /// <summary>On the sum.</summary>
    Post,
}

/// <summary>A layer of the common model: a mixer and a feed-forward, each with a norm and a residual connection.</summary>
/// <remarks>
/// <para>Pre: x = x + drop(mixer(norm1(x))); x = x + drop(ffn(norm2(x))). Post: x = norm1(x + drop(mixer(x)));
/// x = norm2(x + drop(ffn(x))).</para>
/// <para>Members: <c>norm1</c>, <c>mixer</c>, <c>norm2</c>, <c>ffn</c>.</para>
/// </remarks>
public sealed class ResidualLayer : Module
{
    private readonly Norm _norm1, _norm2;
    private readonly FeedForward? _plain;
    private readonly Sublayer? _stateful;

    /// <summary>A layer whose feed-forward acts on each position alone.</summary>
    public ResidualLayer(Norm norm1, Sublayer mixer, Norm norm2, FeedForward ffn) : this(norm1, mixer, norm2) =>
        _plain = Register("ffn", ffn);

    /// <summary>A layer whose feed-forward has a memory of its own.</summary>
    public ResidualLayer(Norm norm1, Sublayer mixer, Norm norm2, Sublayer ffn) : this(norm1, mixer, norm2) =>
        _stateful = Register("ffn", ffn);

    private ResidualLayer(Norm norm1, Sublayer mixer, Norm norm2)
    {
        _norm1 = Register("norm1", norm1);
        Mixer = Register("mixer", mixer);
        _norm2 = Register("norm2", norm2);
    }

    /// <summary>The layer of most blocks: norms of one kind before mixer and feed-forward, dropout on the results of both.</summary>
    internal static ResidualLayer Pre(BlockOptions o, NormKind norm, Sublayer mixer, FeedForward ffn, ParameterOptions? parameters) =>
        new(norm.Create(o.HiddenSize, parameters), mixer, norm.Create(o.HiddenSize, parameters), ffn)
        {
            MixerDropout = o.Dropout, FeedForwardDropout = o.Dropout,
        };

    /// <summary>The token mixer.</summary>
    public Sublayer Mixer { get; }

    /// <summary>The feed-forward, when it has a memory of its own.</summary>
    public Sublayer? StatefulFeedForward => _stateful;

    /// <summary>Dropout on the mixer's output.</summary>
    public double MixerDropout { get; init; }

    /// <summary>Dropout on the feed-forward's output.</summary>
    public double FeedForwardDropout { get; init; }

    /// <summary>Dropout on the layer's result.</summary>
    public double ResultDropout { get; init; }

    /// <summary>Where the norms stand.</summary>
    public NormPosition NormPosition { get; init; }

    internal Tensor Forward(Tensor x, Pass pass, SublayerState? mixerState, SublayerState? ffnState)
    {
        var pre = NormPosition == NormPosition.Pre;
        var sum = x + Mixer.Forward(pre ? _norm1.Forward(x) : x, pass, mixerState).Dropout(MixerDropout, IsTraining);
        if (!pre) sum = _norm1.Forward(sum);
        var y = pre ? _norm2.Forward(sum) : sum;
        y = _plain?.Forward(y) ?? _stateful!.Forward(y, pass, ffnState);
        sum += y.Dropout(FeedForwardDropout, IsTraining);
        if (!pre) sum = _norm2.Forward(sum);
        return sum.Dropout(ResultDropout, IsTraining);
    }
}
