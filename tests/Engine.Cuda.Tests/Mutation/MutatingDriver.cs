using System.Collections.Concurrent;
using Edifice.Engine.Cuda.Driver;

namespace Edifice.Engine.Cuda.Tests.Mutation;

/// <summary>A card on which one module may be replaced by another text, and which notes the modules that are launched. Modules are
/// compiled once, whoever loads them.</summary>
internal sealed class MutatingDriver(ICudaDriver driver) : ICudaDriver
{
    private readonly ConcurrentDictionary<string, DeviceModule> _modules = new();
    private readonly ConcurrentDictionary<DeviceModule, string> _texts = new();
    private readonly ConcurrentDictionary<FunctionHandle, string> _functions = new();

    /// <summary>The module to be replaced, and by what.</summary>
    public (string Original, string Mutated)? Replacement { get; set; }

    /// <summary>The texts of the modules that were launched.</summary>
    public HashSet<string> Launched { get; } = [];

    public (string Name, int Major, int Minor, long MemoryBytes, int DriverVersion) Describe() => driver.Describe();

    public DevicePointer Allocate(long byteLength, StreamHandle stream) => driver.Allocate(byteLength, stream);

    public void Free(DevicePointer pointer, StreamHandle stream) => driver.Free(pointer, stream);

    public void CopyToDevice(ReadOnlySpan<byte> source, DevicePointer destination, StreamHandle stream) => driver.CopyToDevice(source, destination, stream);

    public void CopyToHost(DevicePointer source, Span<byte> destination, StreamHandle stream) => driver.CopyToHost(source, destination, stream);

    public void Copy(DevicePointer source, DevicePointer destination, long byteLength, StreamHandle stream) => driver.Copy(source, destination, byteLength, stream);

    public DeviceModule LoadModule(string ptx)
    {
        if (Replacement is { } r && r.Original == ptx) return driver.LoadModule(r.Mutated);
        var module = _modules.GetOrAdd(ptx, driver.LoadModule);
        _texts[module] = ptx;
        return module;
    }

    public FunctionHandle GetFunction(DeviceModule module, string name)
    {
        var function = driver.GetFunction(module, name);
        if (_texts.TryGetValue(module, out var text)) _functions[function] = text;
        return function;
    }

    public void Launch(FunctionHandle function, LaunchShape shape, ReadOnlySpan<byte> arguments, StreamHandle stream)
    {
        if (_functions.TryGetValue(function, out var text)) Launched.Add(text);
        driver.Launch(function, shape, arguments, stream);
    }

    public StreamHandle CreateStream() => driver.CreateStream();

    public EventHandle Record(StreamHandle stream) => driver.Record(stream);

    public void Wait(StreamHandle stream, EventHandle mark) => driver.Wait(stream, mark);

    public void Synchronize(StreamHandle stream) => driver.Synchronize(stream);
}
