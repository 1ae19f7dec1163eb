using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Memory;

/// <summary>Temporary memory of a kernel, 64-byte aligned, from the pool: <c>using var s = new Scratch&lt;float&gt;(n);</c>.</summary>
internal readonly unsafe ref struct Scratch<T> : IDisposable where T : unmanaged
{
    private readonly Block _block;

    /// <summary>Rents room for <paramref name="count"/> elements; their content is undefined.</summary>
    public Scratch(long count) =>
        _block = BlockPool.Shared.Rent(Math.Max(1, checked(count * Unsafe.SizeOf<T>())), insideKernel: true);

    /// <summary>The first element.</summary>
    public T* Pointer => (T*)_block.Data;

    /// <summary>Returns the memory.</summary>
    public void Dispose() => BlockPool.Shared.Return(_block);
}
