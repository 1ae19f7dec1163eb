using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edifice.Engine.Cuda.Kernels;

/// <summary>The parameters of one launch, laid out as the PTX declares them: in order, each aligned to its own size.</summary>
internal ref struct KernelArguments
{
    private Buffer _bytes;
    private int _length;

    [InlineArray(1024)]
    private struct Buffer
    {
        private byte _first;
    }

    /// <summary>The bytes laid out so far.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Bytes => ((ReadOnlySpan<byte>)_bytes)[.._length];

    /// <summary>Appends a 32- or 64-bit parameter.</summary>
    public void Add<T>(T value) where T : unmanaged
    {
        var size = Unsafe.SizeOf<T>();
        var at = (_length + size - 1) & -size;
        _length = at + size;
        MemoryMarshal.Write(((Span<byte>)_bytes)[at..], value);
    }

    /// <summary>Appends the address of a tensor's first element; 0 for one that is absent.</summary>
    public void Add(Tensor? tensor) => Add(tensor is null ? 0UL : CudaBackend.Address(tensor).Address);

    /// <summary>Appends a parameter of an arithmetic type, the value rounded to it (cut, for integers).</summary>
    public void AddScalar(DType type, double value)
    {
        switch (type)
        {
            case DType.Float64: Add(value); break;
            case DType.Int32: Add((int)value); break;
            case DType.Int64: Add((long)value); break;
            default: Add((float)value); break;
        }
    }
}
