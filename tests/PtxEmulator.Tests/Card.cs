using System.Runtime.InteropServices;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;
using PtxEmulator.Checks;

namespace PtxEmulator.Tests;

/// <summary>A card with one module, for tests.</summary>
internal sealed class Card
{
    public Card(string body, string header = "", int capability = 86, long stepLimit = 1_000_000, bool isWhole = false)
    {
        Driver = new EmulatedDriver { Capability = capability, StepLimit = stepLimit };
        Module = Driver.LoadModule(isWhole ? body : (header.Length == 0 ? KernelSource.Header : header) + body);
    }

    public EmulatedDriver Driver { get; }

    public DeviceModule Module { get; }

    /// <summary>A kernel k with one parameter, the address of its results in %rd_out, and a few registers.</summary>
    public static string Kernel(string body, string shared = "", int maxThreads = 1024) => $$"""
        .visible .entry k(.param .u64 k_out)
        .maxntid {{maxThreads}},1,1
        {
            .reg .pred %p<8>;
            .reg .b16 %h<8>;
            .reg .b32 %r<32>;
            .reg .f32 %f<16>;
            .reg .b64 %rd<16>;
            .reg .f64 %d<8>;
            .reg .u32 %t;
            .reg .u64 %out;
            {{shared}}
            ld.param.u64 %out, [k_out];
            mov.u32 %t, %tid.x;
            {{body}}
            ret;
        }
        """;

    public static Card Of(string body, string shared = "", string header = "", int capability = 86, long stepLimit = 1_000_000) =>
        new(Kernel(body, shared), header, capability, stepLimit);

    /// <summary>Runs k over a fresh array and returns it.</summary>
    public T[] Run<T>(int count, int threads = 32, int blocks = 1, T[]? initial = null, uint sharedBytes = 0) where T : unmanaged
    {
        var bytes = count * Marshal.SizeOf<T>();
        var pointer = Driver.Allocate(bytes, default);
        if (initial is not null) Driver.CopyToDevice(MemoryMarshal.AsBytes<T>(initial), pointer, default);
        Launch(pointer, threads, blocks, sharedBytes);
        var result = new T[count];
        Driver.CopyToHost(pointer, MemoryMarshal.AsBytes(result.AsSpan()), default);
        Driver.Free(pointer, default);
        return result;
    }

    public void Launch(DevicePointer pointer, int threads = 32, int blocks = 1, uint sharedBytes = 0)
    {
        var arguments = new KernelArguments();
        arguments.Add(pointer.Address);
        Driver.Launch(Driver.GetFunction(Module, "k"), new LaunchShape((uint)blocks, 1, 1, (uint)threads, 1, 1, sharedBytes), arguments.Bytes, default);
    }

    /// <summary>The finding that running k must end with.</summary>
    public static KernelFinding Finding(Action run) => Assert.Throws<KernelFinding>(run);
}
