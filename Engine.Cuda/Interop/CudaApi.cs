using System.Runtime.InteropServices;

namespace Edifice.Engine.Cuda.Interop;

/// <summary>The driver's functions in use, under the vendor's names, as addresses.</summary>
/// <remarks>Addresses instead of imports: the library is the one that <see cref="LibraryProbe"/> found, whatever its name; a function it
/// lacks is named when it is loaded, not when it is called; and the tests put a driver of their own in their place. The suffix _v2
/// belongs to the name in the library, where an older function of the plain name is kept for old programs.</remarks>
internal sealed unsafe class CudaApi
{
    public delegate* unmanaged<uint, int> Init;
    public delegate* unmanaged<int*, int> DriverGetVersion;
    public delegate* unmanaged<int*, int> DeviceGetCount;
    public delegate* unmanaged<int*, int, int> DeviceGet;
    public delegate* unmanaged<byte*, int, int, int> DeviceGetName;
    public delegate* unmanaged<int*, int, int, int> DeviceGetAttribute;
    public delegate* unmanaged<nuint*, int, int> DeviceTotalMem;
    public delegate* unmanaged<nint*, int, int> DevicePrimaryCtxRetain;
    public delegate* unmanaged<int, int> DevicePrimaryCtxRelease;
    public delegate* unmanaged<int, int> DevicePrimaryCtxReset;
    public delegate* unmanaged<nint, int> CtxSetCurrent;
    public delegate* unmanaged<nuint*, nuint*, int> MemGetInfo;
    public delegate* unmanaged<ulong*, nuint, int> MemAlloc;
    public delegate* unmanaged<ulong, int> MemFree;
    public delegate* unmanaged<void**, nuint, uint, int> MemHostAlloc;
    public delegate* unmanaged<void*, int> MemFreeHost;
    public delegate* unmanaged<ulong, void*, nuint, nint, int> MemcpyHtoDAsync;
    public delegate* unmanaged<void*, ulong, nuint, nint, int> MemcpyDtoHAsync;
    public delegate* unmanaged<ulong, ulong, nuint, nint, int> MemcpyDtoDAsync;
    public delegate* unmanaged<nint*, void*, uint, int*, void**, int> ModuleLoadDataEx;
    public delegate* unmanaged<nint*, nint, byte*, int> ModuleGetFunction;
    public delegate* unmanaged<nint, int, int, int> FuncSetAttribute;
    public delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> LaunchKernel;
    public delegate* unmanaged<nint*, uint, int> StreamCreate;
    public delegate* unmanaged<nint, int> StreamSynchronize;
    public delegate* unmanaged<nint, nint, uint, int> StreamWaitEvent;
    public delegate* unmanaged<nint*, uint, int> EventCreate;
    public delegate* unmanaged<nint, nint, int> EventRecord;
    public delegate* unmanaged<nint, int> EventSynchronize;
    public delegate* unmanaged<nint, int> EventDestroy;
    public delegate* unmanaged<int, byte**, int> GetErrorName;
    public delegate* unmanaged<int, byte**, int> GetErrorString;

