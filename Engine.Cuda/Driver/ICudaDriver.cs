namespace Edifice.Engine.Cuda.Driver;

/// <summary>Device memory: an address, which only the driver that gave it can read.</summary>
internal readonly record struct DevicePointer(ulong Address);

/// <summary>A loaded PTX module.</summary>
internal readonly record struct DeviceModule(nint Value);

/// <summary>A kernel of a module.</summary>
internal readonly record struct FunctionHandle(nint Value);

/// <summary>A queue of work that runs in order.</summary>
internal readonly record struct StreamHandle(nint Value);

/// <summary>A mark in a stream.</summary>
internal readonly record struct EventHandle(nint Value);

/// <summary>Blocks and threads of a launch.</summary>
internal readonly record struct LaunchShape(
    uint GridX, uint GridY, uint GridZ, uint BlockX, uint BlockY, uint BlockZ, uint SharedBytes);

/// <summary>The seam over the CUDA driver: all the backend asks of a card. One implementation calls the vendor's library, the
/// other (in the tests) executes the same PTX on the host.</summary>
/// <remarks>Every call either succeeds or throws a <see cref="CudaException"/> that says what was being done. Nothing waits
/// for the card except <see cref="Synchronize"/> and <see cref="CopyToHost"/>.</remarks>
internal interface ICudaDriver
{
    /// <summary>The card's name, compute capability (major, minor), memory in bytes and the driver's CUDA version.</summary>
    (string Name, int Major, int Minor, long MemoryBytes, int DriverVersion) Describe();

    /// <summary>Allocates in stream order.</summary>
    DevicePointer Allocate(long byteLength, StreamHandle stream);

    /// <summary>Frees in stream order.</summary>
    void Free(DevicePointer pointer, StreamHandle stream);

    /// <summary>Copies from the host; the span may be reused on return.</summary>
    void CopyToDevice(ReadOnlySpan<byte> source, DevicePointer destination, StreamHandle stream);

    /// <summary>Copies to the host and waits for the copy.</summary>
    void CopyToHost(DevicePointer source, Span<byte> destination, StreamHandle stream);

    /// <summary>Copies within the card.</summary>
    void Copy(DevicePointer source, DevicePointer destination, long byteLength, StreamHandle stream);

    /// <summary>Compiles PTX text; the compiler's log goes into the exception.</summary>
    DeviceModule LoadModule(string ptx);

    /// <summary>Finds a kernel by name.</summary>
    FunctionHandle GetFunction(DeviceModule module, string name);

    /// <summary>Queues a kernel; <paramref name="arguments"/> holds the parameters as the PTX declares them, laid out in
    /// order with natural alignment.</summary>
    void Launch(FunctionHandle function, LaunchShape shape, ReadOnlySpan<byte> arguments, StreamHandle stream);

    /// <summary>A new stream.</summary>
    StreamHandle CreateStream();

    /// <summary>Marks the present end of a stream.</summary>
    EventHandle Record(StreamHandle stream);

    /// <summary>Lets a stream wait for a mark in another.</summary>
    void Wait(StreamHandle stream, EventHandle mark);

    /// <summary>Waits until a stream is empty.</summary>
    void Synchronize(StreamHandle stream);
}
