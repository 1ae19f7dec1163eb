using System.Collections.Concurrent;
using Edifice.Engine.Cuda;
using Edifice.Engine.Cuda.Driver;
using PtxEmulator.Checks;
using PtxEmulator.Execution;
using PtxEmulator.Memory;
using PtxEmulator.Parsing;
using PtxEmulator.Statistics;

namespace PtxEmulator;

/// <summary>A card that is a program: executes the PTX text it is given, on the host, and checks every access. Work is done when
/// it is queued, on the thread that queues it. Several threads may use the card at once; what they queue on one stream runs one
/// after the other as on a card, so that memory a finalizer gives back is not taken from under a running kernel.</summary>
internal sealed class EmulatedDriver : ICudaDriver
{
    /// <summary>Static shared memory of a block on every card.</summary>
    private const uint SharedLimit = 48 * 1024;
    private const int ThreadLimit = 1024;

    private static uint _serials = 1;
    private static readonly Lock SerialLock = new();

    private readonly ConcurrentDictionary<nint, LoadedModule> _modules = new();
    private readonly ConcurrentDictionary<nint, (LoadedModule Module, string Name)> _functions = new();
    private readonly ConcurrentDictionary<nint, Lock> _streams = new();
    private readonly ConcurrentDictionary<string, KernelStatistics> _statistics = new();
    private long _handles;

    /// <summary>The card's memory.</summary>
    public GlobalMemory Memory { get; } = new();

    /// <summary>Compute capability, 10 × major + minor.</summary>
    public int Capability { get; init; } = 70;

    /// <summary>Steps of one warp after which a kernel counts as endless.</summary>
    public long StepLimit { get; init; } = 50_000_000;

    /// <inheritdoc/>
    public (string Name, int Major, int Minor, long MemoryBytes, int DriverVersion) Describe() =>
        ("Emulated card", Capability / 10, Capability % 10, 8L << 30, 11000);

    /// <summary>Whether launches are counted from now on; it costs about a third of the speed.</summary>
    public bool CollectsStatistics { get; set; }

    /// <summary>What was counted, by kernel.</summary>
    public IReadOnlyDictionary<string, KernelStatistics> Statistics => _statistics;

    private nint NextHandle() => (nint)Interlocked.Increment(ref _handles);

    /// <inheritdoc/>
    public DevicePointer Allocate(long byteLength, StreamHandle stream) => new(Memory.Allocate(byteLength).Address);

    /// <inheritdoc/>
    public void Free(DevicePointer pointer, StreamHandle stream)
    {
        lock (Order(stream)) Memory.Free(pointer.Address);
    }

    private Lock Order(StreamHandle stream) => _streams.GetOrAdd(stream.Value, static _ => new Lock());

    /// <inheritdoc/>
    public unsafe void CopyToDevice(ReadOnlySpan<byte> source, DevicePointer destination, StreamHandle stream)
    {
        if (source.IsEmpty) return;
        using var order = Order(stream).EnterScope();
        var (region, offset) = Locate(destination, source.Length, "a copy to the card");
        source.CopyTo(new Span<byte>(region.Host + offset, source.Length));
        new Span<byte>(region.States + offset, source.Length).Fill(ByteState.Written);
    }

    /// <inheritdoc/>
    public unsafe void CopyToHost(DevicePointer source, Span<byte> destination, StreamHandle stream)
    {
        if (destination.IsEmpty) return;
        using var order = Order(stream).EnterScope();
        var (region, offset) = Locate(source, destination.Length, "a copy to the host");
        if (!region.IsWritten(offset, destination.Length))
        {
            var at = offset + new ReadOnlySpan<byte>(region.States + offset, destination.Length).IndexOfAnyExcept(ByteState.Written);
            throw new KernelFinding(FindingKind.UninitializedMemory, $"a copy to the host reads byte {at} of {region.What}, which nobody has written");
        }

        new ReadOnlySpan<byte>(region.Host + offset, destination.Length).CopyTo(destination);
    }

    /// <inheritdoc/>
    public unsafe void Copy(DevicePointer source, DevicePointer destination, long byteLength, StreamHandle stream)
    {
        if (byteLength == 0) return;
        using var order = Order(stream).EnterScope();
        var (from, fromOffset) = Locate(source, byteLength, "a copy within the card");
        var (to, toOffset) = Locate(destination, byteLength, "a copy within the card");
        Buffer.MemoryCopy(from.Host + fromOffset, to.Host + toOffset, byteLength, byteLength);
        Buffer.MemoryCopy(from.States + fromOffset, to.States + toOffset, byteLength, byteLength);
    }

    private (Region Region, long Offset) Locate(DevicePointer pointer, long bytes, string what)
    {
        var region = Memory.Find(pointer.Address);
        var offset = region is null ? 0 : (long)(pointer.Address - region.Address);
        if (region is null || region.IsFreed)
        {
            throw new KernelFinding(
                region is null ? FindingKind.OutOfBounds : FindingKind.UseAfterFree,
                $"{what} of {bytes} bytes at 0x{pointer.Address:x}, {(region is null ? "where no allocation is" : $"in {region.What}, which has been freed")}");
        }

        if (offset < 0 || offset > region.Length - bytes)
        {
            throw new KernelFinding(FindingKind.OutOfBounds, $"{what} of {bytes} bytes at byte {offset} of {region.What}, which has {region.Length} bytes");
        }

        return (region, offset);
    }

