using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cuda.Kernels;

/// <summary>The axes that up to four tensors are walked along together: extents of 1 dropped, neighbours that every tensor
/// walks with one step merged. Strides in elements.</summary>
internal struct MergedAxes
{
    /// <summary>Tensors at most.</summary>
    public const int Operands = 4;

    private Extents _extents;
    private Steps _strides;

    [InlineArray(Shape.MaxRank)]
    private struct Extents
    {
        private int _first;
    }

    [InlineArray(Shape.MaxRank * Operands)]
    private struct Steps
    {
        private long _first;
    }

    /// <summary>One position.</summary>
    public MergedAxes() => Count = 1;

    /// <summary>The number of axes left, at most 8; 0 for one position.</summary>
    public int Rank { get; private set; }

    /// <summary>The number of positions.</summary>
    public long Count { get; private set; }

    /// <summary>The extent of an axis, outermost first.</summary>
    public readonly int Extent(int axis) => _extents[axis];

    /// <summary>The step of an operand along an axis.</summary>
    public readonly long Stride(int axis, int operand) => _strides[axis * Operands + operand];

    /// <summary>The axes of tensors of one shape, ordered by the steps of the first, so that it is walked through memory. A tensor
    /// that is absent stands still.</summary>
    public static MergedAxes Of(Tensor y, Tensor? a, Tensor? b, Tensor? c)
    {
        var rank = y.Rank;
        Span<int> order = stackalloc int[Shape.MaxRank];
        var steps = y.Strides;
        for (var i = 0; i < rank; i++)
        {
            var place = i;
            for (; place > 0 && Math.Abs(steps[order[place - 1]]) < Math.Abs(steps[i]); place--) order[place] = order[place - 1];
            order[place] = i;
        }

        var axes = new MergedAxes();
        for (var i = 0; i < rank; i++)
        {
            var axis = order[i];
            axes.Append(y.Layout.Dims[axis], steps[axis], a is null ? 0 : a.Strides[axis], b is null ? 0 : b.Strides[axis], c is null ? 0 : c.Strides[axis]);
        }

        return axes;
    }

    /// <summary>Makes one axis of extent 1 of none.</summary>
    public void AtLeastOne()
    {
        if (Rank != 0) return;
        _extents[0] = 1;
        Rank = 1;
    }

    /// <summary>Counts the innermost axis in fours. Its extent is a multiple of four.</summary>
    public void TakeQuads()
    {
        var inner = Rank - 1;
        _extents[inner] /= 4;
        Count /= 4;
        for (var i = 0; i < Operands; i++) _strides[inner * Operands + i] *= 4;
    }

    /// <summary>Adds an axis inside those there are.</summary>
    public void Append(int extent, long s0, long s1 = 0, long s2 = 0, long s3 = 0)
    {
        Count *= extent;
        if (extent == 1) return;
        ReadOnlySpan<long> steps = [s0, s1, s2, s3];
        var last = Rank - 1;
        var merges = last >= 0 && (long)_extents[last] * extent <= int.MaxValue;
        for (var i = 0; merges && i < Operands; i++) merges = _strides[last * Operands + i] == steps[i] * extent;
        if (merges) _extents[last] *= extent;
        else _extents[last = Rank++] = extent;
        for (var i = 0; i < Operands; i++) _strides[last * Operands + i] = steps[i];
    }
}
