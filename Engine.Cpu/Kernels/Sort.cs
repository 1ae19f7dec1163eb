using System.Numerics;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void Sort(Tensor x, int axis, bool descending, Tensor values, Tensor indices)
    {
        switch (x.DType)
        {
            case DType.Float32: Sort<float, uint, SortKeys>(x, axis, descending, values, indices); break;
            case DType.Float64: Sort<double, ulong, SortKeys>(x, axis, descending, values, indices); break;
            case DType.Int32: Sort<int, uint, SortKeys>(x, axis, descending, values, indices); break;
            case DType.Int64: Sort<long, ulong, SortKeys>(x, axis, descending, values, indices); break;
            default: throw TensorException.For("Sort", "sorts only f32, f64, i32 and i64: convert with To", x);
        }
    }

    private static unsafe void Sort<T, TKey, TOrder>(Tensor x, int axis, bool descending, Tensor values, Tensor indices)
        where T : unmanaged
        where TKey : unmanaged, IBinaryInteger<TKey>
        where TOrder : ISortKey<T, TKey>
    {
        if (x.Count == 0) return;
        var extents = x.Shape.AsSpan();
        var lines = LineGrid.Over(extents, skip: 1u << axis, x.Strides, values.Strides);
        var along = new Run(extents[axis], x.Strides[axis], values.Strides[axis], 0);
        var tiles = new LineTiles(lines.Count, along.Extent, grain: 4096, splitLines: false);
        fixed (byte* px = &x.Storage.HostData, pv = &values.Storage.HostData, pi = &indices.Storage.HostData)
        {
            var body = new SortTiles<T, TKey, TOrder>(lines, along, tiles, descending,
                (T*)px + x.Offset, (T*)pv + values.Offset, (long*)pi + indices.Offset);
            WorkerPool.For(tiles.Count, tiles.Elements * 20.0, ref body);
        }
    }

    private readonly unsafe struct SortTiles<T, TKey, TOrder>(
        LineGrid lines, Run along, LineTiles tiles, bool descending, T* x, T* values, long* indices) : ITiles
        where T : unmanaged
        where TKey : unmanaged, IBinaryInteger<TKey>
        where TOrder : ISortKey<T, TKey>
    {
        public void Run(long tile)
        {
            var n = along.Extent;
            using var memory = new Scratch<SortEntry<TKey>>(2L * n);
            Span<SortEntry<TKey>> entries = new(memory.Pointer, n), spare = new(memory.Pointer + n, n);
            var (first, end, _, _) = tiles[tile];
            for (var line = first; line < end; line++)
            {
                var (xAt, to, _) = lines.Locate(line);
                var from = x + xAt;
                for (var i = 0; i < n; i++)
                {
                    var key = TOrder.Of(from[i * along.A]);
                    entries[i] = new SortEntry<TKey>(descending ? ~key : key, i);
                }

                foreach (ref readonly var entry in StableSort.Sort(entries, spare))
                {
                    values[to] = from[entry.Index * along.A];
                    indices[to] = entry.Index;
                    to += along.B;
                }
            }
        }
    }
}
