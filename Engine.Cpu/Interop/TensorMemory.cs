using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Edifice.Engine.Cpu.Memory;

namespace Edifice.Engine.Cpu.Interop;

/// <summary>A tensor's elements as <see cref="Memory{T}"/>: holds the bytes until it is disposed.</summary>
internal sealed unsafe class TensorMemory<T> : MemoryManager<T> where T : unmanaged
{
    private readonly Tensor _tensor;

    public TensorMemory(Tensor tensor)
    {
        using var outside = TensorScope.Suspend();
        _tensor = tensor.Detach();
        _ = _tensor.AsSpan<T>(); // its errors belong here, not to the first use
    }

    public override Span<T> GetSpan() => _tensor.AsSpan<T>();

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        var span = GetSpan();
        if ((uint)elementIndex > (uint)span.Length) throw new ArgumentOutOfRangeException(nameof(elementIndex));
        // Small tensors are managed arrays, which move; the others need only be held.
        var handle = _tensor.Storage is ManagedStorage managed ? GCHandle.Alloc(managed.Bytes, GCHandleType.Pinned) : GCHandle.Alloc(_tensor.Storage);
        return new MemoryHandle((T*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(GetSpan())) + elementIndex, handle, this);
    }

    public override void Unpin()
    {
        // The MemoryHandle frees what Pin allocated.
    }

    protected override void Dispose(bool disposing) => _tensor.Dispose();
}
