using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Edifice.Engine.Cpu.Memory;
using NumericsTensor = System.Numerics.Tensors.Tensor;

namespace Edifice.Engine.Cpu.Interop;

/// <summary>Tensors on the CPU as the types of .NET for blocks of numbers, and the other way round.</summary>
/// <remarks>
/// <para>Without a copy: <see cref="AsTensorSpan{T}"/>, <see cref="AsReadOnlyTensorSpan{T}"/>, <see cref="Share{T}"/>,
/// <see cref="Tensor.AsSpan{T}"/> and, from outside, <see cref="FromMemory{T}"/>. With one: everything that goes through
/// <see cref="System.Numerics.Tensors.Tensor{T}"/>, whose memory is always an array of its own.</para>
/// <para>What is written into shared memory is not seen by the tape: do not write into what a backward pass still needs. No
/// span may outlive its tensor.</para>
/// </remarks>
public static unsafe class TensorInterop
{
    /// <summary>The tensor's elements in place, to read and write; strides may be those of a transpose or a slice with a step.</summary>
    /// <typeparam name="T">The .NET type of the dtype exactly.</typeparam>
    /// <exception cref="TensorException">Another element type, not on the CPU, or strides that a span of tensors cannot have: an axis that
    /// runs backwards, or one that repeats elements (those can be read by <see cref="AsReadOnlyTensorSpan{T}"/>).</exception>
    public static TensorSpan<T> AsTensorSpan<T>(this Tensor tensor) where T : unmanaged
    {
        Check<T>("AsTensorSpan", tensor);
        for (var i = 0; i < tensor.Rank; i++)
            if (tensor.Strides[i] == 0 && tensor.Layout.Dims[i] > 1) throw TensorException.For("AsTensorSpan", "an axis repeats its elements: call Contiguous(), or read through AsReadOnlyTensorSpan", tensor);
        Span<nint> lengths = stackalloc nint[Shape.MaxRank], strides = stackalloc nint[Shape.MaxRank];
        var rank = Geometry(tensor, lengths, strides);
        return new TensorSpan<T>(MemoryMarshal.CreateSpan(ref tensor.HostElement<T>(), Reach(tensor)), lengths[..rank], strides[..rank]);
    }

    /// <summary>The tensor's elements in place, to read; an axis may repeat its elements, as a broadcast one does.</summary>
    /// <typeparam name="T">The .NET type of the dtype exactly.</typeparam>
    /// <exception cref="TensorException">Another element type, not on the CPU, or an axis that runs backwards.</exception>
    public static ReadOnlyTensorSpan<T> AsReadOnlyTensorSpan<T>(this Tensor tensor) where T : unmanaged
    {
        Check<T>("AsReadOnlyTensorSpan", tensor);
        Span<nint> lengths = stackalloc nint[Shape.MaxRank], strides = stackalloc nint[Shape.MaxRank];
        var rank = Geometry(tensor, lengths, strides);
        return new ReadOnlyTensorSpan<T>(MemoryMarshal.CreateReadOnlySpan(ref tensor.HostElement<T>(), Reach(tensor)), lengths[..rank], strides[..rank]);
    }

