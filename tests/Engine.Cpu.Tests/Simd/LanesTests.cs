using System.Numerics;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Tests.Simd;

/// <summary>Every member of the lanes against plain code, for each width and element type of this machine.</summary>
public sealed unsafe class LanesTests
{
    [Fact]
    public void Floats_in_128_bits_do_what_plain_code_does() => CheckFloats<Lanes128<float>, Lanes128<double>>();

    [Fact]
    public void Floats_in_256_bits_do_what_plain_code_does()
    {
        if (Isa.Has256) CheckFloats<Lanes256<float>, Lanes256<double>>();
    }

    [Fact]
    public void Floats_in_512_bits_do_what_plain_code_does()
    {
        if (Isa.Has512) CheckFloats<Lanes512<float>, Lanes512<double>>();
    }

    [Fact]
    public void Integers_of_every_width_do_what_plain_code_does()
    {
        CheckWhole<Lanes128<int>, int>();
        CheckWhole<Lanes128<long>, long>();
        if (Isa.Has256)
        {
            CheckWhole<Lanes256<int>, int>();
            CheckWhole<Lanes256<long>, long>();
        }

        if (!Isa.Has512) return;
        CheckWhole<Lanes512<int>, int>();
        CheckWhole<Lanes512<long>, long>();
    }

    [Fact]
    public void Partial_access_touches_the_first_lanes_alone()
    {
        CheckPartial<Lanes128<byte>, byte>();
        CheckPartial<Lanes128<ushort>, ushort>();
        CheckPartial<Lanes128<float>, float>();
        CheckPartial<Lanes128<double>, double>();
        if (Isa.Has256)
        {
            CheckPartial<Lanes256<byte>, byte>();
            CheckPartial<Lanes256<ushort>, ushort>();
            CheckPartial<Lanes256<float>, float>();
            CheckPartial<Lanes256<double>, double>();
        }

        if (!Isa.Has512) return;
        CheckPartial<Lanes512<byte>, byte>();
        CheckPartial<Lanes512<ushort>, ushort>();
        CheckPartial<Lanes512<float>, float>();
        CheckPartial<Lanes512<double>, double>();
    }

    [Fact]
    public void Masks_become_bytes_and_bytes_masks()
    {
        CheckMasks<Lanes128<byte>, byte>();
        CheckMasks<Lanes128<ushort>, ushort>();
        CheckMasks<Lanes128<uint>, uint>();
        CheckMasks<Lanes128<ulong>, ulong>();
        if (Isa.Has256)
        {
            CheckMasks<Lanes256<byte>, byte>();
            CheckMasks<Lanes256<ushort>, ushort>();
            CheckMasks<Lanes256<uint>, uint>();
            CheckMasks<Lanes256<ulong>, ulong>();
        }

        if (!Isa.Has512) return;
        CheckMasks<Lanes512<byte>, byte>();
        CheckMasks<Lanes512<ushort>, ushort>();
        CheckMasks<Lanes512<uint>, uint>();
        CheckMasks<Lanes512<ulong>, ulong>();
    }

    private static void CheckFloats<F, D>() where F : unmanaged, ILanes<F, float> where D : unmanaged, ILanes<D, double>
    {
        Check<F, float>();
        Check<D, double>();

        static void Check<V, T>() where V : unmanaged, ILanes<V, T> where T : unmanaged, IFloatingPointIeee754<T>
        {
            T[] odd = [T.Zero, T.NegativeZero, T.One, -T.One, T.CreateChecked(2.5), T.CreateChecked(-3.5), T.CreateChecked(0.5), T.Epsilon,
                -T.Epsilon, T.NaN, T.PositiveInfinity, T.NegativeInfinity, T.CreateChecked(1e30), T.CreateChecked(123456.75), T.Pi, T.E];
            foreach (var a in odd)
            {
                foreach (var b in odd)
                {
                    foreach (var c in new[] { T.One, T.CreateChecked(-1e-3), a * b })
                    {
                        V x = V.Splat(a), y = V.Splat(b), z = V.Splat(c);
                        Same(a + b, First(x + y));
                        Same(a - b, First(x - y));
                        Same(a * b, First(x * y));
                        Same(a / b, First(x / y));
                        Same(T.FusedMultiplyAdd(a, b, -c), First(V.MultiplyAdd(x, y, -z)));
                        Same(T.Max(a, b), First(V.Max(x, y)));
                        Same(T.Min(a, b), First(V.Min(x, y)));
                        Same(T.Abs(a), First(V.Abs(x)));
                        Same(T.Sqrt(a), First(V.Sqrt(x)));
                        Same(T.Round(a, MidpointRounding.ToEven), First(V.Round(x)));
                        Same(T.Floor(a), First(V.Floor(x)));
                        Same(T.Ceiling(a), First(V.Ceiling(x)));
                        Same(T.Truncate(a), First(V.Truncate(x)));
                        Assert.Equal(a < b, V.Any(V.Less(x, y)));
                        Assert.Equal(a <= b, V.Any(V.LessOrEqual(x, y)));
                        Assert.Equal(a == b, V.Any(V.Equal(x, y)));
                        Assert.Equal(T.IsNaN(a), V.Any(V.IsNaN(x)));
                        Same(a < b ? a : c, First(V.Select(V.Less(x, y), x, z)));
                    }
                }

                if (T.IsNaN(a)) Assert.True(T.IsNaN(First(V.Clamp(V.Splat(a), V.Const(-1), V.Const(1)))));
                else Same(T.Clamp(a, -T.One, T.One), First(V.Clamp(V.Splat(a), V.Const(-1), V.Const(1))));
                var range = typeof(T) == typeof(float) ? 240 : 1900;
                for (var n = -range; n <= range; n += 7)
                    Same(T.ScaleB(a, n), First(V.Scale(V.Splat(a), V.Const(n))));
            }

            // Where a result is subnormal it is rounded once.
            var third = T.One / T.CreateChecked(3);
            var least = typeof(T) == typeof(float) ? -149 : -1074;
            for (var n = least - 2; n < least + 60; n++) Same(T.ScaleB(third, n), First(V.Scale(V.Splat(third), V.Const(n))));

            // The tree of the sum, and extremes.
            T* lanes = stackalloc T[V.Count];
            var random = new Random(1);
            for (var round = 0; round < 100; round++)
            {
                for (var i = 0; i < V.Count; i++) lanes[i] = T.CreateChecked(random.NextDouble() * Math.Pow(10, random.Next(-5, 6)));
                Same(Halves(new ReadOnlySpan<T>(lanes, V.Count), (p, q) => p + q), V.Sum(V.Load(lanes)));
                Same(Halves(new ReadOnlySpan<T>(lanes, V.Count), T.Max), V.MaxLane(V.Load(lanes)));
                Same(Halves(new ReadOnlySpan<T>(lanes, V.Count), T.Min), V.MinLane(V.Load(lanes)));
                lanes[round % V.Count] = T.NaN;
                Assert.True(T.IsNaN(V.MaxLane(V.Load(lanes))) && T.IsNaN(V.MinLane(V.Load(lanes))));
            }

            static T First(V v)
            {
                // All lanes hold one value: the last as good as the first.
                T* lanes = stackalloc T[V.Count];
                V.Store(v, lanes);
                Same(lanes[0], lanes[V.Count - 1]);
                return lanes[0];
            }

            static void Same(T wanted, T got) =>
                Assert.True(T.IsNaN(wanted) ? T.IsNaN(got) : wanted == got && T.IsNegative(wanted) == T.IsNegative(got), $"{got}, wanted {wanted}");
        }
    }

