namespace Edifice.Engine.Cuda.Driver;

/// <summary>A batch of equal matrix products in cuBLAS's terms (column-major, leading dimensions, constant strides between the
/// matrices of the batch): C = alpha op(A) op(B) + beta C.</summary>
/// <param name="Operands">Type of A and B. The sums are float64 for float64, else float32.</param>
/// <param name="Result">Type of C: that of A and B, or float32 where they are 16-bit floats.</param>
/// <param name="TransposeA">op(A) = Aᵀ.</param>
/// <param name="TransposeB">op(B) = Bᵀ.</param>
/// <param name="M">Rows of C.</param>
/// <param name="N">Columns of C.</param>
/// <param name="K">Length of the sums.</param>
/// <param name="LeadingA">Elements between columns of A.</param>
/// <param name="LeadingB">Elements between columns of B.</param>
/// <param name="LeadingC">Elements between columns of C.</param>
/// <param name="StrideA">Elements between one A of the batch and the next; 0: all products share it.</param>
/// <param name="StrideB">As <paramref name="StrideA"/>, for B.</param>
/// <param name="StrideC">As <paramref name="StrideA"/>, for C; not 0 when there is more than one product.</param>
/// <param name="Batch">How many products.</param>
/// <param name="Alpha">Factor of the products.</param>
/// <param name="Beta">Factor of what C holds; 0: C is not read.</param>
internal readonly record struct BatchedProduct(
    DType Operands, DType Result, bool TransposeA, bool TransposeB, int M, int N, int K, int LeadingA, int LeadingB, int LeadingC,
    long StrideA, long StrideB, long StrideC, int Batch, double Alpha, double Beta);

/// <summary>The seam over cuBLAS.</summary>
internal interface IDeviceBlas
{
    /// <summary>Queues the products.</summary>
    void Multiply(in BatchedProduct product, DevicePointer a, DevicePointer b, DevicePointer c, StreamHandle stream);
}
