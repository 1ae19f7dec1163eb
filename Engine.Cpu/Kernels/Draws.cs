using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>What is made of the random bits of elements.</summary>
internal unsafe interface IDraw
{
    /// <summary>Writes 2 <paramref name="pairs"/> elements from <paramref name="at"/> on, the first of them even. The bits may
    /// be overwritten.</summary>
    void WritePairs(long at, int pairs, ulong* even, ulong* odd);

    /// <summary>Writes the even or the odd element of one pair to <paramref name="at"/>.</summary>
    void WriteOne(long at, ulong* even, ulong* odd, bool isOdd);
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

    public void WritePairs(long at, int pairs, ulong* even, ulong* odd) => Write(_y + at, pairs, even, odd);

    public void WriteOne(long at, ulong* even, ulong* odd, bool isOdd)
    {
        var pair = stackalloc T[2];
        Write(pair, 1, even, odd);
        _y[at] = pair[isOdd ? 1 : 0];
    }

    private void Write(T* y, int pairs, ulong* even, ulong* odd)
    {
        if (sizeof(T) == 4)
            for (var i = 0; i < pairs; i++) ((ulong*)y)[i] = even[i] >> 40 | odd[i] >> 40 << 32;
        else
            for (var i = 0; i < pairs; i++) (((ulong*)y)[2 * i], ((ulong*)y)[2 * i + 1]) = (even[i], odd[i]);
        var fractions = new Fractions(y, 2 * pairs);
        Isa.Run<T, Fractions>(ref fractions);
        if (_low == 0 && _range == 1) return;
        var spread = new Spread(this, y, 2 * pairs);
        Isa.Run<double, Spread>(ref spread);
    }

    /// <summary>Bits in the place of each element become its u, exactly.</summary>
    private readonly struct Fractions(T* y, int n) : ILanesAction<T>
    {
        public void Invoke<V>() where V : unmanaged, ILanes<V, T> => RowMap.Run<V, T, FractionTerm<V, T>>(n, new(y), y);
    }

    /// <summary>u becomes low + range u.</summary>
    private readonly struct Spread(UniformDraw<T> draw, T* y, int n) : ILanesAction<double>
    {
        public void Invoke<V>() where V : unmanaged, ILanes<V, double>
        {
            V low = V.Const(draw._low), range = V.Const(draw._range), most = V.Const(draw._most);
            for (var i = 0; i < n; i += V.Count)
            {
                var count = Math.Min(V.Count, n - i);
                var v = V.MultiplyAdd(range, Widening.LoadPartial<V, T>(y + i, count), low);
                Widening.StorePartial(V.Min(v, most), y + i, count);
            }
        }
    }
}

/// <summary>k random bits as the number bits / 2^k: k = 24 in the low bits of a float's place, k = 53 in the high bits of a
/// double's. Halves of the bits are put into the fraction of a power of two, which makes them numbers exactly.</summary>
internal readonly unsafe struct FractionTerm<V, T>(T* bits) : IRowTerm<V, T> where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At(int i, int n) => Of(RowLanes.Load<V, T>(bits + i, n));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of(V bits)
    {
        if (typeof(T) == typeof(float))
        {
            V two23 = V.Const(1 << 23);
            V high = (V.ShiftRight(bits, 12) | two23) - two23, low = (bits & V.ConstBits(0xFFF) | two23) - two23;
            return V.MultiplyAdd(high, V.Const(1 << 12), low) * V.Const(1.0 / (1 << 24));
        }
        else
        {
            V two52 = V.Const(1L << 52);
            V high = (V.ShiftRight(bits, 32) | two52) - two52, low = (V.ShiftRight(bits, 11) & V.ConstBits(0x1FFFFF) | two52) - two52;
            return V.MultiplyAdd(high, V.Const(1 << 21), low) * V.Const(1.0 / (1L << 53));
        }
    }
}

