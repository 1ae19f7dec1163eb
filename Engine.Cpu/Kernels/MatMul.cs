using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void MatMul(Tensor a, Tensor b, Tensor y, in Epilogue epilogue)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        ArgumentNullException.ThrowIfNull(y);
        var narrow = NarrowProduct.Check(a, b, y, epilogue);
        if (y.Count == 0) return;
        if (narrow) MultiplyWidened(a, b, y, epilogue);
        else if (y.DType == DType.Float32) BatchedMatMul.Run<float>(a, b, y, epilogue);
        else BatchedMatMul.Run<double>(a, b, y, epilogue);
    }

    /// <summary>16-bit operands become float32, which is exact, and are multiplied as such.</summary>
    private void MultiplyWidened(Tensor a, Tensor b, Tensor y, in Epilogue epilogue)
    {
        using Tensor left = Widened(a), right = Widened(b);
        if (y.DType == DType.Float32)
        {
            BatchedMatMul.Run<float>(left, right, y, epilogue);
            return;
        }

        using var sums = Tensor.Allocate(Layout.Contiguous(y.Layout.Dims), DType.Float32, y.Device);
        BatchedMatMul.Run<float>(left, right, sums, epilogue);
        Copy(sums, y);
    }

    /// <summary>A dense float32 copy, with the columns along memory where they were; leading axes that only repeat are not copied.</summary>
    private Tensor Widened(Tensor x)
    {
        int[] dims = x.Layout.Dims, once = [.. dims];
        long[] from = [.. x.Layout.Strides];
        for (var axis = 0; axis < once.Length - 2; axis++)
            if (from[axis] == 0) once[axis] = Math.Min(1, once[axis]);
        var columnsAlong = from[^2] == 1 && from[^1] != 1;
        void Exchange<T>(T[] axes)
        {
            if (columnsAlong) (axes[^1], axes[^2]) = (axes[^2], axes[^1]);
        }

        Exchange(once);
        Exchange(from);
        using var source = new Tensor(x.Storage, new Layout(once, from), x.Offset, x.DType, retain: true);
        using var copy = Tensor.Allocate(Layout.Contiguous(once), DType.Float32, x.Device);
        Copy(source, copy);
        long[] steps = [.. copy.Layout.Strides];
        Exchange(steps);
        for (var axis = 0; axis < steps.Length - 2; axis++)
            if (once[axis] != dims[axis]) steps[axis] = 0;
        return new Tensor(copy.Storage, new Layout(dims, steps), copy.Offset, copy.DType, retain: true);
    }
}
