using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Philox 4x32-10 in lanes of 64 bits, one counter per lane; equations and constants: <see cref="Philox"/>.</summary>
internal static unsafe class PhiloxLanes
{
    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;

    /// <summary>The 64 bits of both elements of successive blocks: elements 2b and 2b + 1 belong to block b.</summary>
    /// <param name="seed">The key.</param>
    /// <param name="block">The first block.</param>
    /// <param name="blocks">How many; a multiple of 2 <c>V.Count</c>.</param>
    /// <param name="even">Bits of the even elements.</param>
    /// <param name="odd">Bits of the odd elements.</param>
    public static void Fill<V>(ulong seed, ulong block, int blocks, ulong* even, ulong* odd) where V : unmanaged, ILanes<V, long>
    {
        var low = V.ConstBits(uint.MaxValue);
        V m0 = V.ConstBits(Multiplier0), m1 = V.ConstBits(Multiplier1);
        var counters = stackalloc long[V.Count];
        for (var i = 0; i < V.Count; i++) counters[i] = (long)block + i;
        var counter = V.Load(counters);
        for (var i = 0; i < blocks; i += 2 * V.Count)
        {
            // A round waits for its products, so two registers of counters take turns. Words are the low halves of their
            // lanes; what gathers in the high halves is ignored.
            var counterB = counter + V.ConstBits((ulong)V.Count);
            V a0 = counter, a1 = V.ShiftRight(counter, 32), a2 = V.Zero, a3 = V.Zero;
            V b0 = counterB, b1 = V.ShiftRight(counterB, 32), b2 = V.Zero, b3 = V.Zero;
            uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
            for (var round = 0; round < 10; round++)
            {
                V key0 = V.ConstBits(k0), key1 = V.ConstBits(k1);
                V pa = Product(m0, a0), qa = Product(m1, a2), pb = Product(m0, b0), qb = Product(m1, b2);
                a0 = V.ShiftRight(qa, 32) ^ a1 ^ key0;
                b0 = V.ShiftRight(qb, 32) ^ b1 ^ key0;
                a2 = V.ShiftRight(pa, 32) ^ a3 ^ key1;
                b2 = V.ShiftRight(pb, 32) ^ b3 ^ key1;
                a1 = qa;
                b1 = qb;
                a3 = pa;
                b3 = pb;
                k0 += Weyl0;
                k1 += Weyl1;
            }

            V.Store(V.ShiftLeft(a0, 32) | a1 & low, (long*)even + i);
            V.Store(V.ShiftLeft(a2, 32) | a3 & low, (long*)odd + i);
            V.Store(V.ShiftLeft(b0, 32) | b1 & low, (long*)even + i + V.Count);
            V.Store(V.ShiftLeft(b2, 32) | b3 & low, (long*)odd + i + V.Count);
            counter = counterB + V.ConstBits((ulong)V.Count);
        }
    }

    /// <summary>The product of the low halves, which x86 forms three times as fast as that of 64-bit numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Product<V>(V a, V b) where V : unmanaged, ILanes<V, long>
    {
        if (typeof(V) == typeof(Lanes512<long>))
        {
            var product = Avx512F.Multiply(As<V, Lanes512<long>>(a).Vector.AsUInt32(), As<V, Lanes512<long>>(b).Vector.AsUInt32());
            return As<Lanes512<long>, V>(new(product.AsInt64()));
        }

        if (typeof(V) == typeof(Lanes256<long>))
        {
            var product = Avx2.Multiply(As<V, Lanes256<long>>(a).Vector.AsUInt32(), As<V, Lanes256<long>>(b).Vector.AsUInt32());
            return As<Lanes256<long>, V>(new(product.AsInt64()));
        }

        var low = V.ConstBits(uint.MaxValue);
        return (a & low) * (b & low);
    }

    // One type at run time: the tests above are constants to the compiler.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TTo As<TFrom, TTo>(TFrom v) where TFrom : struct where TTo : struct => Unsafe.BitCast<TFrom, TTo>(v);
}
