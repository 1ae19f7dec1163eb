using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Edifice.Engine.Cuda.Driver;

namespace Edifice.Engine.Cuda.Interop;

/// <summary>The vendor's driver on one card: its primary context, which cuBLAS and cuFFT use as well.</summary>
/// <remarks>Calls may come from any thread; each makes the context that thread's current one first. A kernel's failure is reported by
/// whichever call comes later, and the context takes no more work after it: <see cref="Lost"/> keeps the reason, and from then on every
/// call but <see cref="Free"/> says so.</remarks>
internal sealed unsafe class NativeDriver : ICudaDriver
{
    private const int LogBytes = 16 * 1024;

    private readonly CudaApi _api;
    private readonly int _device;
    private readonly nint _context;
    private readonly ConcurrentDictionary<nint, string> _names = new();
    private readonly PinnedStaging _staging;
    private string? _lastKernel;

    /// <summary>Opens a card.</summary>
    /// <param name="api">The driver, initialised.</param>
    /// <param name="ordinal">The card's number.</param>
    public NativeDriver(CudaApi api, int ordinal)
    {
        _api = api;
        Ordinal = ordinal;
        int device;
        Check(api.DeviceGet(&device, ordinal), $"looking for card {ordinal}");
        _device = device;
        nint context;
        Check(api.DevicePrimaryCtxRetain(&context, device), $"opening a context on card {ordinal}");
        _context = context;
        _staging = new PinnedStaging(this, api);
    }

    /// <summary>The card's number.</summary>
    public int Ordinal { get; }

    /// <summary>Why the context takes no more work; null while it does.</summary>
    public string? Lost { get; private set; }

    public (string Name, int Major, int Minor, long MemoryBytes, int DriverVersion) Describe()
    {
        const int Longest = 256;
        var name = stackalloc byte[Longest];
        int major, minor, version;
        nuint bytes;
        Check(_api.DeviceGetName(name, Longest, _device), "asking for the card's name");
        Check(_api.DeviceGetAttribute(&major, CudaCodes.ComputeCapabilityMajor, _device), "asking for the card's architecture");
        Check(_api.DeviceGetAttribute(&minor, CudaCodes.ComputeCapabilityMinor, _device), "asking for the card's architecture");
        Check(_api.DeviceTotalMem(&bytes, _device), "asking for the card's memory");
        Check(_api.DriverGetVersion(&version), "asking for the driver's version");
        return (Marshal.PtrToStringUTF8((nint)name)!, major, minor, (long)bytes, version);
    }

    /// <remarks>Not in stream order by itself: the cache in front of it never gives memory back while a kernel may use it.</remarks>
    public DevicePointer Allocate(long byteLength, StreamHandle stream)
    {
        Enter();
        ulong address;
        var status = _api.MemAlloc(&address, (nuint)byteLength);
        if (status == CudaCodes.OutOfMemory)
        {
            nuint free = 0, total = 0;
            _ = _api.MemGetInfo(&free, &total);
            throw new CudaOutOfMemoryException($"card {Ordinal} has no {byteLength} bytes in one piece: {free} of {total} bytes are free, other programs' share included");
        }

        Check(status, $"allocating {byteLength} bytes");
        return new DevicePointer(address);
    }

    public void Free(DevicePointer pointer, StreamHandle stream)
    {
        // What a lost context held is gone with it; and nobody can be told, least of all from a finalizer.
        if (Lost is not null || _api.CtxSetCurrent(_context) != CudaCodes.Success) return;
        var status = _api.MemFree(pointer.Address);
        if (CudaCodes.LosesContext(status)) Lose(status, "freeing memory");
    }

    public void CopyToDevice(ReadOnlySpan<byte> source, DevicePointer destination, StreamHandle stream)
    {
        Enter();
        _staging.Upload(source, destination, stream);
    }

    public void CopyToHost(DevicePointer source, Span<byte> destination, StreamHandle stream)
    {
        Enter();
        _staging.Download(source, destination, stream);
    }

    public void Copy(DevicePointer source, DevicePointer destination, long byteLength, StreamHandle stream)
    {
        Enter();
        if (byteLength > 0) Check(_api.MemcpyDtoDAsync(destination.Address, source.Address, (nuint)byteLength, stream.Value), $"copying {byteLength} bytes on the card");
    }

    public DeviceModule LoadModule(string ptx)
    {
        ArgumentNullException.ThrowIfNull(ptx);
        Enter();
        var text = Encoding.UTF8.GetBytes(ptx + '\0');
        byte[] info = new byte[LogBytes], errors = new byte[LogBytes];
        var options = stackalloc int[] { CudaCodes.JitInfoLog, CudaCodes.JitInfoLogBytes, CudaCodes.JitErrorLog, CudaCodes.JitErrorLogBytes };
        nint module;
        int status;
        fixed (byte* image = text, infoLog = info, errorLog = errors)
        {
            var values = stackalloc void*[] { infoLog, (void*)(nint)LogBytes, errorLog, (void*)(nint)LogBytes };
            status = _api.ModuleLoadDataEx(&module, image, 4, options, values);
        }

        if (status != CudaCodes.Success)
            throw Failure(status, $"compiling {ptx.Length} characters of PTX; the compiler says: {Log(errors)} {Log(info)}");
        return new DeviceModule(module);
    }

