using Edifice.Engine.Cuda.Driver;

namespace Edifice.Engine.Cuda.Memory;

/// <summary>Device memory under one or more tensors.</summary>
internal sealed class CudaStorage : Storage
{
    private readonly CudaBackend _backend;
    private readonly DevicePointer _pointer;
    private int _holders = 1;

    public CudaStorage(CudaBackend backend, long byteLength) : base(backend.Device, byteLength)
    {
        _backend = backend;
        _pointer = backend.Driver.Allocate(Math.Max(byteLength, 1), backend.Stream);
    }

    /// <summary>The first byte on the card.</summary>
    /// <exception cref="ObjectDisposedException">The last tensor over this memory was disposed.</exception>
    public DevicePointer Pointer => Volatile.Read(ref _holders) > 0
        ? _pointer
        : throw new ObjectDisposedException(nameof(Storage), "the last tensor over this memory was disposed");

    public override bool IsUnique => Volatile.Read(ref _holders) == 1;

    public override void Retain() => Interlocked.Increment(ref _holders);

    public override void Release()
    {
        if (Interlocked.Decrement(ref _holders) != 0) return;
        GC.SuppressFinalize(this);
        _backend.Driver.Free(_pointer, _backend.Stream);
    }

    ~CudaStorage()
    {
        if (_pointer.Address != 0) _backend.Driver.Free(_pointer, _backend.Stream);
    }
}
