using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Interop;

namespace Edifice.Engine.Cuda;

/// <summary>The entry to the CUDA backend. In this version it looks for the driver and says what it found; the kernels behind
/// <see cref="Driver.ICudaDriver"/> are not built yet, so no device is registered.</summary>
public static class CudaBackend
{
    /// <summary>Makes <see cref="Device.Cuda"/> explain what was looked for and not found. Safe to call on any machine and
    /// more than once; nothing is loaded before somebody asks for the device.</summary>
    public static void Register() => BackendRegistry.RegisterAbsence(DeviceKind.Cuda, Explain);

    internal static string Explain() => Explain(LibraryProbe.Find(LibraryProbe.DriverNames));

    internal static string Explain(LibraryProbe driver) => driver.Handle == 0
        ? $"no CUDA driver was found on this machine (tried {string.Join(", ", driver.Tried)}); install the card's driver, or use Device.Cpu"
        : $"the CUDA driver is here ({driver.Path}), but this version of Edifice.Engine.Cuda has no kernels yet: use Device.Cpu";
}
