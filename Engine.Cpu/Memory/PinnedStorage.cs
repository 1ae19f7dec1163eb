using System.Buffers;

namespace Edifice.Engine.Cpu.Memory;

/// <summary>Memory that belongs to the caller, held in place until the last tensor over it lets go.</summary>
internal sealed unsafe class PinnedStorage : Storage
{
    private MemoryHandle _pin;
    private int _holders = 1;

    public PinnedStorage(MemoryHandle pin, long byteLength) : base(Device.Cpu, byteLength) => _pin = pin;

    ~PinnedStorage() => _pin.Dispose();

    public override ref byte HostData
    {
        get
        {
            RecentOperands.Keep(this);
            if (Volatile.Read(ref _holders) <= 0) throw new ObjectDisposedException(nameof(Storage), "the last tensor over this memory was disposed");
            return ref *(byte*)_pin.Pointer;
        }
    }

    /// <summary>Never: the caller holds the memory too.</summary>
    public override bool IsUnique => false;

    public override void Retain() => Interlocked.Increment(ref _holders);

    public override void Release()
    {
        if (Interlocked.Decrement(ref _holders) != 0) return;
        GC.SuppressFinalize(this);
        _pin.Dispose();
    }
}
