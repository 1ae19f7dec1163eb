using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>A transform of any length as a convolution with a chirp (Bluestein 1970): jk = (j² + k² - (k-j)²)/2.</summary>
/// <remarks>With w_k = e^(-iπ k²/n), X_k = w_k Σ_j (x_j w_j) conj w_(k-j). The convolution runs over a length of small
/// factors M ≥ 2n - 1 by two transforms. k² is reduced modulo 2n in integers before the division.</remarks>
internal sealed unsafe class BluesteinPlan<V, T> : LanePlan<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    private readonly LanePlan<V, T> _inner;
    private readonly T[] _chirp;
    private readonly T[] _kernel;

    public BluesteinPlan(int length) : base(length)
    {
        _inner = LanePlan<V, T>.For(Factors.NextSmooth(2L * length - 1));
        (_chirp, _kernel) = Chirp.Build<T>(length, _inner.Length);
    }

    public override long ScratchElements => 4L * V.Count * _inner.Length + _inner.ScratchElements;

    public override void Transform(LaneRows<T> source, LaneRows<T> destination, T* scratch)
    {
        var m = _inner.Length;
        var u = LaneRows<T>.Packed(scratch, V.Count);
        var v = LaneRows<T>.Packed(scratch + 2L * V.Count * m, V.Count);
        var rest = scratch + 4L * V.Count * m;
        fixed (T* chirp = _chirp, kernel = _kernel)
        {
            Multiply(source, chirp, u, Length);
            var pad = u.From(Length);
            for (var k = Length; k < m; k++, pad = pad.From(1))
            {
                V.Store(V.Zero, pad.Re);
                V.Store(V.Zero, pad.Re + pad.Im);
            }

            _inner.Transform(u, v, rest);
            Multiply(v, kernel, u, m);
            _inner.Transform(u.Exchanged, v.Exchanged, rest);
            Multiply(v, chirp, destination, Length);
        }
    }

    private static void Multiply(LaneRows<T> a, T* factors, LaneRows<T> y, int rows)
    {
        for (var k = 0; k < rows; k++, factors += 2, a = a.From(1), y = y.From(1))
        {
            V re = V.Load(a.Re), im = V.Load(a.Re + a.Im);
            V c = V.Splat(factors[0]), s = V.Splat(factors[1]);
            V.Store(V.MultiplyAdd(-im, s, re * c), y.Re);
            V.Store(V.MultiplyAdd(im, c, re * s), y.Re + y.Im);
        }
    }
}

/// <summary>The tables of Bluestein's transform.</summary>
internal static unsafe class Chirp
{
    /// <summary>w_k for k &lt; n, and the transform of the convolution's kernel over M entries, divided by M; both as pairs
    /// (re, im), computed in double.</summary>
    public static (T[] Chirp, T[] Kernel) Build<T>(int n, int m) where T : unmanaged
    {
        var chirp = new T[2 * n];
        using var scratch = new Memory.Scratch<double>(4L * m * Lanes128<double>.Count);
        var lanes = Lanes128<double>.Count;
        var c = LaneRows<double>.Packed(scratch.Pointer, lanes);
        var hat = LaneRows<double>.Packed(scratch.Pointer + 2L * m * lanes, lanes);
        new Span<double>(scratch.Pointer, 2 * m * lanes).Clear();
        for (var k = 0; k < n; k++)
        {
            var (cos, sin) = RootsOfUnity.At((long)k * k % (2L * n), 2L * n);
            chirp[2 * k] = Scalar.Of<T>(cos);
            chirp[2 * k + 1] = Scalar.Of<T>(-sin);
            foreach (var place in (ReadOnlySpan<int>)[k, (m - k) % m])
            {
                c.From(place).Re[0] = cos;
                c.From(place).Re[c.Im] = sin;
            }
        }

        var plan = LanePlan<Lanes128<double>, double>.For(m);
        using var rest = new Memory.Scratch<double>(plan.ScratchElements);
        plan.Transform(c, hat, rest.Pointer);
        var kernel = new T[2 * m];
        for (var k = 0; k < m; k++)
        {
            kernel[2 * k] = Scalar.Of<T>(hat.From(k).Re[0] / m);
            kernel[2 * k + 1] = Scalar.Of<T>(hat.From(k).Re[hat.Im] / m);
        }

        return (chirp, kernel);
    }
}
