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
    /// <param name="blocks">How many; a multiple of <c>V.Count</c>.</param>
    /// <param name="even">Bits of the even elements.</param>
    /// <param name="odd">Bits of the odd elements.</param>
    public static void Fill<V>(ulong seed, ulong block, int blocks, ulong* even, ulong* odd) where V : unmanaged, ILanes<V, long>
    {
        var low = V.ConstBits(uint.MaxValue);
        V m0 = V.ConstBits(Multiplier0), m1 = V.ConstBits(Multiplier1);
        var counters = stackalloc long[V.Count];
        for (var i = 0; i < V.Count; i++) counters[i] = (long)block + i;
        var counter = V.Load(counters);
        for (var i = 0; i < blocks; i += V.Count)
        {
            V c0 = counter & low, c1 = V.ShiftRight(counter, 32), c2 = V.Zero, c3 = V.Zero;
            uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
            for (var round = 0; round < 10; round++)
            {
                // Both factors are below 2^32, so the low 64 bits are the whole product.
                V p0 = m0 * c0, p1 = m1 * c2;
                c0 = V.ShiftRight(p1, 32) ^ c1 ^ V.ConstBits(k0);
                c2 = V.ShiftRight(p0, 32) ^ c3 ^ V.ConstBits(k1);
                c1 = p1 & low;
                c3 = p0 & low;
                k0 += Weyl0;
                k1 += Weyl1;
            }

            V.Store(V.ShiftLeft(c0, 32) | c1, (long*)even + i);
            V.Store(V.ShiftLeft(c2, 32) | c3, (long*)odd + i);
            counter += V.ConstBits((ulong)V.Count);
        }
    }
}
