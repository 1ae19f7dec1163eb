using System.Runtime.Intrinsics.X86;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Collects elements that lie apart, and spreads them out again.</summary>
internal static unsafe class Strides
{
    /// <summary>to[i] = the element <paramref name="step"/> bytes after the one before.</summary>
    public static void Gather<T>(byte* from, long step, T* to, int n) where T : unmanaged
    {
        var i = 0;
        for (; i + 4 <= n; i += 4, from += 4 * step)
        {
            T e0 = *(T*)from, e1 = *(T*)(from + step), e2 = *(T*)(from + 2 * step), e3 = *(T*)(from + 3 * step);
            to[i] = e0;
            to[i + 1] = e1;
            to[i + 2] = e2;
            to[i + 3] = e3;
        }

        for (; i < n; i++, from += step) to[i] = *(T*)from;
    }

    /// <summary>The opposite of <see cref="Gather{T}"/>.</summary>
    public static void Scatter<T>(T* from, byte* to, long step, int n) where T : unmanaged
    {
        for (var i = 0; i < n; i++, to += step) *(T*)to = from[i];
    }

    /// <summary><see cref="Gather{T}"/> for elements of a size known at run time.</summary>
    public static void Gather(byte* from, long step, byte* to, int n, int size)
    {
        switch (size)
        {
            case 1: Gather(from, step, to, n); break;
            case 2: Gather(from, step, (ushort*)to, n); break;
            case 4: Gather(from, step, (uint*)to, n); break;
            default: Gather(from, step, (ulong*)to, n); break;
        }
    }

    /// <summary><see cref="Scatter{T}"/> for elements of a size known at run time.</summary>
    public static void Scatter(byte* from, byte* to, long step, int n, int size)
    {
        switch (size)
        {
            case 1: Scatter(from, to, step, n); break;
            case 2: Scatter((ushort*)from, to, step, n); break;
            case 4: Scatter((uint*)from, to, step, n); break;
            default: Scatter((ulong*)from, to, step, n); break;
        }
    }

    /// <summary>Lays a block into rows: to[r, c] = the element r places after the start of column c, the columns
    /// <paramref name="columnStep"/> bytes apart and the rows <paramref name="rowStep"/>; past the caches if so wanted and possible.</summary>
    public static void Turn(byte* from, long columnStep, byte* to, long rowStep, int rows, int columns, int size, bool pastCaches = false)
    {
        if (size is not (4 or 8))
        {
            for (var r = 0; r < rows; r++) Gather(from + r * size, columnStep, to + r * rowStep, columns, size);
        }
        else if (size == 4)
        {
            if (Isa.Has512) Turn<Lanes512<uint>, uint>((uint*)from, columnStep / 4, (uint*)to, rowStep / 4, rows, columns, pastCaches);
            else if (Isa.Has256) Turn<Lanes256<uint>, uint>((uint*)from, columnStep / 4, (uint*)to, rowStep / 4, rows, columns, pastCaches);
            else Turn<Lanes128<uint>, uint>((uint*)from, columnStep / 4, (uint*)to, rowStep / 4, rows, columns, pastCaches);
        }
        else
        {
            if (Isa.Has512) Turn<Lanes512<ulong>, ulong>((ulong*)from, columnStep / 8, (ulong*)to, rowStep / 8, rows, columns, pastCaches);
            else if (Isa.Has256) Turn<Lanes256<ulong>, ulong>((ulong*)from, columnStep / 8, (ulong*)to, rowStep / 8, rows, columns, pastCaches);
            else Turn<Lanes128<ulong>, ulong>((ulong*)from, columnStep / 8, (ulong*)to, rowStep / 8, rows, columns, pastCaches);
        }
    }

    private static void Turn<V, T>(T* from, long columnStep, T* to, long rowStep, int rows, int columns, bool pastCaches)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
    {
        // A register is then a whole line: parts of lines would go to memory one by one.
        pastCaches &= sizeof(V) == CacheHint.Line && (((nint)to | (nint)(rowStep * sizeof(T))) & (CacheHint.Line - 1)) == 0;
        for (var c = 0; c < columns; c += V.Count)
            for (var r = 0; r < rows; r += V.Count)
                TileTranspose<V, T>.Run(from + c * columnStep + r, (nint)columnStep, to + r * rowStep + c, (nint)rowStep,
                    Math.Min(V.Count, columns - c), Math.Min(V.Count, rows - r), pastCaches);
        if (pastCaches && Sse.IsSupported) Sse.StoreFence();
    }
}
