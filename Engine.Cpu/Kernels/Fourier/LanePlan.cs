using System.Collections.Concurrent;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>How to run forward transforms of one length, one per lane of a register: X_k = Σ_j x_j e^(-2πi jk/n), unscaled.
/// Read-only once built, so any number of threads share it.</summary>
/// <remarks>Every lane does the same operations on its own numbers: a transform's bits do not depend on the lane or on what
/// the others hold.</remarks>
internal abstract unsafe class LanePlan<V, T>(int length)
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    /// <summary>Prime factors up to here are summed directly, with half the products of the definition; larger ones would
    /// be slower so than by a convolution (<see cref="BluesteinPlan{V,T}"/>).</summary>
    public const int LargestDirectPrime = 127;

    private static readonly PlanCache<LanePlan<V, T>> s_cache = new(Build);

    /// <summary>The plan for a length; the first call builds it.</summary>
    public static LanePlan<V, T> For(int length) => s_cache[length];

    /// <summary>The number of entries of a transform.</summary>
    public int Length { get; } = length;

    /// <summary>Elements of scratch memory that <see cref="Transform"/> needs.</summary>
    public abstract long ScratchElements { get; }

    /// <summary>Transforms a block. Source, destination and scratch are apart from one another.</summary>
    public abstract void Transform(LaneRows<T> source, LaneRows<T> destination, T* scratch);

    private static LanePlan<V, T> Build(int length) =>
        Factors.LargestPrime(length) <= LargestDirectPrime
            ? new StockhamPlan<V, T>(length)
            : new BluesteinPlan<V, T>(length);
}

/// <summary>Plans by length. Lengths that come once each (a corpus of sentences) do not pile up: a full cache starts
/// again.</summary>
internal sealed class PlanCache<TPlan>(Func<int, TPlan> build) where TPlan : class
{
    private const int Most = 512;

    private readonly ConcurrentDictionary<int, TPlan> _plans = new();

    public TPlan this[int length]
    {
        get
        {
            if (_plans.TryGetValue(length, out var plan)) return plan;
            if (_plans.Count >= Most) _plans.Clear();
            return _plans.GetOrAdd(length, build);
        }
    }
}
