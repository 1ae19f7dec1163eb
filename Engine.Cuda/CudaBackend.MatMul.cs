using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;
using Edifice.Engine.Cuda.Products;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    private const int FinishBlock = 256;

    /// <inheritdoc/>
    /// <remarks>By cuBLAS, whose matrices are column-major: a row-major y = a b is yᵀ = bᵀ aᵀ there, and a transposed view is the same
    /// memory under the other name. The order of a sum is cuBLAS's choice by the shape of the product: the same call gives the same
    /// bits, two shapes need not. 16-bit floats are summed in float32, split sums included.</remarks>
    public void MatMul(Tensor a, Tensor b, Tensor y, in Epilogue epilogue)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        ArgumentNullException.ThrowIfNull(y);
        if (NarrowProduct.Check(a, b, y, epilogue)) RefuseBFloat16(a, b);
        if (y.Count == 0) return;
        if (!HasRowsInPlace(y.Layout))
        {
            ThroughCopy(a, b, y, epilogue);
            return;
        }

        if (a.Layout.Dims[^1] > 0) Multiply(a, b, y, epilogue.Accumulate);
        else if (!epilogue.Accumulate) Fill(y, 0);
        if (epilogue.Bias is not null || epilogue.PreActivation is not null || epilogue.Activation != Activation.None) Finish(y, epilogue);
    }

    /// <summary>Before Ampere cuBLAS has bfloat16 for some shapes only.</summary>
    private void RefuseBFloat16(Tensor a, Tensor b)
    {
        if (a.DType != DType.BFloat16 || Driver.Describe() is not (_, var major and < 8, var minor, _, _)) return;
        throw TensorException.For(
            "MatMul", $"{Device} is a card of sm_{major}{minor}, and products of BFloat16 need sm_80 or later: use DType.Float16 or DType.Float32", a, b);
    }

    private void Multiply(Tensor a, Tensor b, Tensor y, bool accumulate)
    {
        using var left = ProductOperand.Of(this, a);
        using var right = ProductOperand.Of(this, b);
        var batch = BatchAxes.Of(left, right, y);
        var (extent, stepA, stepB, stepY) = batch.Inner;
        var product = new BatchedProduct(
            a.DType, y.DType, right.Transposed, left.Transposed, y.Layout.Dims[^1], batch.Rows, a.Layout.Dims[^1],
            right.Leading, batch.LeadingA, batch.LeadingY, stepB, stepA, stepY, extent, 1, accumulate ? 1 : 0);
        int size = a.DType.SizeOf(), sizeY = y.DType.SizeOf();
        DevicePointer atA = Address(left.Tensor), atB = Address(right.Tensor), atY = Address(y);
        foreach (var (offsetA, offsetB, offsetY) in batch.Calls())
            Blas.Multiply(product, At(atB, offsetB * size), At(atA, offsetA * size), At(atY, offsetY * sizeY), Stream);
    }

    private static bool HasRowsInPlace(Layout y) => ProductOperand.Fit(y) is (false, _);

    /// <summary>For a result whose rows overlap, run backwards or lie beyond the reach of an int.</summary>
    private void ThroughCopy(Tensor a, Tensor b, Tensor y, in Epilogue epilogue)
    {
        using var dense = Tensor.Allocate(Layout.Contiguous(y.Layout.Dims), y.DType, y.Device);
        if (epilogue.Accumulate) Copy(y, dense);
        MatMul(a, b, dense, epilogue);
        Copy(dense, y);
    }

    /// <summary>Bias and activation over what the product left, in one pass.</summary>
    private void Finish(Tensor y, in Epilogue epilogue)
    {
        int[] dims = y.Layout.Dims;
        var planes = new BatchPlanes(y, epilogue.PreActivation);
        long size = y.DType.SizeOf(), rowY = planes.RowY * size, rowPre = planes.RowPre * size;
        int columns = dims[^1], perThread = planes.IsVector ? 4 : 1, threadsPerRow = columns / perThread;
        // A launch counts its threads in 32 bits: very many rows go in pieces.
        var most = (int)Math.Clamp(int.MaxValue / Math.Max(1, threadsPerRow), 1, planes.Rows);
        foreach (var (atY, atPre) in planes.Starts())
            for (long row = 0; row < planes.Rows; row += most)
            {
                var threads = (uint)((long)Math.Min(most, planes.Rows - row) * threadsPerRow);
                var arguments = new KernelArguments();
                arguments.Add(Address(y).Address + (ulong)(atY * size + row * rowY));
                arguments.Add(epilogue.PreActivation is { } pre ? Address(pre).Address + (ulong)(atPre * size + row * rowPre) : 0UL);
                arguments.Add(epilogue.Bias);
                arguments.Add(threads);
                arguments.Add((uint)threadsPerRow);
                arguments.Add(rowY);
                arguments.Add(rowPre);
                arguments.Add((epilogue.Bias?.Layout.Strides[^1] ?? 0) * size);
                arguments.Add((uint)epilogue.Activation);
                Launch("matmul_epilogue", y.DType, planes.IsVector ? "finish_vector" : "finish",
                    new LaunchShape((threads + FinishBlock - 1) / FinishBlock, 1, 1, FinishBlock, 1, 1, 0), arguments);
            }
    }
}
