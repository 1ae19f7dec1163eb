namespace Edifice.Engine.Backends;

/// <summary>What every backend checks of a product of 16-bit floats.</summary>
internal static class NarrowProduct
{
    /// <summary>True for a product of 16-bit floats, false for one of float32 or float64.</summary>
    /// <exception cref="TensorException">The dtypes are neither, or a 16-bit result is to have an epilogue.</exception>
    public static bool Check(Tensor a, Tensor b, Tensor y, in Epilogue epilogue)
    {
        if (a.DType == b.DType && a.DType == y.DType && a.DType.IsComputeFloat()) return false;
        if (a.DType != b.DType || !a.DType.IsNarrowFloat() || (y.DType != DType.Float32 && y.DType != a.DType))
            throw TensorException.For("MatMul", "multiplies two operands of one floating dtype into that dtype, or 16-bit floats into Float32: convert with .To(…)", a, b, y);
        if (y.DType.IsNarrowFloat() && epilogue != default)
            throw TensorException.For("MatMul", "a 16-bit result takes no bias, activation or sum: ask for a Float32 result and convert that", a, b, y);
        return true;
    }
}
