using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Edifice.Engine.Backends;

namespace Edifice.Engine;

/// <summary>An n-dimensional array: an immutable view (extents, strides, offset) over a shared <see cref="Storage"/>,
/// with the tape's record of how it came about.</summary>
/// <remarks>Disposing is optional: <see cref="Dispose"/> and <see cref="Scope"/> return memory at once, the garbage
/// collector returns the rest. Reading one tensor from several threads is safe; writing in place is not.</remarks>
public sealed partial class Tensor : IDisposable
{
    private readonly Storage _storage;
    private bool _disposed;

    /// <summary>The scope that frees this tensor; null: none does.</summary>
    internal TensorScope? Owner;

    /// <summary>The tape's record: where gradients go. Null for tensors that need none.</summary>
    internal Autograd.GradientRecord? Record;

    /// <summary>Wraps a storage. The tensor becomes one of its holders.</summary>
    internal Tensor(Storage storage, Layout layout, long offset, DType dtype, bool retain = false)
    {
        if (retain) storage.Retain();
        _storage = storage;
        Layout = layout;
        Offset = offset;
        DType = dtype;
        TensorScope.Current?.Register(this);
    }

    /// <summary>The bytes under this view.</summary>
    /// <exception cref="ObjectDisposedException">The tensor was disposed, or its scope has ended.</exception>
    public Storage Storage
    {
        get
        {
            if (_disposed) ThrowDisposed();
            return _storage;
        }
    }

    /// <summary>Extents and strides.</summary>
    public Layout Layout { get; }

    /// <summary>Where element 0 lies in the storage, in elements.</summary>
    public long Offset { get; }

    /// <summary>The element type.</summary>
    public DType DType { get; }

    /// <summary>Where the elements live.</summary>
    public Device Device => _storage.Device;

    /// <summary>The extents.</summary>
    public Shape Shape => Layout.Shape;

    /// <summary>The number of axes.</summary>
    public int Rank => Layout.Dims.Length;

    /// <summary>The number of elements.</summary>
    public long Count => Layout.Count;

    /// <summary>Steps between neighbours on each axis, in elements; 0 on broadcast axes, negative on flipped ones.</summary>
    public ReadOnlySpan<long> Strides => Layout.Strides;

    /// <summary>True when the elements lie in row-major order without gaps.</summary>
    public bool IsContiguous => Layout.IsContiguous;

    /// <summary>True after <see cref="Dispose"/> or the end of the tensor's scope.</summary>
    public bool IsDisposed => _disposed;

    /// <summary>The extent of an axis; negative axes count from the end.</summary>
    public int Size(int axis) => Layout.Dims[NormalizeAxis("Size", axis)];

    internal IBackend Backend => BackendRegistry.For(_storage.Device);

    /// <summary>The first element, in host memory.</summary>
    internal ref T HostElement<T>() where T : unmanaged =>
        ref Unsafe.Add(ref Unsafe.As<byte, T>(ref Storage.HostData), (nint)Offset);

    /// <summary>Gives the memory back, unless a view or the tape still holds it.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _storage.Release();
    }

    /// <summary>Opens a scope: tensors made by this thread until its end are freed there, except those kept.</summary>
    public static TensorScope Scope() => new();

    /// <summary>The only element of a one-element tensor, as a double.</summary>
    /// <exception cref="TensorException">The tensor has another number of elements.</exception>
    public double Item()
    {
        if (Count != 1) throw TensorException.For("Item", "needs exactly one element; use ToArray", this);
        return DType switch
        {
            DType.Float32 => ReadSingle<float>(),
            DType.Float64 => ReadSingle<double>(),
            DType.Int32 => ReadSingle<int>(),
            DType.Int64 => ReadSingle<long>(),
            DType.Bool => ReadSingle<byte>() != 0 ? 1 : 0,
            _ => To(DType.Float64).Item(),
        };
    }

    private T ReadSingle<T>() where T : unmanaged
    {
        if (Device.Kind == DeviceKind.Cpu) return HostElement<T>();
        T value = default;
        Backend.Read(Storage, Offset * Unsafe.SizeOf<T>(), MemoryMarshal.AsBytes(new Span<T>(ref value)));
        return value;
    }

    /// <summary>A copy of the elements in row-major order.</summary>
    /// <typeparam name="T">The .NET type of the dtype exactly (<c>float</c> for Float32 …).</typeparam>
    public T[] ToArray<T>() where T : unmanaged
    {
        var wanted = DTypes.Of<T>();
        if (wanted != DType)
            throw TensorException.For("ToArray", $"the elements are {DType}, not {wanted}: use .To(DType.{wanted}) first", this);
        using (Autograd.GradMode.Off())
        {
            var source = IsContiguous ? this : Contiguous();
            var result = new T[checked((int)Count)];
            Backend.Read(source.Storage, source.Offset * Unsafe.SizeOf<T>(), MemoryMarshal.AsBytes(result.AsSpan()));
            if (!ReferenceEquals(source, this)) source.Dispose();
            return result;
        }
    }

    /// <summary>The elements of a contiguous tensor in host memory, without a copy. Writes are not seen by the tape's
    /// version check; the span must not outlive the tensor.</summary>
    /// <exception cref="TensorException">Not contiguous, not on the CPU, or another element type.</exception>
    public Span<T> AsSpan<T>() where T : unmanaged
    {
        if (DTypes.Of<T>() != DType) throw TensorException.For("AsSpan", $"the elements are {DType}, not {DTypes.Of<T>()}", this);
        if (!IsContiguous) throw TensorException.For("AsSpan", "the view has gaps: call Contiguous() first", this);
        return MemoryMarshal.CreateSpan(ref HostElement<T>(), checked((int)Count));
    }

    internal int NormalizeAxis(string op, int axis)
    {
        var a = axis < 0 ? axis + Rank : axis;
        if ((uint)a >= (uint)Rank)
            throw TensorException.For(op, $"axis {axis} is outside [{-Rank}, {Rank})", this);
        return a;
    }

    /// <summary>Dtype, shape and device on one line, for messages.</summary>
    internal string Describe() =>
        $"{DType} {Shape}{(IsContiguous ? "" : $" strides [{string.Join(", ", Layout.Strides)}]")} on {Device}";

    private static void ThrowDisposed() =>
        throw new ObjectDisposedException(nameof(Tensor),
            "the tensor was disposed or its scope has ended: keep it with scope.Keep(tensor), or Clone() it");
}
