using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void Gather(Tensor x, Tensor index, int axis, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(index);
        Gather(x, index, index.Strides, axis, y);
    }

    /// <inheritdoc/>
    public void IndexSelect(Tensor x, Tensor index, int axis, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(index);
        ArgumentNullException.ThrowIfNull(y);
        Gather(x, index, AlongAxis(index, axis, stackalloc long[y.Rank]), axis, y);
    }

    /// <inheritdoc/>
    public void ScatterAdd(Tensor src, Tensor index, int axis, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(index);
        if (IsEmpty(index)) return;
        using var sorted = Temporary(index.Shape, DType.Int64);
        using var places = Temporary(index.Shape, DType.Int64);
        Sort(index, axis, descending: false, sorted, places);
        ScatterAdd(src, sorted, places, sorted.Strides, axis, y);
    }

    /// <inheritdoc/>
    public void IndexAdd(Tensor src, Tensor index, int axis, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(index);
        ArgumentNullException.ThrowIfNull(y);
        if (IsEmpty(index)) return;
        using var sorted = Temporary(index.Shape, DType.Int64);
        using var places = Temporary(index.Shape, DType.Int64);
        Sort(index, 0, descending: false, sorted, places);
        ScatterAdd(src, sorted, places, AlongAxis(sorted, axis, stackalloc long[y.Rank]), axis, y);
    }

    /// <summary>The strides of a list of indices seen as a tensor that varies along one axis alone.</summary>
    private static ReadOnlySpan<long> AlongAxis(Tensor index, int axis, Span<long> strides)
    {
        strides.Clear();
        strides[axis] = index.Strides[0];
        return strides;
    }

    private void Gather(Tensor x, Tensor index, ReadOnlySpan<long> indexStrides, int axis, Tensor y)
    {
        if (IsEmpty(y)) return;
        RefuseHuge("Gather", y);
        var axes = new MergedAxes();
        for (var i = 0; i < y.Rank; i++) axes.Append(y.Layout.Dims[i], y.Strides[i], i == axis ? 0 : x.Strides[i], indexStrides[i]);
        axes.AtLeastOne();
        var kernel = Generated(new("gather", 0, y.DType, 0, axes.Rank), "gather", static key => GenerateIndex.Gather(key.Type, key.Rank));
        var arguments = new KernelArguments();
        arguments.Add(y);
        arguments.Add(x);
        arguments.Add(index);
        arguments.Add((uint)y.Count);
        arguments.Add(x.Strides[axis] * x.DType.SizeOf());
        for (var i = 1; i < axes.Rank; i++) arguments.Add((uint)axes.Extent(i));
        AddSteps(ref arguments, axes, 0, y);
        AddSteps(ref arguments, axes, 1, x);
        AddSteps(ref arguments, axes, 2, index);
        LaunchThreads(kernel, y.Count, GenerateIndex.Threads, arguments);
    }

    private void ScatterAdd(Tensor src, Tensor sorted, Tensor places, ReadOnlySpan<long> indexStrides, int axis, Tensor y)
    {
        if (y.DType is not (DType.Float32 or DType.Float64 or DType.Int32 or DType.Int64))
            throw TensorException.For("ScatterAdd", "adds only f32, f64, i32 and i64: convert with To", y);
        if (IsEmpty(src)) return;
        RefuseHuge("ScatterAdd", src, y);
        var others = new MergedAxes();
        for (var i = 0; i < src.Rank; i++)
            if (i != axis) others.Append(src.Layout.Dims[i], y.Strides[i], src.Strides[i], indexStrides[i], indexStrides[i]);
        var lines = others.Count;
        others.AtLeastOne();
        var kernel = Generated(new("scatter_add", 0, y.DType, 0, others.Rank), "scatter_add", static key => GenerateIndex.ScatterAdd(key.Type, key.Rank));
        var arguments = new KernelArguments();
        arguments.Add(y);
        arguments.Add(src);
        arguments.Add(sorted);
        arguments.Add(places);
        arguments.Add((uint)lines);
        arguments.Add((uint)src.Layout.Dims[axis]);
        arguments.Add(y.Strides[axis] * y.DType.SizeOf());
        arguments.Add(src.Strides[axis] * src.DType.SizeOf());
        arguments.Add(indexStrides[axis] * sizeof(long));
        arguments.Add(indexStrides[axis] * sizeof(long));
        for (var i = 1; i < others.Rank; i++) arguments.Add((uint)others.Extent(i));
        AddSteps(ref arguments, others, 0, y);
        AddSteps(ref arguments, others, 1, src);
        AddSteps(ref arguments, others, 2, sorted);
        AddSteps(ref arguments, others, 3, places);
        LaunchThreads(kernel, src.Count, GenerateIndex.Threads, arguments);
    }
}