    private static T Halves<T>(ReadOnlySpan<T> values, Func<T, T, T> join)
    {
        if (values.Length == 1) return values[0];
        var joined = new T[values.Length / 2];
        for (var i = 0; i < joined.Length; i++) joined[i] = join(values[i], values[i + joined.Length]);
        return Halves<T>(joined, join);
    }

    private static void CheckWhole<V, T>() where V : unmanaged, ILanes<V, T> where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        T[] odd = [T.Zero, T.One, -T.One, T.MaxValue, T.MinValue, T.CreateChecked(12345), T.CreateChecked(-777)];
        T* lanes = stackalloc T[V.Count];
        foreach (var a in odd)
        {
            foreach (var b in odd)
            {
                V x = V.Splat(a), y = V.Splat(b);
                Same(unchecked(a + b), x + y);
                Same(unchecked(a - b), x - y);
                Same(unchecked(a * b), x * y);
                Same(T.Max(a, b), V.Max(x, y));
                Same(T.Min(a, b), V.Min(x, y));
                Same(a & b, x & y);
                Same(a | b, x | y);
                Same(a ^ b, x ^ y);
                Same(a & ~b, V.AndNot(x, y));
                Same(unchecked(a + b), V.AddBits(x, y));
                Same(unchecked(a - b), V.SubtractBits(x, y));
                Assert.Equal(a < b, V.Any(V.Less(x, y)));
            }

            Same(unchecked(-a), -V.Splat(a));
            Same(~a, ~V.Splat(a));
            Same(a << 5, V.ShiftLeft(V.Splat(a), 5));
            Same(a >>> 5, V.ShiftRight(V.Splat(a), 5));
        }

        void Same(T wanted, V got)
        {
            V.Store(got, lanes);
            for (var i = 0; i < V.Count; i++) Assert.Equal(wanted, lanes[i]);
        }
    }

    private static void CheckPartial<V, T>() where V : unmanaged, ILanes<V, T> where T : unmanaged, INumber<T>
    {
        T* from = stackalloc T[V.Count], to = stackalloc T[V.Count + 2];
        for (var i = 0; i < V.Count; i++) from[i] = T.CreateTruncating(i + 1);
        for (var n = 0; n <= V.Count; n++)
        {
            V.Store(V.LoadPartial(from, n), to);
            for (var i = 0; i < V.Count; i++) Assert.Equal(i < n ? from[i] : T.Zero, to[i]);

            new Span<T>(to, V.Count + 2).Fill(T.CreateTruncating(99));
            V.StorePartial(V.Load(from), to, n);
            for (var i = 0; i < V.Count + 2; i++) Assert.Equal(i < n ? from[i] : T.CreateTruncating(99), to[i]);
        }
    }

    private static void CheckMasks<V, T>() where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        byte* bytes = stackalloc byte[V.Count], back = stackalloc byte[V.Count + 1];
        var random = new Random(2);
        for (var round = 0; round < 200; round++)
        {
            ulong bits = 0;
            for (var i = 0; i < V.Count; i++)
            {
                bytes[i] = (byte)(random.Next(2) == 0 ? 0 : random.Next(1, 256));
                if (bytes[i] != 0) bits |= 1UL << i;
            }

            var mask = V.LoadMask(bytes);
            Assert.Equal(bits, V.Bits(mask));
            back[V.Count] = 77;
            V.StoreMask(mask, back);
            for (var i = 0; i < V.Count; i++) Assert.Equal(bytes[i] != 0 ? 1 : 0, back[i]);
            Assert.Equal(77, back[V.Count]);
        }
    }
}
