using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>Mixed-radix transform without reordering passes (Stockham's autosort form, decimation in frequency).</summary>
/// <remarks>
/// <para>A pass of radix r with s = product of the radices before it and m = n/(r s) computes, for p &lt; m and q &lt; s,
/// y[q + s(r p + j)] = w^(p j) Σ_i x[q + s(p + m i)] e^(-2πi ij/r), w = e^(-2πi/(r m)); passes go back and forth between two
/// buffers, and the last one leaves natural order. See Van Loan, Computational Frameworks for the Fast Fourier Transform,
/// section 1.7.</para>
/// <para>Error: each pass adds a few roundings to every value, so about ε log₂ n relative to the largest output in the
/// root-mean-square sense. Twiddle factors are rounded once from double.</para>
/// </remarks>
internal sealed unsafe class StockhamPlan<V, T> : LanePlan<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    private readonly Pass[] _passes;
    private readonly T[] _tables;
    private readonly int _largestPrime;

    /// <param name="Radix">r.</param>
    /// <param name="Groups">m.</param>
    /// <param name="Run">s.</param>
    /// <param name="Twiddles">Where w^(p j), j from 1, lies for p = 0, 1, …</param>
    /// <param name="Roots">Where e^(-2πi k/r), k &lt; r, lies, for radices without code of their own.</param>
    private readonly record struct Pass(int Radix, int Groups, int Run, int Twiddles, int Roots);

    public StockhamPlan(int length) : base(length)
    {
        var radices = Factors.Radices(length);
        var passes = new List<Pass>();
        var tables = new List<T>();
        var run = 1;
        foreach (var radix in radices)
        {
            var groups = length / run / radix;
            var twiddles = tables.Count;
            if (groups > 1)
                for (var p = 0; p < groups; p++)
                    for (var j = 1; j < radix; j++)
                        Add((long)p * j, (long)radix * groups);
            var roots = tables.Count;
            if (!Butterflies.HasOwnCode(radix))
            {
                _largestPrime = Math.Max(_largestPrime, radix);
                for (var k = 0; k < radix; k++) Add(k, radix);
            }

            passes.Add(new Pass(radix, groups, run, twiddles, roots));
            run *= radix;
        }

        _passes = [.. passes];
        _tables = [.. tables];

        void Add(long k, long n)
        {
            var (cos, sin) = RootsOfUnity.At(k, n);
            tables.Add(Scalar.Of<T>(cos));
            tables.Add(Scalar.Of<T>(-sin));
        }
    }

    // Two buffers at most, and the sums and differences of one butterfly of the largest prime.
    public override long ScratchElements =>
        2L * V.Count * (Length * Math.Clamp(_passes.Length - 1, 0, 2) + _largestPrime);

    public override void Transform(LaneRows<T> source, LaneRows<T> destination, T* scratch)
    {
        if (Length == 1)
        {
            V.Store(V.Load(source.Re), destination.Re);
            V.Store(V.Load(source.Re + source.Im), destination.Re + destination.Im);
            return;
        }

        var rowElements = 2L * V.Count;
        var even = LaneRows<T>.Packed(scratch, V.Count);
        var odd = _passes.Length > 2 ? LaneRows<T>.Packed(scratch + Length * rowElements, V.Count) : even;
        var sums = scratch + Length * rowElements * Math.Clamp(_passes.Length - 1, 0, 2);
        fixed (T* tables = _tables)
        {
            var from = source;
            for (var i = 0; i < _passes.Length; i++)
            {
                var to = i == _passes.Length - 1 ? destination : i % 2 == 0 ? even : odd;
                ref readonly var pass = ref _passes[i];
                if (pass.Groups > 1) RunPass<Twiddled<V, T>>(pass, from, to, tables, sums);
                else RunPass<Untwiddled<V, T>>(pass, from, to, tables, sums);
                from = to;
            }
        }
    }

    private static void RunPass<TTwiddle>(in Pass pass, LaneRows<T> from, LaneRows<T> to, T* tables, T* sums)
        where TTwiddle : struct, ITwiddle<V, T>
    {
        var twiddles = tables + pass.Twiddles;
        switch (pass.Radix)
        {
            case 2: Butterflies.Radix2<V, T, TTwiddle>(from, to, pass.Groups, pass.Run, twiddles); break;
            case 3: Butterflies.Radix3<V, T, TTwiddle>(from, to, pass.Groups, pass.Run, twiddles); break;
            case 4: Butterflies.Radix4<V, T, TTwiddle>(from, to, pass.Groups, pass.Run, twiddles); break;
            case 5: Butterflies.Radix5<V, T, TTwiddle>(from, to, pass.Groups, pass.Run, twiddles); break;
            case 8: Butterflies.Radix8<V, T, TTwiddle>(from, to, pass.Groups, pass.Run, twiddles); break;
            default:
                Butterflies.RadixPrime<V, T, TTwiddle>(pass.Radix, from, to, pass.Groups, pass.Run, twiddles, tables + pass.Roots, sums);
                break;
        }
    }
}
