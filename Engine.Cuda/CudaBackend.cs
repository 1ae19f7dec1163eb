using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Interop;
using Edifice.Engine.Cuda.Kernels;
using Edifice.Engine.Cuda.Memory;

namespace Edifice.Engine.Cuda;

/// <summary>The CUDA backend: PTX kernels, cuBLAS and cuFFT behind the kernel contract. One file per kernel family.</summary>
public sealed partial class CudaBackend : IBackend
{
    private Action? _reopen;

    /// <param name="driver">The card.</param>
    /// <param name="blas">Its matrix products.</param>
    /// <param name="fourier">Its transforms.</param>
    /// <param name="index">Which <see cref="Edifice.Engine.Device"/> of this process it is.</param>
    /// <param name="keepsMemory">See <see cref="DeviceMemory"/>.</param>
    internal CudaBackend(ICudaDriver driver, IDeviceBlas blas, IDeviceFourier fourier, int index, bool keepsMemory = false)
    {
        Driver = driver;
        Blas = blas;
        Transforms = fourier;
        Device = new Device(DeviceKind.Cuda, index);
        Stream = driver.CreateStream();
        Kernels = new KernelLibrary(driver);
        Memory = new DeviceMemory(driver, Stream, keepsMemory);
    }

    /// <summary>Computes float32 matrix products in TF32 where the card has it: factors rounded to ten bits, sums in float32, several
    /// times faster. Off unless asked for; for all cards of the process.</summary>
    public static bool TensorFloat32 { get; set; }

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

    internal DeviceMemory Memory { get; }

    /// <summary>True once the card was reset.</summary>
    internal bool IsClosed { get; private set; }

    /// <summary>Makes <see cref="Device.Cuda"/> and its siblings the cards of this machine, or explain why there are none: no driver,
    /// one older than CUDA 11.0, no card, or none from Volta (sm_70) on. Safe to call on any machine and more than once; nothing is
    /// loaded before somebody asks for such a device.</summary>
    public static void Register() => BackendRegistry.RegisterSource(DeviceKind.Cuda, () => InstalledCards.Open(LibraryProbe.Find(LibraryProbe.DriverNames)));

    /// <summary>Ends everything on a card, the tensors in its memory included, and begins anew: the way on after a kernel failed
    /// (<see cref="CudaContextLostException"/>). Tensors made before say so when they are used.</summary>
    /// <param name="index">The card.</param>
    /// <exception cref="DeviceUnavailableException">There is no such card.</exception>
    /// <exception cref="CudaException">The driver cannot begin anew; the process can use the CPU, or start again.</exception>
    public static void Reset(int index)
    {
        if (BackendRegistry.For(new Device(DeviceKind.Cuda, index)) is not CudaBackend { _reopen: not null } backend)
            throw new CudaException($"cuda:{index} was not opened by {nameof(CudaBackend)}.{nameof(Register)} and cannot be reset");
        backend.IsClosed = true;
        backend._reopen();
    }

    /// <summary>Registers a card, to be opened when it is first asked for, and again after a reset.</summary>
    internal static void Register(int index, Func<CudaBackend> open) => BackendRegistry.Register(new Device(DeviceKind.Cuda, index), () =>
    {
        var backend = open();
        backend._reopen = () => Register(index, open);
        return backend;
    });

    internal void ThrowIfClosed()
    {
        if (IsClosed) throw new CudaContextLostException($"this tensor was on {Device}, which was reset since: its elements are gone. Make it anew, for instance from a checkpoint");
    }

    /// <inheritdoc/>
    public Storage Allocate(long byteLength) => new CudaStorage(this, byteLength);

    /// <inheritdoc/>
    public void Read(Storage source, long byteOffset, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (!destination.IsEmpty) Driver.CopyToHost(At(((CudaStorage)source).Pointer, byteOffset), destination, Stream);
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> source, Storage destination, long byteOffset)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (!source.IsEmpty) Driver.CopyToDevice(source, At(((CudaStorage)destination).Pointer, byteOffset), Stream);
    }

    /// <summary>Where a tensor's first element lies on the card.</summary>
    internal static DevicePointer Address(Tensor tensor) => tensor.Storage is CudaStorage storage
        ? At(storage.Pointer, tensor.Offset * tensor.DType.SizeOf())
        : throw TensorException.For("cuda", "an operand of a kernel is not on a card: move it with .To(device)", tensor);

    private static DevicePointer At(DevicePointer start, long bytes) => new(start.Address + (ulong)bytes);

    /// <summary>Queues a kernel of a file in Kernels/.</summary>
    private void Launch(string file, DType type, string kernel, LaunchShape shape, in KernelArguments arguments) =>
        Driver.Launch(Kernels.Get(file, type, kernel), shape, arguments.Bytes, Stream);
}
