using System.Runtime.CompilerServices;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>An update rule of a parameter, a register at a time. The formulas and the order of their operations are those of
/// the specification; numbers that depend on the step alone are formed in double and rounded once.</summary>
internal interface IUpdate
{
    /// <summary>Updates elements i … i + n - 1.</summary>
    void At(long i, int n);
}

/// <summary>What every rule works on; a state the rule does without is null.</summary>
internal readonly unsafe struct UpdateOperands<T>(T* parameter, T* gradient, double gradientScale, T* state0, T* state1, T* state2)
    where T : unmanaged
{
    public readonly T* Parameter = parameter, State0 = state0, State1 = state1, State2 = state2;

    /// <summary>The gradient, scaled, plus <paramref name="decay"/> θ unless the decay is 0 (0 · ∞ has no value).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Gradient<V>(long i, int n, V parameter, double decay) where V : unmanaged, ILanes<V, T>
    {
        var g = RowLanes.Load<V, T>(gradient + i, n) * V.Const(gradientScale);
        return decay == 0 ? g : g + V.Const(decay) * parameter;
    }
}

/// <summary>Momentum b = μ b + (1-τ) g (b = g at first); θ -= γ (g + μ b), γ b or γ g.</summary>
internal readonly unsafe struct SgdUpdate<V, T>(UpdateOperands<T> on, OptimizerSettings s) : IUpdate
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At(long i, int n)
    {
        var parameter = RowLanes.Load<V, T>(on.Parameter + i, n);
        var u = on.Gradient(i, n, parameter, s.WeightDecay);
        if (on.State0 is not null && s.Momentum != 0)
        {
            var momentum = V.Const(s.Momentum);
            var b = s.Step == 1 ? u : momentum * RowLanes.Load<V, T>(on.State0 + i, n) + V.Const(1 - s.Dampening) * u;
            RowLanes.Store(b, on.State0 + i, n);
            u = s.Nesterov ? u + momentum * b : b;
        }

        RowLanes.Store(parameter - V.Const(s.LearningRate) * u, on.Parameter + i, n);
    }
}

/// <summary>m = β₁ m + (1-β₁) g, v = β₂ v + (1-β₂) g², θ -= γ (m/(1-β₁ᵗ)) / (√(v/(1-β₂ᵗ)) + ε), with the running maximum of v
/// in its place when it is kept. Decoupled decay shrinks θ first instead of entering g.</summary>
internal readonly unsafe struct AdamUpdate<V, T>(UpdateOperands<T> on, OptimizerSettings s, bool decoupled) : IUpdate
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    private readonly double _meanCorrection = 1 - Math.Pow(s.Beta1, s.Step), _squareCorrection = 1 - Math.Pow(s.Beta2, s.Step);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At(long i, int n)
    {
        var parameter = RowLanes.Load<V, T>(on.Parameter + i, n);
        var g = on.Gradient(i, n, parameter, decoupled ? 0 : s.WeightDecay);
        if (decoupled && s.WeightDecay != 0) parameter -= V.Const(s.LearningRate * s.WeightDecay) * parameter;

        var m = V.Const(s.Beta1) * RowLanes.Load<V, T>(on.State0 + i, n) + V.Const(1 - s.Beta1) * g;
        var v = V.Const(s.Beta2) * RowLanes.Load<V, T>(on.State1 + i, n) + V.Const(1 - s.Beta2) * (g * g);
        RowLanes.Store(m, on.State0 + i, n);
        RowLanes.Store(v, on.State1 + i, n);
        if (on.State2 is not null)
        {
            v = V.Max(RowLanes.Load<V, T>(on.State2 + i, n), v);
            RowLanes.Store(v, on.State2 + i, n);
        }

        var step = m / V.Const(_meanCorrection) / (V.Sqrt(v / V.Const(_squareCorrection)) + V.Const(s.Eps));
        RowLanes.Store(parameter - V.Const(s.LearningRate) * step, on.Parameter + i, n);
    }
}

/// <summary>c = β₁ m + (1-β₁) g, θ -= γ (sign c + λ θ), m = β₂ m + (1-β₂) g.</summary>
internal readonly unsafe struct LionUpdate<V, T>(UpdateOperands<T> on, OptimizerSettings s) : IUpdate
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At(long i, int n)
    {
        var parameter = RowLanes.Load<V, T>(on.Parameter + i, n);
        var g = on.Gradient(i, n, parameter, 0);
        var m = RowLanes.Load<V, T>(on.State0 + i, n);
        var c = V.Const(s.Beta1) * m + V.Const(1 - s.Beta1) * g;
        RowLanes.Store(V.Const(s.Beta2) * m + V.Const(1 - s.Beta2) * g, on.State0 + i, n);

        // The sign of 0 is 0, of NaN NaN: both are c itself.
        var one = V.Const(1);
        var step = V.Select(V.Less(V.Zero, c), one, V.Select(V.Less(c, V.Zero), -one, c));
        if (s.WeightDecay != 0) step += V.Const(s.WeightDecay) * parameter;
        RowLanes.Store(parameter - V.Const(s.LearningRate) * step, on.Parameter + i, n);
    }
}

/// <summary>v = α v + (1-α) g² (α is <c>Beta2</c>), centered: a = α a + (1-α) g and v - a² in v's place; u = g / (√v + ε), with
/// momentum b = μ b + u in its place; θ -= γ u.</summary>
internal readonly unsafe struct RmsPropUpdate<V, T>(UpdateOperands<T> on, OptimizerSettings s) : IUpdate
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void At(long i, int n)
    {
        var parameter = RowLanes.Load<V, T>(on.Parameter + i, n);
        var g = on.Gradient(i, n, parameter, s.WeightDecay);
        V alpha = V.Const(s.Beta2), rest = V.Const(1 - s.Beta2);
        var square = alpha * RowLanes.Load<V, T>(on.State0 + i, n) + rest * (g * g);
        RowLanes.Store(square, on.State0 + i, n);
        if (on.State2 is not null)
        {
            var mean = alpha * RowLanes.Load<V, T>(on.State2 + i, n) + rest * g;
            RowLanes.Store(mean, on.State2 + i, n);
            square = V.Max(square - mean * mean, V.Zero); // rounding may make it negative where g hardly varies
        }

        var u = g / (V.Sqrt(square) + V.Const(s.Eps));
        if (on.State1 is not null)
        {
            u = V.Const(s.Momentum) * RowLanes.Load<V, T>(on.State1 + i, n) + u;
            RowLanes.Store(u, on.State1 + i, n);
        }

        RowLanes.Store(parameter - V.Const(s.LearningRate) * u, on.Parameter + i, n);
    }
}

/// <summary>One pass over a parameter and its state.</summary>
internal readonly struct UpdateTiles<V, T, TUpdate>(TUpdate update, long count) : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
    where TUpdate : unmanaged, IUpdate
{
    /// <summary>Elements per tile.</summary>
    public const int ElementsPerTile = 16 * 1024;

    /// <summary>The number of tiles.</summary>
    public long Tiles => (count + ElementsPerTile - 1) / ElementsPerTile;

    public void Run(long tile)
    {
        var rule = update;
        var i = tile * ElementsPerTile;
        var end = Math.Min(count, i + ElementsPerTile);
        for (; i <= end - V.Count; i += V.Count) rule.At(i, V.Count);
        if (i < end) rule.At(i, (int)(end - i));
    }
}