    public FunctionHandle GetFunction(DeviceModule module, string name)
    {
        Enter();
        nint function;
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0')) Check(_api.ModuleGetFunction(&function, module.Value, text), $"looking for the kernel {name}");
        _names[function] = name;
        return new FunctionHandle(function);
    }

    public void Launch(FunctionHandle function, LaunchShape shape, ReadOnlySpan<byte> arguments, StreamHandle stream)
    {
        const int WithoutAsking = 48 * 1024;
        Enter();
        var name = _names.GetValueOrDefault(function.Value, "a kernel");
        if (shape.SharedBytes > WithoutAsking)
            Check(_api.FuncSetAttribute(function.Value, CudaCodes.MaxDynamicSharedBytes, (int)shape.SharedBytes), $"asking for {shape.SharedBytes} bytes of shared memory for {name}");
        int status;
        fixed (byte* buffer = arguments)
        {
            var size = (nuint)arguments.Length;
            var extra = stackalloc void*[]
            {
                (void*)(nint)CudaCodes.LaunchBuffer, buffer, (void*)(nint)CudaCodes.LaunchBufferSize, &size, (void*)(nint)CudaCodes.LaunchEnd,
            };
            status = _api.LaunchKernel(
                function.Value, shape.GridX, shape.GridY, shape.GridZ, shape.BlockX, shape.BlockY, shape.BlockZ, shape.SharedBytes, stream.Value, null, extra);
        }

        if (status != CudaCodes.Success)
            throw Failure(status, $"launching {name} with {shape.GridX}x{shape.GridY}x{shape.GridZ} blocks of {shape.BlockX}x{shape.BlockY}x{shape.BlockZ} threads");
        _lastKernel = name;
    }

    public StreamHandle CreateStream()
    {
        Enter();
        nint stream;
        Check(_api.StreamCreate(&stream, CudaCodes.StreamNonBlocking), "making a stream");
        return new StreamHandle(stream);
    }

    public EventHandle Record(StreamHandle stream)
    {
        Enter();
        nint mark;
        Check(_api.EventCreate(&mark, CudaCodes.EventDisableTiming), "making an event");
        Check(_api.EventRecord(mark, stream.Value), "recording an event");
        return new EventHandle(mark);
    }

    public void Wait(StreamHandle stream, EventHandle mark)
    {
        Enter();
        Check(_api.StreamWaitEvent(stream.Value, mark.Value, 0), "letting a stream wait");
        // The driver keeps what it still needs of a mark that is waited for.
        Check(_api.EventDestroy(mark.Value), "freeing an event");
    }

    public void Synchronize(StreamHandle stream)
    {
        Enter();
        Check(_api.StreamSynchronize(stream.Value), "waiting for the card");
    }

    /// <summary>Makes the card's context this thread's current one, as the vendor's libraries need it before every call.</summary>
    /// <exception cref="CudaContextLostException">It takes no more work.</exception>
    public void Enter()
    {
        if (Lost is { } reason) throw new CudaContextLostException(reason);
        Check(_api.CtxSetCurrent(_context), $"making card {Ordinal} current");
    }

    /// <summary>Ends the context and with it all memory on the card that is this process's; the card may be opened again.</summary>
    public void Reset()
    {
        Lost ??= $"cuda:{Ordinal} was reset";
        _ = _api.CtxSetCurrent(0);
        Check(_api.DevicePrimaryCtxReset(_device), $"resetting card {Ordinal}");
        _ = _api.DevicePrimaryCtxRelease(_device);
    }

    /// <summary>Throws what a status means.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Check(int status, string doing)
    {
        if (status != CudaCodes.Success) throw Failure(status, doing);
    }

    /// <summary>As <see cref="Check(int, string)"/>; the words are put together only where they are needed.</summary>
    public void Check(int status, [InterpolatedStringHandlerArgument("status")] ref StatusText doing)
    {
        if (status != CudaCodes.Success) throw Failure(status, doing.ToString());
    }

    private CudaException Failure(int status, string doing) => CudaCodes.LosesContext(status)
        ? Lose(status, doing)
        : status == CudaCodes.OutOfMemory
            ? new CudaOutOfMemoryException($"card {Ordinal}, {doing}: {_api.Describe(status)}")
            : new CudaException($"card {Ordinal}, {doing}: {_api.Describe(status)}");

    private CudaContextLostException Lose(int status, string doing)
    {
        Lost ??= $"cuda:{Ordinal} is lost: {_api.Describe(status)}, reported while {doing}; it came from a kernel queued before"
            + $"{(_lastKernel is null ? "" : $" (the last one was {_lastKernel})")}. Tensors on it are gone, and this process cannot use it before "
            + $"CudaBackend.Reset({Ordinal}); Device.Cpu is not affected";
        return new CudaContextLostException(Lost);
    }

    private static string Log(byte[] log) => Encoding.UTF8.GetString(log.AsSpan()[..Math.Max(0, log.AsSpan().IndexOf((byte)0))]).Trim();
}
