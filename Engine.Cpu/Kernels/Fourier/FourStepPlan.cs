using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>A single row as a matrix of n1 rows and n2 columns: transforms down the columns, twiddle factors, a
/// transposition, and transforms down the columns again. All of them run on full registers, and the result comes out in
/// natural order (the four-step form; Van Loan, section 3.3.1).</summary>
/// <remarks>With j = n2 j1 + j2 and k = k1 + n1 k2: X_k = Σ_j2 e^(-2πi j2 k2/n2) [e^(-2πi j2 k1/n) Σ_j1 x_j e^(-2πi j1 k1/n1)].</remarks>
internal sealed unsafe class FourStepPlan<V, T> : RowPlan<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    private readonly int _n1, _n2;
    private readonly LanePlan<V, T> _down, _across;

    // For each block of V.Count columns j2, the factors of all k1 in the layout of packed lane rows.
    private readonly T[] _twiddles;

    public FourStepPlan(int n1, int n2) : base(n1 * n2)
    {
        var w = V.Count;
        (_n1, _n2) = (n1, n2);
        _down = LanePlan<V, T>.For(n1);
        _across = LanePlan<V, T>.For(n2);
        _twiddles = new T[2L * Registers.Whole<V, T>(n2) * n1];
        for (var k1 = 0; k1 < n1; k1++)
        {
            for (var j2 = 0; j2 < n2; j2++)
            {
                var (cos, sin) = RootsOfUnity.At((long)k1 * j2, Length);
                var place = (j2 / w * (long)n1 + k1) * 2 * w + j2 % w;
                _twiddles[place] = Scalar.Of<T>(cos);
                _twiddles[place + w] = Scalar.Of<T>(-sin);
            }
        }
    }

    public override int Rows => 1;

    public override long ScratchElements =>
        2L * (Registers.Whole<V, T>(_n1) * (V.Count + (long)_n2) + V.Count * (long)_n2) + Math.Max(_down.ScratchElements, _across.ScratchElements);

    /// <summary>Finds the split whose two sides fill registers best; the sides' own transforms must be direct ones.</summary>
    /// <returns>False when every split leaves too many lanes empty.</returns>
    public static bool TrySplit(int length, out int columns)
    {
        columns = 0;
        if (length < V.Count * V.Count) return false;
        var least = 1.6 * length; // computed entries per entry beyond which other ways are better
        for (var n2 = 4; (long)n2 * n2 <= 4L * length; n2++)
        {
            if (length % n2 != 0 || length / n2 < 4) continue;
            var n1 = length / n2;
            if (Math.Max(Factors.LargestPrime(n1), Factors.LargestPrime(n2)) > LanePlan<V, T>.LargestDirectPrime) continue;
            var computed = (double)Registers.Whole<V, T>(n1) * Registers.Whole<V, T>(n2);
            if (computed > least) continue;
            least = computed; // among equals the last, which is the squarest
            columns = n2;
        }

        return columns > 0;
    }

    public override void Transform(T* re, T* im, nint stride, T* outRe, T* outIm, nint outStride, int rows, T* scratch)
    {
        var w = V.Count;
        var block = LaneRows<T>.Packed(scratch, w);
        var turned = scratch + 2L * w * Registers.Whole<V, T>(_n1);
        var edge = LaneRows<T>.Packed(turned + 2L * Registers.Whole<V, T>(_n1) * _n2, w);
        var rest = edge.Re + 2L * w * _n2;
        fixed (T* twiddles = _twiddles)
        {
            for (var j2 = 0; j2 < _n2; j2 += w)
            {
                _down.Transform(new LaneRows<T>(re + j2, (nint)(im - re), _n2), block, rest);
                Twiddle(block, twiddles + 2L * _n1 * j2);
                Turn(block, j2, turned);
            }
        }

        for (var k1 = 0; k1 < _n1; k1 += w)
        {
            var lanes = LaneRows<T>.Packed(turned + 2L * _n2 * k1, w);
            var imaginary = (nint)(outIm - outRe);
            if (k1 + w <= _n1)
            {
                _across.Transform(lanes, new LaneRows<T>(outRe + k1, imaginary, _n1), rest);
                continue;
            }

            _across.Transform(lanes, edge, rest);
            for (var k2 = 0; k2 < _n2; k2++)
            {
                var p = edge.From(k2).Re;
                V.StorePartial(V.Load(p), outRe + k1 + (nint)k2 * _n1, _n1 - k1);
                V.StorePartial(V.Load(p + w), outIm + k1 + (nint)k2 * _n1, _n1 - k1);
            }
        }
    }

    private void Twiddle(LaneRows<T> rows, T* factors)
    {
        var p = rows.Re;
        for (var k1 = 0; k1 < _n1; k1++, p += 2 * V.Count, factors += 2 * V.Count)
        {
            V re = V.Load(p), im = V.Load(p + V.Count), c = V.Load(factors), s = V.Load(factors + V.Count);
            V.Store(V.MultiplyAdd(-im, s, re * c), p);
            V.Store(V.MultiplyAdd(im, c, re * s), p + V.Count);
        }
    }

    // Columns j2 … of the block become rows j2 … of each group of V.Count lanes k1.
    private void Turn(LaneRows<T> block, int j2, T* turned)
    {
        var w = V.Count;
        var columns = Math.Min(w, _n2 - j2);
        for (var k1 = 0; k1 < _n1; k1 += w)
        {
            var rows = Math.Min(w, _n1 - k1);
            var from = block.From(k1).Re;
            var to = turned + 2L * w * ((long)k1 / w * _n2 + j2);
            TileTranspose<V, T>.Run(from, 2 * w, to, 2 * w, rows, columns);
            TileTranspose<V, T>.Run(from + w, 2 * w, to + w, 2 * w, rows, columns);
        }
    }
}
