namespace Edifice.Engine.Backends;

/// <summary>The backends this process has. Core names none of them: each registers itself.</summary>
public static class BackendRegistry
{
    private static IBackend? s_cpu;
    private static readonly Dictionary<Device, IBackend> s_others = [];
    private static readonly Dictionary<DeviceKind, Func<string>> s_absences = [];
    private static readonly Lock s_lock = new();

    /// <summary>Makes a backend serve its device; a later registration replaces an earlier one.</summary>
    public static void Register(IBackend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        if (backend.Device == Device.Cpu)
        {
            s_cpu = backend;
            return;
        }

        lock (s_lock) s_others[backend.Device] = backend;
    }

    /// <summary>Registers the explanation why a kind of device cannot be had in this process.</summary>
    public static void RegisterAbsence(DeviceKind kind, Func<string> reason)
    {
        lock (s_lock) s_absences[kind] = reason;
    }

    /// <summary>The devices that have a backend.</summary>
    public static IReadOnlyList<Device> Devices
    {
        get
        {
            lock (s_lock) return [.. s_cpu is null ? Array.Empty<Device>() : [Device.Cpu], .. s_others.Keys];
        }
    }

    /// <summary>Why a kind of device is missing, or null when it is there.</summary>
    public static string? WhyAbsent(DeviceKind kind)
    {
        lock (s_lock)
        {
            if (kind == DeviceKind.Cpu ? s_cpu is not null : s_others.Keys.Any(d => d.Kind == kind)) return null;
            return s_absences.TryGetValue(kind, out var reason)
                ? reason()
                : $"no {kind} backend is linked: reference Edifice.Engine.{kind} and call {kind}Backend.Register()";
        }
    }

    internal static IBackend For(Device device)
    {
        if (device.Kind == DeviceKind.Cpu && s_cpu is { } cpu) return cpu;
        lock (s_lock)
        {
            if (s_others.TryGetValue(device, out var backend)) return backend;
        }

        throw new DeviceUnavailableException($"{device} is not available: {WhyAbsent(device.Kind) ?? "no such index"}");
    }
}
