namespace Edifice.Engine.Cuda;

/// <summary>A call into the CUDA driver or one of its libraries failed; the message says what was being done.</summary>
public class CudaException : TensorException
{
    /// <summary>Creates the error.</summary>
    public CudaException(string message) : base(message) { }

    /// <summary>Creates the error with its cause.</summary>
    public CudaException(string message, Exception inner) : base(message, inner) { }
}

/// <summary>The card has no room for a tensor, not even after everything unused was given back.</summary>
public sealed class CudaOutOfMemoryException : CudaException
{
    /// <summary>Creates the error.</summary>
    public CudaOutOfMemoryException(string message) : base(message) { }

    /// <summary>Creates the error with its cause.</summary>
    public CudaOutOfMemoryException(string message, Exception inner) : base(message, inner) { }
}

/// <summary>A card takes no more work: a kernel failed on it, or it was reset under its tensors. The rest of the process is not
/// affected.</summary>
public sealed class CudaContextLostException : CudaException
{
    /// <summary>Creates the error.</summary>
    public CudaContextLostException(string message) : base(message) { }

    /// <summary>Creates the error with its cause.</summary>
    public CudaContextLostException(string message, Exception inner) : base(message, inner) { }
}
