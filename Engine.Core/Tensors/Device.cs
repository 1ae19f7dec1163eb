using Edifice.Engine.Backends;

namespace Edifice.Engine;

/// <summary>The kinds of device a backend can serve.</summary>
public enum DeviceKind : byte
{
    /// <summary>The host processor: the default, and the reference for every other backend.</summary>
    Cpu,

    /// <summary>An NVIDIA card through the CUDA driver.</summary>
    Cuda,
}

/// <summary>Where a tensor's storage lives.</summary>
public sealed record Device(DeviceKind Kind, int Index)
{
    /// <summary>The host processor.</summary>
    public static Device Cpu { get; } = new(DeviceKind.Cpu, 0);

    /// <summary>CUDA card 0.</summary>
    /// <exception cref="DeviceUnavailableException">No CUDA backend serves this process; the message says what was
    /// looked for and not found.</exception>
    public static Device Cuda => CudaAt(0);

    /// <summary>CUDA card <paramref name="index"/>.</summary>
    /// <exception cref="DeviceUnavailableException">As for <see cref="Cuda"/>.</exception>
    public static Device CudaAt(int index)
    {
        var device = new Device(DeviceKind.Cuda, index);
        _ = BackendRegistry.For(device);
        return device;
    }

    /// <inheritdoc/>
    public override string ToString() => Kind == DeviceKind.Cpu ? "cpu" : $"cuda:{Index}";
}
