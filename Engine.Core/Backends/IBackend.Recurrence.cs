namespace Edifice.Engine.Backends;

/// <summary>How a matrix state fades from step to step.</summary>
public enum StateDecayKind
{
    /// <summary>Not at all.</summary>
    None,
    /// <summary>By one factor per head, the same at every step.</summary>
    PerHead,
    /// <summary>By e^g per key channel and step; the tensor holds g ≤ 0 [B, L, h, dk].</summary>
    Log,
    /// <summary>By a factor per key channel and step; the tensor holds it [B, L, h, dk].</summary>
    Gate,
}

/// <summary>What a matrix-state recurrence does besides its tensors.</summary>
/// <param name="Decay">How the state fades.</param>
/// <param name="HeadFactors">The factors of <see cref="StateDecayKind.PerHead"/>, in double; otherwise null.</param>
/// <param name="Scale">Multiplies every output.</param>
/// <param name="Chunk">The algorithm. 0: one step after the other. Otherwise as matrix products over chunks of at most so many
/// steps: the same sums in another order, no exponent positive and no division by a product of decays. A backend may cut chunks
/// further.</param>
public readonly record struct MatrixStateSpec(StateDecayKind Decay, double[]? HeadFactors, double Scale, int Chunk = 0);

/// <summary>Recurrences over time. Operands contiguous, f32/f64; an absent initial state is zero. Equations: the pages named in
/// Engine.Core/Ops.</summary>
public partial interface IBackend
{
    /// <summary>h_t = a_t h_{t-1} + b_t over axis 1 of [B, L, D]; initial [B, D] or null; <paramref name="reverse"/> runs
    /// from the last step down.</summary>
    void LinearScan(Tensor a, Tensor b, Tensor? initial, bool reverse, Tensor h);

    /// <summary>Backward of the forward-running <see cref="LinearScan"/>: dh [B, L, D], dfinal [B, D] or null.</summary>
    void LinearScanVjp(Tensor dh, Tensor? dfinal, Tensor a, Tensor h, Tensor? initial, Tensor da, Tensor db, Tensor? dinitial);

    /// <summary>h_t = a_t h_{t-1} + √(1 - a_t²) σ(gateX_t) x_t with log a_t = -rate σ(gateA_t); where <paramref name="reset"/> is true,
    /// h_t = σ(gateX_t) x_t. x, gateX, gateA, h [B, L, D], rate [D], at least 0, reset bool [B, L] or null, initial [B, D] or
    /// null. 1 - a² is formed as -expm1(2 log a).</summary>
    void RgLru(Tensor x, Tensor gateX, Tensor gateA, Tensor rate, Tensor? reset, Tensor? initial, Tensor h);

    /// <summary>Backward of <see cref="RgLru"/> from its inputs and h alone. The derivative of the square root is held at 1000: d√s =
    /// ds / max(2 √s, 1e-3). dinitial is null where it is not wanted.</summary>
    void RgLruVjp(
        Tensor dh, Tensor x, Tensor gateX, Tensor gateA, Tensor rate, Tensor? reset, Tensor? initial, Tensor h,
        Tensor dx, Tensor dgateX, Tensor dgateA, Tensor drate, Tensor? dinitial);

    /// <summary>y[m] = x + (previous - x) mix[m] with previous_t = x_{t-1} and <paramref name="initial"/> [B, D] before the first step; x
    /// [B, L, D], mix [M, D], y [M, B, L, D].</summary>
    void TokenShift(Tensor x, Tensor mix, Tensor? initial, Tensor y);

    /// <summary>Backward of <see cref="TokenShift"/>; dinitial is null where it is not wanted.</summary>
    void TokenShiftVjp(Tensor dy, Tensor x, Tensor mix, Tensor? initial, Tensor dx, Tensor dmix, Tensor? dinitial);

    /// <summary>Steps between the states that <see cref="MatrixState"/> keeps for its backward pass.</summary>
    /// <param name="chunk">As in <see cref="MatrixStateSpec"/>.</param>
    int MatrixStateSpacing(int chunk);

    /// <summary>S_t = diag(decay_t) S_{t-1} + bᵀ (a S_{t-1}) + kᵀ v, o_t = scale q S_t per batch row and head; the middle term
    /// (delta rule) only where a and b are given. q, k, a, b, decay [B, L, h, dk], v, o [B, L, h, dv], states
    /// [B, h, dk, dv]. One kernel serves linear attention, retention, GLA, HGRN-2 and WKV-7.</summary>
    /// <param name="spec">Decay, scale and algorithm.</param>
    /// <param name="q">Reads the state after the step's own update.</param>
    /// <param name="k">Writes it.</param>
    /// <param name="v">What is written.</param>
    /// <param name="decay">For <see cref="StateDecayKind.Log"/> and <see cref="StateDecayKind.Gate"/>, otherwise null.</param>
    /// <param name="a">Reads the state before its decay; null with <paramref name="b"/>.</param>
    /// <param name="b">Writes back what a read.</param>
    /// <param name="initial">State before step 0, or null.</param>
    /// <param name="output">o.</param>
    /// <param name="final">State after the last step.</param>
    /// <param name="kept">[B, h, ⌈L / spacing⌉, dk, dv]: the state before every spacing-th step; null: no backward pass
    /// will follow.</param>
    void MatrixState(in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b,
        Tensor? initial, Tensor output, Tensor final, Tensor? kept);

    /// <summary>Backward of <see cref="MatrixState"/>: states are rebuilt from the kept ones, never by inverting a step. The
    /// gradient of the decay is by the form given (g or factor), as rowsum(dS ⊙ S), which has no cancellation.
    /// dfinal may be null; ddecay, da, db are null exactly where their operands are; dinitial is null where it is not
    /// wanted.</summary>
    void MatrixStateVjp(in MatrixStateSpec spec, Tensor dout, Tensor? dfinal, Tensor q, Tensor k, Tensor v, Tensor? decay,
        Tensor? a, Tensor? b, Tensor kept, Tensor dq, Tensor dk, Tensor dv, Tensor? ddecay, Tensor? da, Tensor? db, Tensor? dinitial);
}