    /// <summary>Looks the functions up in a loaded driver library.</summary>
    /// <exception cref="CudaException">It lacks one.</exception>
    public static CudaApi Load(LibraryProbe library)
    {
        void* At(string name) => library.Function(name, "the driver is older than CUDA 11.0: update it");
        return new CudaApi
        {
            Init = (delegate* unmanaged<uint, int>)At("cuInit"),
            DriverGetVersion = (delegate* unmanaged<int*, int>)At("cuDriverGetVersion"),
            DeviceGetCount = (delegate* unmanaged<int*, int>)At("cuDeviceGetCount"),
            DeviceGet = (delegate* unmanaged<int*, int, int>)At("cuDeviceGet"),
            DeviceGetName = (delegate* unmanaged<byte*, int, int, int>)At("cuDeviceGetName"),
            DeviceGetAttribute = (delegate* unmanaged<int*, int, int, int>)At("cuDeviceGetAttribute"),
            DeviceTotalMem = (delegate* unmanaged<nuint*, int, int>)At("cuDeviceTotalMem_v2"),
            DevicePrimaryCtxRetain = (delegate* unmanaged<nint*, int, int>)At("cuDevicePrimaryCtxRetain"),
            DevicePrimaryCtxRelease = (delegate* unmanaged<int, int>)At("cuDevicePrimaryCtxRelease_v2"),
            DevicePrimaryCtxReset = (delegate* unmanaged<int, int>)At("cuDevicePrimaryCtxReset_v2"),
            CtxSetCurrent = (delegate* unmanaged<nint, int>)At("cuCtxSetCurrent"),
            MemGetInfo = (delegate* unmanaged<nuint*, nuint*, int>)At("cuMemGetInfo_v2"),
            MemAlloc = (delegate* unmanaged<ulong*, nuint, int>)At("cuMemAlloc_v2"),
            MemFree = (delegate* unmanaged<ulong, int>)At("cuMemFree_v2"),
            MemHostAlloc = (delegate* unmanaged<void**, nuint, uint, int>)At("cuMemHostAlloc"),
            MemFreeHost = (delegate* unmanaged<void*, int>)At("cuMemFreeHost"),
            MemcpyHtoDAsync = (delegate* unmanaged<ulong, void*, nuint, nint, int>)At("cuMemcpyHtoDAsync_v2"),
            MemcpyDtoHAsync = (delegate* unmanaged<void*, ulong, nuint, nint, int>)At("cuMemcpyDtoHAsync_v2"),
            MemcpyDtoDAsync = (delegate* unmanaged<ulong, ulong, nuint, nint, int>)At("cuMemcpyDtoDAsync_v2"),
            ModuleLoadDataEx = (delegate* unmanaged<nint*, void*, uint, int*, void**, int>)At("cuModuleLoadDataEx"),
            ModuleGetFunction = (delegate* unmanaged<nint*, nint, byte*, int>)At("cuModuleGetFunction"),
            FuncSetAttribute = (delegate* unmanaged<nint, int, int, int>)At("cuFuncSetAttribute"),
            LaunchKernel = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)At("cuLaunchKernel"),
            StreamCreate = (delegate* unmanaged<nint*, uint, int>)At("cuStreamCreate"),
            StreamSynchronize = (delegate* unmanaged<nint, int>)At("cuStreamSynchronize"),
            StreamWaitEvent = (delegate* unmanaged<nint, nint, uint, int>)At("cuStreamWaitEvent"),
            EventCreate = (delegate* unmanaged<nint*, uint, int>)At("cuEventCreate"),
            EventRecord = (delegate* unmanaged<nint, nint, int>)At("cuEventRecord"),
            EventSynchronize = (delegate* unmanaged<nint, int>)At("cuEventSynchronize"),
            EventDestroy = (delegate* unmanaged<nint, int>)At("cuEventDestroy_v2"),
            GetErrorName = (delegate* unmanaged<int, byte**, int>)At("cuGetErrorName"),
            GetErrorString = (delegate* unmanaged<int, byte**, int>)At("cuGetErrorString"),
        };
    }

    /// <summary>A status in the driver's own words.</summary>
    public string Describe(int status)
    {
        byte* name = null, text = null;
        _ = GetErrorName(status, &name);
        _ = GetErrorString(status, &text);
        return name is null ? $"status {status}" : $"{Marshal.PtrToStringUTF8((nint)name)}: {Marshal.PtrToStringUTF8((nint)text)}";
    }
}

/// <summary>Statuses and options of the driver that are told apart here.</summary>
internal static class CudaCodes
{
    public const int Success = 0, OutOfMemory = 2;

    /// <summary>Statuses after which a context takes no more work.</summary>
    public static bool LosesContext(int status) => status is 214 or 220 or 700 or 702 or 709 or 710 or (>= 714 and <= 719) or 999;

    /// <summary>Of cuDeviceGetAttribute.</summary>
    public const int ComputeCapabilityMajor = 75, ComputeCapabilityMinor = 76;

    /// <summary>Of cuModuleLoadDataEx.</summary>
    public const int JitInfoLog = 3, JitInfoLogBytes = 4, JitErrorLog = 5, JitErrorLogBytes = 6;

    /// <summary>Of cuLaunchKernel's last argument: parameters as one run of bytes.</summary>
    public const int LaunchEnd = 0, LaunchBuffer = 1, LaunchBufferSize = 2;

    /// <summary>Of cuFuncSetAttribute.</summary>
    public const int MaxDynamicSharedBytes = 8;

    /// <summary>A stream that does not wait for the default stream.</summary>
    public const uint StreamNonBlocking = 1;

    /// <summary>An event without a clock, which costs less.</summary>
    public const uint EventDisableTiming = 2;
}
