namespace Edifice.Engine.Cuda;

/// <summary>A call into the CUDA driver or one of its libraries failed; the message says what was being done.</summary>
public sealed class CudaException : TensorException
{
    /// <summary>Creates the error.</summary>
    public CudaException(string message) : base(message) { }

    /// <summary>Creates the error with its cause.</summary>
    public CudaException(string message, Exception inner) : base(message, inner) { }
}
