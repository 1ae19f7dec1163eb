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
        _pointer = backend.Memory.Take(byteLength);
    }

    /// <summary>The first byte on the card.</summary>
    /// <exception cref="ObjectDisposedException">The last tensor over this memory was disposed.</exception>
    /// <exception cref="CudaContextLostException">The card was reset since.</exception>
    public DevicePointer Pointer
    {
        get
        {
            if (Volatile.Read(ref _holders) <= 0) throw new ObjectDisposedException(nameof(Storage), "the last tensor over this memory was disposed");
            _backend.ThrowIfClosed();
            return _pointer;
        }
    }

    public override bool IsUnique => Volatile.Read(ref _holders) == 1;

    public override bool IsLost => _backend.IsClosed;

    public override void Retain() => Interlocked.Increment(ref _holders);

    public override void Release()
    {
        if (Interlocked.Decrement(ref _holders) != 0) return;
        GC.SuppressFinalize(this);
        Free();
    }

    // Also runs for a storage whose constructor found no memory.
    ~CudaStorage()
    {
        if (_pointer.Address != 0) Free();
    }

    private void Free()
    {
        if (!_backend.IsClosed) _backend.Memory.Give(_pointer, ByteLength);
    }
}
