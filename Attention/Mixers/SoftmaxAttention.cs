using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>What a <see cref="SoftmaxAttention"/> is.</summary>
/// <param name="Width">H.</param>
/// <param name="Heads">h, query heads.</param>
/// <param name="KeyValueHeads">g, key-value heads; divides h. Query head a reads head a / (h/g).</param>
/// <param name="HeadWidth">d.</param>
public sealed record SoftmaxAttentionSettings(int Width, int Heads, int KeyValueHeads, int HeadWidth)
{
    /// <summary>Biases on all four projections.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>A position sees those up to itself.</summary>
    public bool Causal { get; init; } = true;

    /// <summary>W: a position sees itself and the W - 1 before it; null: no limit.</summary>
    public int? WindowSize { get; init; }

    /// <summary>Layer norm over each query and key head.</summary>
    public bool QkLayerNorm { get; init; }

    /// <summary>Base of a rotary embedding of queries and keys; null: none.</summary>
    public double? RopeBase { get; init; }

    /// <summary>Linear distance bias.</summary>
    public bool Alibi { get; init; }

    /// <summary>How the projections begin.</summary>
    public LinearInit Init { get; init; } = LinearInit.Xavier;
}

/// <summary>Softmax attention with key-value heads shared by groups of query heads (Vaswani et al. 2017; Ainslie et al. 2023).</summary>
/// <remarks>
/// <para>Members: <c>q_proj</c> [h d, H], <c>k_proj</c>, <c>v_proj</c> [g d, H], <c>out_proj</c> [H, h d]; with
/// <see cref="SoftmaxAttentionSettings.QkLayerNorm"/> <c>q_norm</c>, <c>k_norm</c> [d], one for all heads.</para>
/// <para>Streams with a cache of keys and values; keys are kept as they are after norm and rotation at their own absolute
/// position, so nothing is rotated again.</para>
/// </remarks>
public sealed class SoftmaxAttention : Sublayer
{
    private const string Keys = "keys", Values = "values";

    private readonly SoftmaxAttentionSettings _settings;
    private readonly AttentionOptions _attention;
    private readonly Linear _query, _key, _value, _output;
    private readonly LayerNorm? _queryNorm, _keyNorm;

    /// <summary>Creates the mixer.</summary>
    public SoftmaxAttention(SoftmaxAttentionSettings settings, ParameterOptions? parameters = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings;
        _attention = new AttentionOptions { Causal = settings.Causal, WindowSize = settings.WindowSize, Alibi = settings.Alibi };
        int queries = checked(settings.Heads * settings.HeadWidth), keys = checked(settings.KeyValueHeads * settings.HeadWidth);
        Linear Project(int from, int to) => new(from, to, settings.Bias, init: settings.Init, options: parameters);
        _query = Register("q_proj", Project(settings.Width, queries));
        _key = Register("k_proj", Project(settings.Width, keys));
        _value = Register("v_proj", Project(settings.Width, keys));
        _output = Register("out_proj", Project(queries, settings.Width));
        if (!settings.QkLayerNorm) return;
        _queryNorm = Register("q_norm", new LayerNorm(settings.HeadWidth, options: parameters));
        _keyNorm = Register("k_norm", new LayerNorm(settings.HeadWidth, options: parameters));
    }

    /// <inheritdoc/>
    public override bool IsCausal => _settings.Causal;

    /// <inheritdoc/>
    public override string? StreamingObstacle =>
        IsCausal ? null : "with causal = false every position attends to later ones";

    /// <inheritdoc/>
    public override IReadOnlyList<StateSlot> StateSlots => IsCausal ? [Slot(Keys), Slot(Values)] : [];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, Pass pass, SublayerState? state)
    {
        ArgumentNullException.ThrowIfNull(pass);
        var (q, k, v) = Project(x, x);
        if (_settings.RopeBase is { } @base) (q, k) = (q.Rope(@base, pass.Offset), k.Rope(@base, pass.Offset));
        if (state is null) return Attend(q, k, v, _attention);
        (k, v) = (state.Append(Keys, k), state.Append(Values, v));
        return Attend(q, k, v, pass.OwnPast(k.Size(1)) is { } own ? _attention with { KeyMask = own } : _attention);
    }

    /// <summary>Attention of one sequence's positions to those of another, without positions signals: cross-attention.</summary>
    /// <param name="x">[B, M, H].</param>
    /// <param name="context">[B, L, H].</param>
    /// <param name="keyMask">bool [B, L]: true for real positions; null: all are.</param>
    /// <returns>[B, M, H].</returns>
    public Tensor Forward(Tensor x, Tensor context, Tensor? keyMask = null)
    {
        if (IsCausal) throw new InvalidOperationException("positions of another sequence have no order against this one: cross-attention is not causal");
        var (q, k, v) = Project(x, context);
        return Attend(q, k, v, _attention with { KeyMask = keyMask });
    }

    private StateSlot Slot(string name) =>
        StateSlot.Cache(name, _settings.WindowSize - 1, _settings.KeyValueHeads, _settings.HeadWidth);

    private (Tensor Q, Tensor K, Tensor V) Project(Tensor x, Tensor context)
    {
        Tensor Heads(Tensor y, int heads) => y.Unflatten(-1, heads, _settings.HeadWidth);
        var q = Heads(_query.Forward(x), _settings.Heads);
        var k = Heads(_key.Forward(context), _settings.KeyValueHeads);
        return (_queryNorm?.Forward(q) ?? q, _keyNorm?.Forward(k) ?? k, Heads(_value.Forward(context), _settings.KeyValueHeads));
    }

    private Tensor Attend(Tensor q, Tensor k, Tensor v, AttentionOptions options) =>
        _output.Forward(Tensor.Attention(q, k, v, options).Output.Flatten(2, 3));
}
