using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>y = a ∘ b as bytes 0 and 1; operands: y, a, b. 16-bit floats are compared as floats.</summary>
/// <param name="widen">Turns stored elements into <typeparamref name="T"/>; null: they are.</param>
internal readonly unsafe struct CompareRow<TOp, V, T>(delegate*<byte*, byte*, int, void> widen) : IRow
    where TOp : ICompareOp
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    private const int Block = 256;

    [SkipLocalsInit]
    public void Run(byte** at, long* step, long count)
    {
        byte* y = at[0], a = at[1], b = at[2];
        T* blockA = stackalloc T[Block], blockB = stackalloc T[Block];
        byte* blockY = stackalloc byte[Block], tail = stackalloc byte[64];
        for (long done = 0; done < count; done += Block)
        {
            var n = (int)Math.Min(Block, count - done);
            var x = Collect(a, step[1], blockA, n);
            var z = Collect(b, step[2], blockB, n);
            var result = step[0] == 1 ? y : blockY;
            var i = 0;
            for (; i + V.Count <= n; i += V.Count) V.StoreMask(TOp.Invoke<V, T>(V.Load(x + i), V.Load(z + i)), result + i);
            if (i < n)
            {
                V.StoreMask(TOp.Invoke<V, T>(V.LoadPartial(x + i, n - i), V.LoadPartial(z + i, n - i)), tail);
                Unsafe.CopyBlockUnaligned(result + i, tail, (uint)(n - i));
            }

            if (step[0] != 1) Strides.Scatter(blockY, y, step[0], n);
            a += n * step[1];
            b += n * step[2];
            y += n * step[0];
        }
    }

    private T* Collect(byte* from, long step, T* block, int n)
    {
        if (widen != null)
        {
            ushort* half = stackalloc ushort[Block];
            Strides.Gather(from, step, half, n);
            widen((byte*)half, (byte*)block, n);
            return block;
        }

        if (step == sizeof(T)) return (T*)from;
        Strides.Gather(from, step, block, n);
        return block;
    }
}
