using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>What is made of the random bits of elements.</summary>
internal unsafe interface IDraw
{
    /// <summary>Writes element <paramref name="at"/> of the result from block bits: those of the even and of the odd element
    /// of its pair.</summary>
    void Write(long at, ulong even, ulong odd, bool isOdd);

    /// <summary>Writes 2 <paramref name="pairs"/> elements from <paramref name="at"/> on, the first of them even.</summary>
    void WritePairs(long at, int pairs, ulong* even, ulong* odd);
}

/// <summary>Uniform on [low, high): low + (high - low) u in double, u of as many bits as the dtype's fraction holds, rounded
/// to the dtype and kept below high.</summary>
internal readonly unsafe struct UniformDraw<T> : IDraw where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly double _low, _range, _most;
    private readonly T* _y;

    public UniformDraw(double low, double high, T* y)
    {
        _low = low;
        _range = high - low;
        _y = y;
        var most = T.CreateTruncating(high);
        if (double.CreateTruncating(most) >= high) most = T.BitDecrement(most);
        _most = Math.Max(low, double.CreateTruncating(most));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private T Of(ulong bits)
    {
        var u = sizeof(T) == 4 ? (bits >> 40) * (1.0 / (1 << 24)) : (bits >> 11) * (1.0 / (1L << 53));
        return T.CreateTruncating(Math.Min(_low + _range * u, _most));
    }

    public void Write(long at, ulong even, ulong odd, bool isOdd) => _y[at] = Of(isOdd ? odd : even);

    public void WritePairs(long at, int pairs, ulong* even, ulong* odd)
    {
        var y = _y + at;
        for (var i = 0; i < pairs; i++)
        {
            y[2 * i] = Of(even[i]);
            y[2 * i + 1] = Of(odd[i]);
        }
    }
}

/// <summary>Normal by Box–Muller in double (see <see cref="Philox"/>), mean + deviation z rounded to the dtype.</summary>
internal readonly unsafe struct NormalDraw<T>(double mean, double deviation, T* y) : IDraw
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private static (double Even, double Odd) Pair(ulong even, ulong odd)
    {
        var u1 = 1.0 - (even >> 11) * (1.0 / (1L << 53));
        var u2 = (odd >> 11) * (1.0 / (1L << 53));
        var r = Math.Sqrt(-2 * Math.Log(u1));
        var (sin, cos) = Math.SinCos(2 * Math.PI * u2);
        return (r * cos, r * sin);
    }

    public void Write(long at, ulong even, ulong odd, bool isOdd)
    {
        var (e, o) = Pair(even, odd);
        y[at] = T.CreateTruncating(mean + deviation * (isOdd ? o : e));
    }

    public void WritePairs(long at, int pairs, ulong* even, ulong* odd)
    {
        for (var i = 0; i < pairs; i++)
        {
            var (e, o) = Pair(even[i], odd[i]);
            y[at + 2 * i] = T.CreateTruncating(mean + deviation * e);
            y[at + 2 * i + 1] = T.CreateTruncating(mean + deviation * o);
        }
    }
}

/// <summary>x / (1 - p) where the 53-bit uniform number is at least p, else 0 (also of NaN and infinity): the mask is the same
/// for both dtypes.</summary>
internal readonly unsafe struct DropoutDraw<T>(T* x, double p, T* y) : IDraw where T : unmanaged, INumber<T>
{
    private readonly ulong _keepFrom = (ulong)Math.Ceiling(p * (1L << 53));
    private readonly T _scale = T.CreateTruncating(1 / (1 - p));

    public void Write(long at, ulong even, ulong odd, bool isOdd) =>
        y[at] = (isOdd ? odd : even) >> 11 >= _keepFrom ? x[at] * _scale : T.Zero;

    public void WritePairs(long at, int pairs, ulong* even, ulong* odd)
    {
        T* from = x + at, to = y + at;
        for (var i = 0; i < pairs; i++)
        {
            T kept0 = from[2 * i] * _scale, kept1 = from[2 * i + 1] * _scale;
            to[2 * i] = even[i] >> 11 >= _keepFrom ? kept0 : T.Zero;
            to[2 * i + 1] = odd[i] >> 11 >= _keepFrom ? kept1 : T.Zero;
        }
    }
}

/// <summary>Draws elements offset … offset + count - 1, bits in batches of whole blocks.</summary>
internal readonly unsafe struct DrawTiles<V, TDraw>(ulong seed, ulong offset, long count, TDraw draw) : ITiles
    where V : unmanaged, ILanes<V, long>
    where TDraw : unmanaged, IDraw
{
    /// <summary>Elements per tile.</summary>
    public const int ElementsPerTile = 16 * 1024;

    private const int Batch = 256;

    // Tiles are cut by block, so that no pair is split but at the two ends.
    private ulong FirstBlock => offset >> 1;

    private ulong EndBlock => (offset + (ulong)count + 1) >> 1;

    /// <summary>The number of tiles.</summary>
    public long Tiles => (long)((EndBlock - FirstBlock + ElementsPerTile / 2 - 1) / (ElementsPerTile / 2));

    [SkipLocalsInit]
    public void Run(long tile)
    {
        ulong* even = stackalloc ulong[Batch], odd = stackalloc ulong[Batch];
        var block = FirstBlock + (ulong)tile * (ElementsPerTile / 2);
        var end = Math.Min(EndBlock, block + ElementsPerTile / 2);
        for (; block < end; block += Batch)
        {
            var blocks = (int)Math.Min(Batch, end - block);
            PhiloxLanes.Fill<V>(seed, block, (blocks + V.Count - 1) / V.Count * V.Count, even, odd);

            var at = (long)(2 * block - offset); // of the batch's first element in the result; -1 where that lies before it
            var first = 0;
            if (at < 0)
            {
                draw.Write(at + 1, even[0], odd[0], isOdd: true);
                first = 1;
            }

            var last = blocks;
            if (at + 2 * last > count) last--;
            if (last > first) draw.WritePairs(at + 2 * first, last - first, even + first, odd + first);
            if (last < blocks && last >= first) draw.Write(at + 2 * last, even[last], odd[last], isOdd: false);
        }
    }
}