    /// <inheritdoc/>
    public DeviceModule LoadModule(string ptx)
    {
        try
        {
            var handle = NextHandle();
            _modules[handle] = new LoadedModule(PtxModules.Parse(ptx), Memory, Capability);
            return new DeviceModule(handle);
        }
        catch (PtxSyntaxException e)
        {
            throw new CudaException($"loading a module: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public FunctionHandle GetFunction(DeviceModule module, string name)
    {
        var loaded = _modules[module.Value];
        if (!loaded.Module.Functions.TryGetValue(name, out var function) || !function.IsEntry)
        {
            throw new CudaException($"the module has no kernel {name}; it has {string.Join(", ", loaded.Module.Functions.Values.Where(f => f.IsEntry).Select(f => f.Name))}");
        }

        try
        {
            loaded.Compile(name);
        }
        catch (PtxSyntaxException e)
        {
            throw new CudaException($"compiling {name}: {e.Message}", e);
        }

        var handle = NextHandle();
        _functions[handle] = (loaded, name);
        return new FunctionHandle(handle);
    }

    /// <inheritdoc/>
    public unsafe void Launch(FunctionHandle function, LaunchShape shape, ReadOnlySpan<byte> arguments, StreamHandle stream)
    {
        var (module, name) = _functions[function.Value];
        var program = module.Compile(name);
        Check(program, shape, arguments.Length);
        Region? parameters = null;
        if (arguments.Length > 0)
        {
            parameters = new Region(0, arguments.Length, false, "the parameters") { IsReadOnly = true };
            arguments.CopyTo(new Span<byte>(parameters.Host, arguments.Length));
            new Span<byte>(parameters.States, arguments.Length).Fill(ByteState.Written);
        }

        var blocks = (ulong)shape.GridX * shape.GridY * shape.GridZ;
        uint serial;
        lock (SerialLock)
        {
            serial = _serials;
            _serials = checked(_serials + (uint)blocks + 1);
        }

        var statistics = CollectsStatistics ? _statistics.GetOrAdd(name, _ => new KernelStatistics()) : null;
        var launch = new Launch(program, shape, Memory, parameters, serial, StepLimit, statistics);
        lock (Order(stream)) launch.Run();
        // Steps hold addresses of what these own.
        GC.KeepAlive(module);
        GC.KeepAlive(launch);
        parameters?.Free();
    }

    private static void Check(KernelProgram program, LaunchShape shape, int argumentBytes)
    {
        KernelFinding Finding(FindingKind kind, string message) => new(kind, $"{program.Name}: {message}") { Kernel = program.Name };
        var threads = (ulong)shape.BlockX * shape.BlockY * shape.BlockZ;
        if (threads == 0 || shape.GridX == 0 || shape.GridY == 0 || shape.GridZ == 0) throw Finding(FindingKind.Parameters, $"a launch of {shape} is empty");
        if (shape.GridX > int.MaxValue || shape.GridY > 65535 || shape.GridZ > 65535) throw Finding(FindingKind.Parameters, $"a grid of {shape.GridX} × {shape.GridY} × {shape.GridZ} blocks is beyond 2^31-1 × 65535 × 65535");
        if (threads > ThreadLimit || shape.BlockX > 1024 || shape.BlockY > 1024 || shape.BlockZ > 64) throw Finding(FindingKind.TooManyThreads, $"a block of {threads} threads is beyond the card's {ThreadLimit}");
        if (program.MaxThreads > 0 && threads > (ulong)program.MaxThreads) throw Finding(FindingKind.TooManyThreads, $"a block of {threads} threads is beyond .maxntid's {program.MaxThreads}");
        if (program.RequiredThreads is not null && threads != (ulong)program.MaxThreads) throw Finding(FindingKind.TooManyThreads, $"a block of {threads} threads where .reqntid wants {program.MaxThreads}");
        var shared = program.DeclaredSharedBytes + (ulong)shape.SharedBytes;
        if (shared > SharedLimit) throw Finding(FindingKind.SharedLimit, $"{shared} bytes of shared memory are beyond {SharedLimit}");
        if (argumentBytes != program.ParameterBytes) throw Finding(FindingKind.Parameters, $"{argumentBytes} bytes of arguments where the parameters have {program.ParameterBytes}");
        if (argumentBytes > 4096) throw Finding(FindingKind.Parameters, $"{argumentBytes} bytes of arguments are beyond 4096");
    }

    /// <inheritdoc/>
    public StreamHandle CreateStream() => new(NextHandle());

    /// <inheritdoc/>
    public EventHandle Record(StreamHandle stream) => new(NextHandle());

    /// <inheritdoc/>
    public void Wait(StreamHandle stream, EventHandle mark)
    {
    }

    /// <inheritdoc/>
    public void Synchronize(StreamHandle stream)
    {
    }
}
