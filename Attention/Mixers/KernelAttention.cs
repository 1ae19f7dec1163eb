using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>Positive features φ of queries and keys, with what they need to be computed.</summary>
public abstract class KernelFeatures : Module
{
    /// <summary>Why features of a piece of a stream would not be those of the whole sequence; null: they are.</summary>
    public virtual string? StreamingObstacle => null;

    /// <summary>True when a batch row's features depend on the other rows too.</summary>
    public virtual bool MixesBatch => false;

    /// <summary>φ(q): […, d] to […, m].</summary>
    public abstract Tensor Query(Tensor q);

    /// <summary>φ(k): […, d] to […, m].</summary>
    public abstract Tensor Key(Tensor k);
}

/// <summary>Attention through a kernel φ(q)·φ(k) in place of the softmax: S_t = Σ φ(k_i) v_iᵀ, z_t = Σ φ(k_i),
/// y_t = S_tᵀ φ(q_t) / (φ(q_t)·z_t + eps) (Katharopoulos et al. 2020).</summary>
/// <remarks>Members: <c>q_proj</c>, <c>k_proj</c>, <c>v_proj</c>, <c>out_proj</c> [H, H]; what the features own is registered
/// beside them under its own name. State: <c>s</c> [B, h, m, d], <c>z</c> [B, h, m].</remarks>
public sealed class KernelAttention : Sublayer
{
    private const string Sums = "s", Normaliser = "z";

    private readonly int _heads, _features, _width;
    private readonly bool _causal;
    private readonly double _eps;
    private readonly KernelFeatures _map;
    private readonly Linear _query, _key, _value, _output;

    /// <summary>Creates the mixer.</summary>
    /// <param name="width">H.</param>
    /// <param name="heads">h.</param>
    /// <param name="features">m, the width of φ.</param>
    /// <param name="bias">Biases on the projections.</param>
    /// <param name="causal">Position t sees 0 … t.</param>
    /// <param name="eps">Added to the denominator; 0: nothing is.</param>
    /// <param name="map">φ.</param>
    /// <param name="parameters">Dtype, device and random stream.</param>
    /// <param name="projection">A fixed array of the features, saved as <c>projection</c>; null: they have none.</param>
    public KernelAttention(
        int width, int heads, int features, bool bias, bool causal, double eps, KernelFeatures map, ParameterOptions? parameters = null, Tensor? projection = null)
    {
        (_heads, _features, _width, _causal, _eps, _map) = (heads, features, width / heads, causal, eps, map);
        Linear Project() => new(width, width, bias, options: parameters);
        _query = Register("q_proj", Project());
        _key = Register("k_proj", Project());
        _value = Register("v_proj", Project());
        _output = Register("out_proj", Project());
        if (projection is not null) Projection = RegisterBuffer("projection", projection);
    }

    /// <summary>The features' fixed array, or null.</summary>
    public StateBuffer? Projection { get; }

    /// <inheritdoc/>
    public override bool IsCausal => _causal && _map.StreamingObstacle is null;

    /// <inheritdoc/>
    public override string? StreamingObstacle => _causal ? _map.StreamingObstacle : "with causal = false every position sees later ones";

    /// <inheritdoc/>
    public override bool MixesBatch => _map.MixesBatch;

    /// <inheritdoc/>
    public override IReadOnlyList<StateSlot> StateSlots =>
        StreamingObstacle is null ? [StateSlot.Fixed(Sums, _heads, _features, _width), StateSlot.Fixed(Normaliser, _heads, _features)] : [];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, Pass pass, SublayerState? state)
    {
        Tensor Heads(Linear projection) => projection.Forward(x).Unflatten(-1, _heads, _width);
        var (q, k, v) = (_map.Query(Heads(_query)), _map.Key(Heads(_key)), Heads(_value));
        var (y, s, z) = Tensor.LinearAttention(q, k, v, _causal, normalize: true, _eps, state?[Sums], state?[Normaliser]);
        if (state is not null) (state[Sums], state[Normaliser]) = (s!, z!);
        return _output.Forward(y.Flatten(2, 3));
    }
}
