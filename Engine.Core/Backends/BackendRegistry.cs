namespace Edifice.Engine.Backends;

/// <summary>The backends this process has. Core names none of them: each registers itself.</summary>
public static class BackendRegistry
{
    private static IBackend? s_cpu;
    private static readonly Dictionary<Device, Lazy<IBackend>> s_others = [];
    private static readonly Dictionary<DeviceKind, Lazy<string?>> s_sources = [];
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

        Register(backend.Device, () => backend);
    }

    /// <summary>As <see cref="Register(IBackend)"/> for a device that costs something to open: it is opened when it is first asked for.</summary>
    public static void Register(Device device, Func<IBackend> open)
    {
        lock (s_lock) s_others[device] = new Lazy<IBackend>(open);
    }

    /// <summary>Names who brings the backends of a kind of device into this process. It is called once, when such a device is first
    /// asked for, so that a program that asks for none loads nothing.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="open">Registers the backends there are; null, or why there are none.</param>
    public static void RegisterSource(DeviceKind kind, Func<string?> open)
    {
        lock (s_lock) s_sources[kind] = new Lazy<string?>(open);
    }

    /// <summary>The devices that have a backend.</summary>
    public static IReadOnlyList<Device> Devices
    {
        get
        {
            _ = Absence(DeviceKind.Cuda);
            lock (s_lock) return [.. s_cpu is null ? Array.Empty<Device>() : [Device.Cpu], .. s_others.Keys];
        }
    }

    /// <summary>Why a kind of device is missing, or null when it is there.</summary>
    public static string? WhyAbsent(DeviceKind kind)
    {
        var absence = Absence(kind);
        lock (s_lock)
        {
            return (kind == DeviceKind.Cpu ? s_cpu is not null : s_others.Keys.Any(d => d.Kind == kind)) ? null : absence;
        }
    }

    internal static IBackend For(Device device)
    {
        if (device.Kind == DeviceKind.Cpu && s_cpu is { } cpu) return cpu;
        if (Find(device) is { } known) return known;
        var absence = Absence(device.Kind);
        return Find(device) ?? throw new DeviceUnavailableException($"{device} is not available: {absence ?? $"there are {string.Join(", ", Devices)}"}");
    }

    private static IBackend? Find(Device device)
    {
        Lazy<IBackend>? backend;
        lock (s_lock) backend = s_others.GetValueOrDefault(device);
        return backend?.Value;
    }

    /// <summary>Asks the source of a kind, once, outside the lock: it registers backends.</summary>
    private static string? Absence(DeviceKind kind)
    {
        Lazy<string?>? source;
        lock (s_lock) source = s_sources.GetValueOrDefault(kind);
        return source is null ? $"no {kind} backend is linked: reference Edifice.Engine.{kind} and call {kind}Backend.Register()" : source.Value;
    }
}
