namespace Edifice.Engine.Cuda.Interop;

/// <summary>Finds the cards of this machine that the kernels run on, and registers a backend for each.</summary>
internal static unsafe class InstalledCards
{
    /// <summary>What the kernels are written for: PTX 7.0 for sm_70.</summary>
    private const int LeastDriver = 11000, LeastMajor = 7;

    /// <summary>Registers the cards.</summary>
    /// <returns>Null, or why there are none.</returns>
    public static string? Open(LibraryProbe driver)
    {
        if (driver.Handle == 0)
            return $"no CUDA driver was found on this machine (tried {string.Join(", ", driver.Tried)}); install the card's driver, or use Device.Cpu";
        try
        {
            return Open(CudaApi.Load(driver));
        }
        catch (CudaException e)
        {
            return $"the CUDA driver is here ({driver.Path}), but: {e.Message}; use Device.Cpu";
        }
    }

    /// <summary>As <see cref="Open(LibraryProbe)"/>, from a loaded driver.</summary>
    public static string? Open(CudaApi api)
    {
        const string Way = "use Device.Cpu";
        int version, count;
        if (api.Init(0) is not CudaCodes.Success and var failed) return $"the CUDA driver does not start ({api.Describe(failed)}); {Way}";
        if (api.DriverGetVersion(&version) != CudaCodes.Success) return $"the CUDA driver does not tell its version; {Way}";
        if (version < LeastDriver)
            return $"the driver is for CUDA {version / 1000}.{version % 1000 / 10}, and the kernels are PTX 7.0, which needs CUDA 11.0 (driver 450) or later: update the driver, or {Way}";
        if (api.DeviceGetCount(&count) is not CudaCodes.Success and var uncounted) return $"the CUDA driver does not list its cards ({api.Describe(uncounted)}); {Way}";
        if (count == 0) return $"the CUDA driver is here, but there is no card (CUDA_VISIBLE_DEVICES may hide them); {Way}";
        var refused = new List<string>();
        for (var i = 0; i < count; i++)
        {
            if (Obstacle(api, i) is { } obstacle)
            {
                refused.Add(obstacle);
                continue;
            }

            var ordinal = i;
            NativeDriver? opened = null;
            CudaBackend.Register(ordinal, () =>
            {
                opened?.Reset();
                opened = new NativeDriver(api, ordinal);
                return new CudaBackend(opened, new NativeBlas(opened), new NativeFourier(opened), ordinal, keepsMemory: true);
            });
        }

        return refused.Count == count ? $"{string.Join("; ", refused)}; {Way}" : null;
    }

    private static string? Obstacle(CudaApi api, int ordinal)
    {
        int device, major = 0, minor = 0;
        var status = api.DeviceGet(&device, ordinal);
        if (status == CudaCodes.Success) status = api.DeviceGetAttribute(&major, CudaCodes.ComputeCapabilityMajor, device);
        if (status == CudaCodes.Success) status = api.DeviceGetAttribute(&minor, CudaCodes.ComputeCapabilityMinor, device);
        if (status != CudaCodes.Success) return $"card {ordinal} cannot be asked what it is ({api.Describe(status)})";
        return major < LeastMajor ? $"card {ordinal} is sm_{major}{minor}, and the kernels need sm_70 (Volta) or later" : null;
    }
}
