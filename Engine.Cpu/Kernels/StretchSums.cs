using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Adds up the sums that stretches of time left, as a binary tree whose form depends on their number alone: the bits are
/// those of any number of threads.</summary>
internal static unsafe class StretchSums<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    /// <summary>Adds <paramref name="count"/> rows of <paramref name="size"/> elements into the first.</summary>
    public static void Fold(T* sums, long count, long size)
    {
        for (long step = 1; step < count; step *= 2)
            for (long i = 0; i + step < count; i += 2 * step) Add(sums + i * size, sums + (i + step) * size, size);
    }

    private static void Add(T* a, T* b, long count)
    {
        for (; count > 0; count -= V.Count, a += V.Count, b += V.Count)
        {
            var n = (int)Math.Min(count, V.Count);
            V.StorePartial(V.LoadPartial(a, n) + V.LoadPartial(b, n), a, n);
        }
    }
}
