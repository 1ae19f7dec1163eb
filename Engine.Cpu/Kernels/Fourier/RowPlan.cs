using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>How to run forward transforms of one length over contiguous rows, real and imaginary parts in planes of their
/// own. Exchanging the planes on both sides gives the inverse (times the length).</summary>
/// <remarks>The way is chosen by the length alone, so a row's bits do not depend on how many there are.</remarks>
internal abstract unsafe class RowPlan<V, T>(int length)
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    // A length that does not split well is done with one row per lane as long as a block of rows stays in the caches. By a
    // convolution a single row costs a fifteenth of such a block from about 256 on, and half a block's share at worst.
    private const int LongestAcrossRows = 1024, LongestConvolutionAcrossRows = 255;

    private static readonly PlanCache<RowPlan<V, T>> s_cache = new(Build);

    /// <summary>The plan for a length; the first call builds it.</summary>
    public static RowPlan<V, T> For(int length) => s_cache[length];

    /// <summary>The number of entries of a transform.</summary>
    public int Length { get; } = length;

    /// <summary>How many rows <see cref="Transform"/> takes at a time.</summary>
    public abstract int Rows { get; }

    /// <summary>Elements of scratch memory that <see cref="Transform"/> needs.</summary>
    public abstract long ScratchElements { get; }

    /// <summary>Transforms up to <see cref="Rows"/> rows. Source planes must be readable (not initialized) for a register
    /// beyond their last row; destination planes are written in their first <see cref="Length"/> entries only. Sources,
    /// destinations and scratch are apart from one another.</summary>
    /// <param name="re">Real parts of the first row.</param>
    /// <param name="im">Imaginary parts.</param>
    /// <param name="stride">From row to row, for both planes.</param>
    /// <param name="outRe">Real parts of the first result.</param>
    /// <param name="outIm">Imaginary parts.</param>
    /// <param name="outStride">From row to row of the results.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="scratch">Scratch memory.</param>
    public abstract void Transform(T* re, T* im, nint stride, T* outRe, T* outIm, nint outStride, int rows, T* scratch);

    private static RowPlan<V, T> Build(int length)
    {
        if (FourStepPlan<V, T>.TrySplit(length, out var columns)) return new FourStepPlan<V, T>(length / columns, columns);
        var direct = Factors.LargestPrime(length) <= LanePlan<V, T>.LargestDirectPrime;
        if (length <= (direct ? LongestAcrossRows : LongestConvolutionAcrossRows)) return new AcrossRowsPlan<V, T>(length);
        return new RowBluesteinPlan<V, T>(length);
    }
}
