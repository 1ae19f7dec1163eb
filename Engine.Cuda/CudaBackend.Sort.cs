using System.Numerics;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void Sort(Tensor x, int axis, bool descending, Tensor values, Tensor indices)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(indices);
        if (x.DType is not (DType.Float32 or DType.Float64 or DType.Int32 or DType.Int64))
            throw TensorException.For("Sort", "sorts only f32, f64, i32 and i64: convert with To", x);
        if (IsEmpty(x)) return;
        RefuseHuge("Sort", x);
        var others = new MergedAxes();
        for (var i = 0; i < x.Rank; i++)
            if (i != axis) others.Append(x.Layout.Dims[i], x.Strides[i], values.Strides[i], indices.Strides[i]);
        long entries = x.Layout.Dims[axis], lines = others.Count;
        others.AtLeastOne();

        // Two copies of keys and places take turns.
        var longLines = entries > GenerateSort.Tile;
        using var keys = Temporary(Shape.Create([(int)x.Count]), DType.Int64);
        using var places = Temporary(Shape.Create([(int)x.Count]), DType.Int32);
        using var otherKeys = longLines ? Temporary(Shape.Create([(int)x.Count]), DType.Int64) : null;
        using var otherPlaces = longLines ? Temporary(Shape.Create([(int)x.Count]), DType.Int32) : null;
        var key = new GeneratedKernel("sort", 0, x.DType, 0, others.Rank);

        var tile = (uint)Math.Clamp(BitOperations.RoundUpToPowerOf2((ulong)entries), 2, GenerateSort.Tile);
        var tilesPerLine = (entries + tile - 1) / tile;
        var arguments = new KernelArguments();
        arguments.Add(x);
        arguments.Add(keys);
        arguments.Add(places);
        arguments.Add((uint)entries);
        arguments.Add(tile);
        arguments.Add((uint)tilesPerLine);
        arguments.Add(descending ? 1u : 0);
        arguments.Add(x.Strides[axis] * x.DType.SizeOf());
        for (var i = 1; i < others.Rank; i++) arguments.Add((uint)others.Extent(i));
        AddSteps(ref arguments, others, 0, x);
        LaunchBlocks(Generated(key with { Operator = 0 }, "tiles", SortText), lines * tilesPerLine, tile / 2, arguments);

        var (from, to, fromPlaces, toPlaces) = (keys, otherKeys, places, otherPlaces);
        for (long width = tile; width < entries; width *= 2)
        {
            arguments = new KernelArguments();
            arguments.Add(from);
            arguments.Add(fromPlaces);
            arguments.Add(to);
            arguments.Add(toPlaces);
            arguments.Add((uint)x.Count);
            arguments.Add((uint)entries);
            arguments.Add((uint)width);
            LaunchThreads(Generated(key with { Operator = 1 }, "merge", SortText), x.Count, GenerateSort.Threads, arguments);
            (from, to, fromPlaces, toPlaces) = (to!, from, toPlaces!, fromPlaces);
        }

        arguments = new KernelArguments();
        arguments.Add(x);
        arguments.Add(values);
        arguments.Add(indices);
        arguments.Add(fromPlaces);
        arguments.Add((uint)x.Count);
        arguments.Add((uint)entries);
        arguments.Add(x.Strides[axis] * x.DType.SizeOf());
        arguments.Add(values.Strides[axis] * values.DType.SizeOf());
        arguments.Add(indices.Strides[axis] * indices.DType.SizeOf());
        for (var i = 1; i < others.Rank; i++) arguments.Add((uint)others.Extent(i));
        AddSteps(ref arguments, others, 0, x);
        AddSteps(ref arguments, others, 1, values);
        AddSteps(ref arguments, others, 2, indices);
        LaunchThreads(Generated(key with { Operator = 2 }, "fetch", SortText), x.Count, GenerateSort.Threads, arguments);
    }

    private static string SortText(GeneratedKernel key) => GenerateSort.Text(key.Type, key.Rank);
}
