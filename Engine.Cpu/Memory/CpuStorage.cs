using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edifice.Engine.Cpu.Memory;

/// <summary>Host memory: a managed array when small, a pooled native block when large.</summary>
internal sealed unsafe class CpuStorage : Storage
{
    /// <summary>From here on bytes are native: below, the garbage collector is cheaper than a finalizer.</summary>
    public const int NativeFrom = 16 * 1024;

    private readonly byte[]? _managed;
    private NativeBlock? _native;
    private int _holders = 1;

    public CpuStorage(long byteLength) : base(Device.Cpu, byteLength)
    {
        if (byteLength < NativeFrom) _managed = GC.AllocateUninitializedArray<byte>((int)Math.Max(byteLength, 1));
        else _native = new NativeBlock(byteLength);
    }

    public override ref byte HostData
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            if (_managed is { } array) return ref MemoryMarshal.GetArrayDataReference(array);
            return ref Unsafe.AsRef<byte>((_native ?? throw new ObjectDisposedException(nameof(CpuStorage))).Pointer);
        }
    }

    public override bool IsUnique => _managed is null && Volatile.Read(ref _holders) == 1;

    public override void Retain()
    {
        if (_managed is null) Interlocked.Increment(ref _holders);
    }

    public override void Release()
    {
        if (_managed is not null || Interlocked.Decrement(ref _holders) > 0) return;
        _native?.Free();
        _native = null;
    }
}

/// <summary>A native allocation; its finalizer is the safety net for holders that were never disposed.</summary>
internal sealed unsafe class NativeBlock
{
    public byte* Pointer { get; private set; }

    public NativeBlock(long byteLength) => Pointer = (byte*)NativeMemory.AlignedAlloc((nuint)byteLength, 64);

    public void Free()
    {
        GC.SuppressFinalize(this);
        NativeMemory.AlignedFree(Pointer);
        Pointer = null;
    }

    ~NativeBlock() => NativeMemory.AlignedFree(Pointer);
}
