using System.Numerics;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>A reduction as partial results that merge. A partial result is one number per plane (a sum has one, a variance
/// two: mean and squared deviation); partial results of neighbouring columns lie side by side within a plane, and the
/// planes <c>planeStride</c> apart.</summary>
internal unsafe interface IReduction<TIn, TPartial, TOut>
    where TIn : unmanaged
    where TPartial : unmanaged
    where TOut : unmanaged
{
    /// <summary>Numbers per partial result, scratch planes included.</summary>
    static abstract int Planes { get; }

    /// <summary>The partial result of n ≥ 1 neighbours.</summary>
    static abstract void Row(TIn* x, int n, TPartial* partial, int planeStride);

    /// <summary>The partial results of <paramref name="columns"/> neighbouring columns over <paramref name="rows"/> ≥ 1
    /// rows. What a column gives does not depend on the others.</summary>
    static abstract void Columns(TIn* x, long rowStride, int rows, int columns, TPartial* partial, int planeStride);

    /// <summary>Merges b, of nb entries each, into a, of na entries each.</summary>
    static abstract void Merge(TPartial* a, long na, TPartial* b, long nb, int columns, int planeStride);

    /// <summary>The results from partial results of all n ≥ 1 entries.</summary>
    static abstract void Finish(TPartial* partial, long n, double p, int columns, int planeStride, TOut* y);

    /// <summary>The result over no entries.</summary>
    static abstract TOut Empty { get; }
}

/// <summary>Merges the partial results of successive blocks in a binary tree: equal counts meet, so that a sum's error grows
/// with the logarithm of the number of blocks. The tree depends on their number alone.</summary>
internal unsafe struct Cascade<TIn, TPartial, TOut, TReduction>(TPartial* stack, int columns, int planeStride)
    where TIn : unmanaged
    where TPartial : unmanaged
    where TOut : unmanaged
    where TReduction : IReduction<TIn, TPartial, TOut>
{
    // As deep as any count of blocks can make it.
    private fixed long _counts[64];
    private int _depth;
    private long _blocks;

    /// <summary>How many partial results the stack must hold for this many blocks.</summary>
    public static int Depth(long blocks) => BitOperations.Log2((ulong)blocks) + 2;

    /// <summary>Where the next block's partial results go.</summary>
    public readonly TPartial* Next => stack + (long)_depth * TReduction.Planes * planeStride;

    /// <summary>Takes what was written to <see cref="Next"/>.</summary>
    public void Push(long count)
    {
        _counts[_depth++] = count;
        for (var b = ++_blocks; (b & 1) == 0; b >>= 1) MergeTop();
    }

    /// <summary>Merges what is left; the result is at the bottom of the stack.</summary>
    public TPartial* Close()
    {
        while (_depth > 1) MergeTop();
        return stack;
    }

    private void MergeTop()
    {
        _depth--;
        var level = TReduction.Planes * planeStride;
        TReduction.Merge(stack + (_depth - 1L) * level, _counts[_depth - 1], stack + (long)_depth * level, _counts[_depth],
            columns, planeStride);
        _counts[_depth - 1] += _counts[_depth];
    }
}