/// <summary>Normal by Box–Muller in double (see <see cref="Philox"/>), mean + deviation z rounded to the dtype.</summary>
internal readonly unsafe struct NormalDraw<T>(double mean, double deviation, T* y) : IDraw
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void WritePairs(long at, int pairs, ulong* even, ulong* odd)
    {
        var transform = new BoxMuller(mean, deviation, pairs, (double*)even, (double*)odd);
        Isa.Run<double, BoxMuller>(ref transform);
        var to = y + at;
        for (var i = 0; i < pairs; i++)
        {
            to[2 * i] = T.CreateTruncating(((double*)even)[i]);
            to[2 * i + 1] = T.CreateTruncating(((double*)odd)[i]);
        }
    }

    public void WriteOne(long at, ulong* even, ulong* odd, bool isOdd)
    {
        var transform = new BoxMuller(mean, deviation, 1, (double*)even, (double*)odd);
        Isa.Run<double, BoxMuller>(ref transform);
        y[at] = T.CreateTruncating(*(double*)(isOdd ? odd : even));
    }

    /// <summary>Bits become numbers, in place.</summary>
    private readonly struct BoxMuller(double mean, double deviation, int pairs, double* even, double* odd) : ILanesAction<double>
    {
        public void Invoke<V>() where V : unmanaged, ILanes<V, double>
        {
            for (var i = 0; i < pairs; i += V.Count)
            {
                var n = Math.Min(V.Count, pairs - i);
                var u1 = V.Const(1) - FractionTerm<V, double>.Of(V.LoadPartial(even + i, n));
                var angle = V.Const(2 * Math.PI) * FractionTerm<V, double>.Of(V.LoadPartial(odd + i, n));
                var r = V.Sqrt(V.Const(-2) * LaneMath.Log<V, double>(u1)) * V.Const(deviation);
                V.StorePartial(V.MultiplyAdd(r, LaneMath.Cos<V, double>(angle), V.Const(mean)), even + i, n);
                V.StorePartial(V.MultiplyAdd(r, LaneMath.Sin<V, double>(angle), V.Const(mean)), odd + i, n);
            }
        }
    }
}

/// <summary>x / (1 - p) where the 53-bit uniform number is at least p, else 0 (also of NaN and infinity): the mask is the same
/// for both dtypes.</summary>
internal readonly unsafe struct DropoutDraw<T>(T* x, double p, T* y) : IDraw where T : unmanaged, INumber<T>
{
    private readonly ulong _keepFrom = (ulong)Math.Ceiling(p * (1L << 53));
    private readonly T _scale = T.CreateTruncating(1 / (1 - p));

    public void WritePairs(long at, int pairs, ulong* even, ulong* odd) => Write(x + at, y + at, pairs, even, odd);

    public void WriteOne(long at, ulong* even, ulong* odd, bool isOdd)
    {
        T* from = stackalloc T[2], to = stackalloc T[2];
        from[0] = from[1] = x[at];
        Write(from, to, 1, even, odd);
        y[at] = to[isOdd ? 1 : 0];
    }

    private void Write(T* from, T* to, int pairs, ulong* even, ulong* odd)
    {
        if (sizeof(T) == 4)
            for (var i = 0; i < pairs; i++) ((ulong*)to)[i] = (uint)Mask(even[i]) | Mask(odd[i]) << 32;
        else
            for (var i = 0; i < pairs; i++) (((ulong*)to)[2 * i], ((ulong*)to)[2 * i + 1]) = (Mask(even[i]), Mask(odd[i]));
        var keep = new Keep(from, to, 2 * pairs, _scale);
        Isa.Run<T, Keep>(ref keep);
    }

    /// <summary>All ones where the element is kept: the sign of a difference of 53-bit numbers tells which is larger.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong Mask(ulong bits) => ~(ulong)((long)((bits >> 11) - _keepFrom) >> 63);

    private readonly struct Keep(T* x, T* y, int n, T scale) : ILanesAction<T>
    {
        public void Invoke<V>() where V : unmanaged, ILanes<V, T> => RowMap.Run<V, T, KeptTerm<V, T>>(n, new(x, y, scale), y);
    }
}

/// <summary>x scale where a mask says so, else 0.</summary>
internal readonly unsafe struct KeptTerm<V, T>(T* x, T* mask, T scale) : IRowTerm<V, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V At(int i, int n) => RowLanes.Load<V, T>(x + i, n) * V.Splat(scale) & RowLanes.Load<V, T>(mask + i, n);
}