    /// <summary>The elements of a contiguous tensor as memory that may be kept: the bytes stay, tensor or not, until it is disposed.</summary>
    /// <typeparam name="T">The .NET type of the dtype exactly.</typeparam>
    /// <exception cref="TensorException">As for <see cref="Tensor.AsSpan{T}"/>.</exception>
    public static IMemoryOwner<T> Share<T>(this Tensor tensor) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return new TensorMemory<T>(tensor);
    }

    /// <summary>A tensor over the caller's memory, without a copy. The memory is pinned until the last tensor over it is disposed (or
    /// collected); what one side writes the other sees.</summary>
    /// <param name="memory">Row-major elements.</param>
    /// <param name="shape">The extents.</param>
    /// <exception cref="TensorException">The number of elements does not fit the shape.</exception>
    public static Tensor FromMemory<T>(Memory<T> memory, Shape shape) where T : unmanaged
    {
        if (shape.Count != memory.Length) throw new TensorException($"FromMemory: {memory.Length} elements do not fill the shape {shape} ({shape.Count} elements)");
        var dtype = DTypes.Of<T>();
        return new Tensor(new PinnedStorage(memory.Pin(), (long)memory.Length * Unsafe.SizeOf<T>()), Layout.Contiguous(shape), 0, dtype);
    }

    /// <summary>A copy of the elements.</summary>
    /// <exception cref="TensorException">More axes or larger extents than a tensor has, or an element type without a dtype.</exception>
    public static Tensor ToEngine<T>(this in ReadOnlyTensorSpan<T> span) where T : unmanaged
    {
        if (span.Rank > Shape.MaxRank) throw new TensorException($"ToEngine: {span.Rank} axes; a tensor has at most {Shape.MaxRank}");
        Span<int> dims = stackalloc int[Shape.MaxRank];
        for (var i = 0; i < span.Rank; i++)
            dims[i] = span.Lengths[i] <= int.MaxValue ? (int)span.Lengths[i] : throw new TensorException($"ToEngine: axis {i} has {span.Lengths[i]} elements; the largest extent is {int.MaxValue}");
        var y = Tensor.Allocate(Shape.Create(dims[..span.Rank]), DTypes.Of<T>(), Device.Cpu);
        span.FlattenTo(y.AsSpan<T>());
        return y;
    }

    /// <summary>A copy of the elements.</summary>
    /// <exception cref="TensorException">As for <see cref="ToEngine{T}(in ReadOnlyTensorSpan{T})"/>.</exception>
    public static Tensor ToEngine<T>(this System.Numerics.Tensors.Tensor<T> tensor) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return ToEngine(tensor.AsReadOnlyTensorSpan());
    }

    /// <summary>A copy of the elements, row-major; a tensor without axes becomes one of one element.</summary>
    /// <typeparam name="T">The .NET type of the dtype exactly.</typeparam>
    /// <exception cref="TensorException">Another element type.</exception>
    public static System.Numerics.Tensors.Tensor<T> ToNumerics<T>(this Tensor tensor) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(tensor);
        var lengths = new nint[Math.Max(1, tensor.Rank)];
        lengths[0] = 1;
        for (var i = 0; i < tensor.Rank; i++) lengths[i] = tensor.Shape[i];
        return NumericsTensor.Create(tensor.ToArray<T>(), lengths);
    }

    private static void Check<T>(string op, Tensor tensor) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (DTypes.Of<T>() != tensor.DType) throw TensorException.For(op, $"the elements are {tensor.DType}, not {DTypes.Of<T>()}", tensor);
        if (tensor.Device != Device.Cpu) throw TensorException.For(op, "the elements are not in host memory: use .To(Device.Cpu)", tensor);
        foreach (var stride in tensor.Strides)
            if (stride < 0) throw TensorException.For(op, "an axis runs backwards, which a span of tensors cannot: call Contiguous()", tensor);
    }

    /// <summary>Extents and strides as spans of tensors want them: an axis of one element has stride 0; no axes are one of one element.</summary>
    private static int Geometry(Tensor tensor, Span<nint> lengths, Span<nint> strides)
    {
        (lengths[0], strides[0]) = (1, 0);
        for (var i = 0; i < tensor.Rank; i++)
            (lengths[i], strides[i]) = (tensor.Layout.Dims[i], tensor.Layout.Dims[i] == 1 ? 0 : (nint)tensor.Strides[i]);
        return Math.Max(1, tensor.Rank);
    }

    /// <summary>How many elements of memory the tensor reaches over.</summary>
    private static int Reach(Tensor tensor)
    {
        if (tensor.Count == 0) return 0;
        long last = 0;
        for (var i = 0; i < tensor.Rank; i++) last += (tensor.Layout.Dims[i] - 1) * tensor.Strides[i];
        return checked((int)(last + 1));
    }
}
