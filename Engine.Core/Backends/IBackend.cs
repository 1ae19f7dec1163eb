namespace Edifice.Engine.Backends;

/// <summary>What a device has to offer: memory and kernel families, not one method per op.</summary>
/// <remarks>
/// <para>The contract of every kernel: shapes, dtypes and devices were checked by the op that calls it; results are
/// allocated by the op and are written in full; operands carry no autograd state a kernel may touch. Unless a method
/// says otherwise operands may have any strides (0 and negative included) and results are contiguous.</para>
/// <para>The same inputs give the same bits whatever the number of threads, and an element's value does not depend on its
/// neighbours or on its position in the tensor.</para>
/// <para>The interface is split by family; each file beside this one adds its kernels.</para>
/// </remarks>
public partial interface IBackend
{
    /// <summary>The device this backend serves.</summary>
    Device Device { get; }

    /// <summary>One line about the hardware and the instruction set in use.</summary>
    string Description { get; }

    /// <summary>New memory; its content is undefined.</summary>
    Storage Allocate(long byteLength);

    /// <summary>Copies bytes from the device to the host and waits for them.</summary>
    void Read(Storage source, long byteOffset, Span<byte> destination);

    /// <summary>Copies bytes from the host to the device.</summary>
    void Write(ReadOnlySpan<byte> source, Storage destination, long byteOffset);

    /// <summary>Copies a strided tensor into another of the same shape, converting between any two dtypes.
    /// Float to integer truncates toward zero; to bool is "not equal to zero"; to bf16/f16 rounds to nearest even.</summary>
    void Copy(Tensor source, Tensor destination);

    /// <summary>Sets every element of a strided tensor to one value, converted to its dtype.</summary>
    void Fill(Tensor destination, double value);
}
