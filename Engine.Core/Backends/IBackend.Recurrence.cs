namespace Edifice.Engine.Backends;

/// <summary>Recurrences over time. Operands contiguous, f32/f64; an absent initial state is zero; every final state is
/// written. Equations: the pages named in Engine.Core/Ops.</summary>
public partial interface IBackend
{
    /// <summary>h_t = a_t h_{t-1} + b_t over axis 1 of [B, L, D]; initial [B, D] or null; <paramref name="reverse"/> runs
    /// from the last step down.</summary>
    void LinearScan(Tensor a, Tensor b, Tensor? initial, bool reverse, Tensor h);

    /// <summary>Backward of the forward-running <see cref="LinearScan"/>: dh [B, L, D], dfinal [B, D] or null.</summary>
    void LinearScanVjp(Tensor dh, Tensor? dfinal, Tensor a, Tensor h, Tensor? initial, Tensor da, Tensor db, Tensor? dinitial);
}
