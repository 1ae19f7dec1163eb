using Edifice.Engine.Cuda.Driver;

namespace Edifice.Engine.Cuda.Tests;

/// <summary>A driver that counts what leaves the card.</summary>
internal sealed class WatchedDriver(ICudaDriver driver) : ICudaDriver
{
    private long _bytesRead, _launches;

    /// <summary>Bytes copied to the host so far.</summary>
    public long BytesRead => Interlocked.Read(ref _bytesRead);

    /// <summary>Kernels launched so far.</summary>
    public long Launches => Interlocked.Read(ref _launches);

    public (string Name, int Major, int Minor, long MemoryBytes, int DriverVersion) Describe() => driver.Describe();

    public DevicePointer Allocate(long byteLength, StreamHandle stream) => driver.Allocate(byteLength, stream);

    public void Free(DevicePointer pointer, StreamHandle stream) => driver.Free(pointer, stream);

    public void CopyToDevice(ReadOnlySpan<byte> source, DevicePointer destination, StreamHandle stream) => driver.CopyToDevice(source, destination, stream);

    public void CopyToHost(DevicePointer source, Span<byte> destination, StreamHandle stream)
    {
        Interlocked.Add(ref _bytesRead, destination.Length);
        driver.CopyToHost(source, destination, stream);
    }

    public void Copy(DevicePointer source, DevicePointer destination, long byteLength, StreamHandle stream) => driver.Copy(source, destination, byteLength, stream);

    public DeviceModule LoadModule(string ptx) => driver.LoadModule(ptx);

    public FunctionHandle GetFunction(DeviceModule module, string name) => driver.GetFunction(module, name);

    public void Launch(FunctionHandle function, LaunchShape shape, ReadOnlySpan<byte> arguments, StreamHandle stream)
    {
        Interlocked.Increment(ref _launches);
        driver.Launch(function, shape, arguments, stream);
    }

    public StreamHandle CreateStream() => driver.CreateStream();

    public EventHandle Record(StreamHandle stream) => driver.Record(stream);

    public void Wait(StreamHandle stream, EventHandle mark) => driver.Wait(stream, mark);

    public void Synchronize(StreamHandle stream) => driver.Synchronize(stream);
}
