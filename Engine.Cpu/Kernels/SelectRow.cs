using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>y = condition ? a : b by moving bits; operands: y, condition, a, b. <typeparamref name="T"/> has the element's size.</summary>
internal readonly unsafe struct SelectRow<V, T> : IRow
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    private const int Block = 256;

    [SkipLocalsInit]
    public void Run(byte** at, long* step, long count)
    {
        byte* y = at[0], condition = at[1], a = at[2], b = at[3];
        T* blockA = stackalloc T[Block], blockB = stackalloc T[Block], blockY = stackalloc T[Block];
        var blockCondition = stackalloc byte[Block];
        for (long done = 0; done < count; done += Block)
        {
            var n = (int)Math.Min(Block, count - done);
            var c = condition;
            if (step[1] != 1) Strides.Gather(condition, step[1], c = blockCondition, n);
            T* x = (T*)a, z = (T*)b;
            if (step[2] != sizeof(T)) Strides.Gather(a, step[2], x = blockA, n);
            if (step[3] != sizeof(T)) Strides.Gather(b, step[3], z = blockB, n);
            var result = step[0] == sizeof(T) ? (T*)y : blockY;
            var i = 0;
            for (; i + V.Count <= n; i += V.Count) V.Store(V.Select(V.LoadMask(c + i), V.Load(x + i), V.Load(z + i)), result + i);
            for (; i < n; i++) result[i] = c[i] != 0 ? x[i] : z[i];
            if (step[0] != sizeof(T)) Strides.Scatter(blockY, y, step[0], n);
            condition += n * step[1];
            a += n * step[2];
            b += n * step[3];
            y += n * step[0];
        }
    }
}
