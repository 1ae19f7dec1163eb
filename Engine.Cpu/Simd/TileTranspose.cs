using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Simd;

/// <summary>Transposes square tiles of one register per row.</summary>
/// <remarks>A perfect shuffle of the rows (each zipped with the one half the tile further on) moves one bit of the row
/// number into the column number; as many shuffles as the register size has bits transpose the tile. Two of them are done
/// on four registers at a time, so at most one pass through a buffer on the stack is needed.</remarks>
[SkipLocalsInit]
internal static unsafe class TileTranspose<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    /// <summary>destination[j, i] = source[i, j] for i &lt; rows, j &lt; columns; both at most <c>V.Count</c>, strides in
    /// elements. Nothing outside is read or written. Past the caches only where the destination and its rows are aligned to registers.</summary>
    public static void Run(T* source, nint sourceStride, T* destination, nint destinationStride, int rows, int columns, bool pastCaches = false)
    {
        if (rows == V.Count && columns == V.Count) Full(source, sourceStride, destination, destinationStride, pastCaches);
        else Partial(source, sourceStride, destination, destinationStride, rows, columns);
    }

    // An edge tile takes the same way through a full tile on the stack.
    private static void Partial(T* source, nint sourceStride, T* destination, nint destinationStride, int rows, int columns)
    {
        var n = V.Count;
        var tile = stackalloc T[n * n];
        for (var i = 0; i < n; i++) V.Store(i < rows ? V.LoadPartial(source + i * sourceStride, columns) : V.Zero, tile + i * n);
        var turned = stackalloc T[n * n];
        Full(tile, n, turned, n, pastCaches: false);
        for (var j = 0; j < columns; j++) V.StorePartial(V.Load(turned + j * n), destination + j * destinationStride, rows);
    }

    private static void Full(T* source, nint sourceStride, T* destination, nint destinationStride, bool pastCaches)
    {
        var n = V.Count;
        if (n == 2)
        {
            V a = V.Load(source), b = V.Load(source + sourceStride);
            V.Store(V.ZipLow(a, b), destination);
            V.Store(V.ZipHigh(a, b), destination + destinationStride);
        }
        else if (n == 4)
        {
            TwoShuffles(source, sourceStride, destination, destinationStride);
        }
        else
        {
            var between = stackalloc T[n * n];
            TwoShuffles(source, sourceStride, between, n);
            if (n == 16 && pastCaches) TwoShuffles(between, n, destination, destinationStride, pastCaches: true);
            else if (n == 16) TwoShuffles(between, n, destination, destinationStride);
            else if (pastCaches) OneShuffle(between, n, destination, destinationStride, pastCaches: true);
            else OneShuffle(between, n, destination, destinationStride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TwoShuffles(T* source, nint sourceStride, T* destination, nint destinationStride, bool pastCaches = false)
    {
        var quarter = V.Count / 4;
        for (var i = 0; i < quarter; i++)
        {
            var p = source + i * sourceStride;
            V a = V.Load(p), b = V.Load(p + quarter * sourceStride);
            V c = V.Load(p + 2 * quarter * sourceStride), d = V.Load(p + 3 * quarter * sourceStride);
            V acLow = V.ZipLow(a, c), acHigh = V.ZipHigh(a, c), bdLow = V.ZipLow(b, d), bdHigh = V.ZipHigh(b, d);
            var q = destination + 4 * i * destinationStride;
            Put(V.ZipLow(acLow, bdLow), q, pastCaches);
            Put(V.ZipHigh(acLow, bdLow), q + destinationStride, pastCaches);
            Put(V.ZipLow(acHigh, bdHigh), q + 2 * destinationStride, pastCaches);
            Put(V.ZipHigh(acHigh, bdHigh), q + 3 * destinationStride, pastCaches);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(V v, T* p, bool pastCaches)
    {
        if (pastCaches) V.StoreNonTemporal(v, p);
        else V.Store(v, p);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OneShuffle(T* source, nint sourceStride, T* destination, nint destinationStride, bool pastCaches = false)
    {
        var half = V.Count / 2;
        for (var i = 0; i < half; i++)
        {
            V a = V.Load(source + i * sourceStride), b = V.Load(source + (i + half) * sourceStride);
            Put(V.ZipLow(a, b), destination + 2 * i * destinationStride, pastCaches);
            Put(V.ZipHigh(a, b), destination + (2 * i + 1) * destinationStride, pastCaches);
        }
    }
}
