using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Interop;
using Edifice.Engine.Cuda.Kernels;
using Edifice.Engine.Cuda.Memory;

namespace Edifice.Engine.Cuda;

/// <summary>The CUDA backend: PTX kernels, cuBLAS and cuFFT behind the kernel contract. One file per kernel family.</summary>
public sealed partial class CudaBackend : IBackend
{
    internal CudaBackend(ICudaDriver driver, IDeviceBlas blas, IDeviceFourier fourier, int index)
    {
        Driver = driver;
        Blas = blas;
        Transforms = fourier;
        Device = new Device(DeviceKind.Cuda, index);
        Stream = driver.CreateStream();
        Kernels = new KernelLibrary(driver);
    }

    /// <inheritdoc/>
    public Device Device { get; }

    /// <inheritdoc/>
    public string Description
    {
        get
        {
            var (name, major, minor, bytes, version) = Driver.Describe();
            return $"{name}, sm_{major}{minor}, {bytes >> 20} MiB, CUDA {version / 1000}.{version % 1000 / 10}";
        }
    }

    internal ICudaDriver Driver { get; }

    internal IDeviceBlas Blas { get; }

    internal IDeviceFourier Transforms { get; }

    /// <summary>The queue every kernel, copy and allocation of this device goes through, in order.</summary>
    internal StreamHandle Stream { get; }

    internal KernelLibrary Kernels { get; }

    /// <summary>Makes <see cref="Device.Cuda"/> explain what was looked for and not found. Safe to call on any machine and
    /// more than once; nothing is loaded before somebody asks for the device.</summary>
    public static void Register() => BackendRegistry.RegisterAbsence(DeviceKind.Cuda, Explain);

    internal static string Explain() => Explain(LibraryProbe.Find(LibraryProbe.DriverNames));

    internal static string Explain(LibraryProbe driver) => driver.Handle == 0
        ? $"no CUDA driver was found on this machine (tried {string.Join(", ", driver.Tried)}); install the card's driver, or use Device.Cpu"
        : $"the CUDA driver is here ({driver.Path}), but this version of Edifice.Engine.Cuda has no kernels yet: use Device.Cpu";

    /// <inheritdoc/>
    public Storage Allocate(long byteLength) => new CudaStorage(this, byteLength);

    /// <inheritdoc/>
    public void Read(Storage source, long byteOffset, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(source);
        Driver.CopyToHost(At(((CudaStorage)source).Pointer, byteOffset), destination, Stream);
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> source, Storage destination, long byteOffset)
    {
        ArgumentNullException.ThrowIfNull(destination);
        Driver.CopyToDevice(source, At(((CudaStorage)destination).Pointer, byteOffset), Stream);
    }

    /// <summary>Where a tensor's first element lies on the card.</summary>
    internal static DevicePointer Address(Tensor tensor) =>
        At(((CudaStorage)tensor.Storage).Pointer, tensor.Offset * tensor.DType.SizeOf());

    private static DevicePointer At(DevicePointer start, long bytes) => new(start.Address + (ulong)bytes);

    /// <summary>Queues a kernel of a file in Kernels/.</summary>
    private void Launch(string file, DType type, string kernel, LaunchShape shape, in KernelArguments arguments) =>
        Driver.Launch(Kernels.Get(file, type, kernel), shape, arguments.Bytes, Stream);
}
