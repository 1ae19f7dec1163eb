using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>One row per lane: the rows are transposed, transformed side by side, and transposed back.</summary>
internal sealed unsafe class AcrossRowsPlan<V, T>(int length) : RowPlan<V, T>(length)
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    private readonly LanePlan<V, T> _lanes = LanePlan<V, T>.For(length);

    public override int Rows => V.Count;

    public override long ScratchElements => 4L * V.Count * Length + _lanes.ScratchElements;

    public override void Transform(T* re, T* im, nint stride, T* outRe, T* outIm, nint outStride, int rows, T* scratch)
    {
        var w = V.Count;
        var x = LaneRows<T>.Packed(scratch, w);
        var y = LaneRows<T>.Packed(scratch + 2L * w * Length, w);
        for (var j = 0; j < Length; j += w)
        {
            var columns = Math.Min(w, Length - j);
            TileTranspose<V, T>.Run(re + j, stride, x.From(j).Re, x.Stride, rows, columns);
            TileTranspose<V, T>.Run(im + j, stride, x.From(j).Re + x.Im, x.Stride, rows, columns);
        }

        // Lanes without a row must not hold what slows arithmetic down or traps; an edge tile leaves them untouched.
        if (rows < w) ClearLanesFrom(rows, x);
        _lanes.Transform(x, y, scratch + 4L * w * Length);
        for (var j = 0; j < Length; j += w)
        {
            var columns = Math.Min(w, Length - j);
            TileTranspose<V, T>.Run(y.From(j).Re, y.Stride, outRe + j, outStride, columns, rows);
            TileTranspose<V, T>.Run(y.From(j).Re + y.Im, y.Stride, outIm + j, outStride, columns, rows);
        }
    }

    private void ClearLanesFrom(int rows, LaneRows<T> x)
    {
        for (var j = 0; j < Length; j++)
        {
            var p = x.From(j).Re;
            new Span<T>(p + rows, V.Count - rows).Clear();
            new Span<T>(p + x.Im + rows, V.Count - rows).Clear();
        }
    }
}
