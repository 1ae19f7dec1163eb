using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu;

/// <summary>The SIMD CPU backend: the default, and the reference the others are held to. One file per kernel family.</summary>
public sealed partial class CpuBackend : IBackend
{
    private CpuBackend() { }

    /// <summary>The backend of this process.</summary>
    public static CpuBackend Instance { get; } = new();

    /// <summary>Makes the CPU the device of new tensors. Programs that link this library as a package or through the
    /// solution call it before their first line without writing it.</summary>
    public static void Register() => BackendRegistry.Register(Instance);

    /// <summary>How many threads share the work of one kernel; results do not depend on it.</summary>
    public static int Threads
    {
        get => WorkerPool.Threads;
        set => WorkerPool.Threads = value;
    }

    /// <inheritdoc/>
    public Device Device => Device.Cpu;

    /// <inheritdoc/>
    public string Description => $"{InstructionSet}, {Threads} threads";

    /// <summary>The widest instruction set the kernels use on this machine.</summary>
    public static string InstructionSet =>
        Isa.Has512 ? "AVX-512" : Isa.Has256 ? "AVX2+FMA" : Vector128.IsHardwareAccelerated ? "128-bit SIMD" : "scalar";

    /// <inheritdoc/>
    public Storage Allocate(long byteLength) => CpuStorage.Allocate(byteLength);

    /// <inheritdoc/>
    public void Read(Storage source, long byteOffset, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(source);
        MemoryMarshal.CreateReadOnlySpan(ref System.Runtime.CompilerServices.Unsafe.Add(ref source.HostData, (nint)byteOffset), destination.Length)
            .CopyTo(destination);
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> source, Storage destination, long byteOffset)
    {
        ArgumentNullException.ThrowIfNull(destination);
        source.CopyTo(MemoryMarshal.CreateSpan(
            ref System.Runtime.CompilerServices.Unsafe.Add(ref destination.HostData, (nint)byteOffset), source.Length));
    }
}
