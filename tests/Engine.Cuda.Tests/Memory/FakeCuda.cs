using System.Runtime.InteropServices;
using System.Text;
using Edifice.Engine.Cuda.Interop;

namespace Edifice.Engine.Cuda.Tests.Memory;

/// <summary>A driver in host memory, behind the very addresses the vendor's would have: it runs no kernels, but it runs out of memory,
/// refuses, and loses its context when told to. One state for the process, so its tests take turns.</summary>
internal static unsafe class FakeCuda
{
    public const string CollectionName = "the made-up driver";

    private static readonly Dictionary<ulong, long> s_blocks = [];
    private static readonly Lock s_lock = new();
    private static readonly Dictionary<int, nint> s_texts = [];

    public static int DriverVersion { get; set; }

    public static int Cards { get; set; }

    public static int Major { get; set; }

    /// <summary>Bytes on the card.</summary>
    public static long Capacity { get; set; }

    /// <summary>What waiting returns.</summary>
    public static int WaitStatus { get; set; }

    /// <summary>What compiling returns, with this log.</summary>
    public static (int Status, string Log) Compilation { get; set; }

    /// <summary>The parameters of the last launch.</summary>
    public static byte[] LastArguments { get; private set; } = [];

    public static int Resets { get; private set; }

    public static int Blocks
    {
        get
        {
            lock (s_lock) return s_blocks.Count;
        }
    }

    public static long Held
    {
        get
        {
            lock (s_lock) return s_blocks.Values.Sum();
        }
    }

    /// <summary>A card in order.</summary>
    public static void Begin()
    {
        (DriverVersion, Cards, Major, Capacity, WaitStatus, Compilation, Resets) = (12040, 1, 8, 1 << 20, 0, (0, ""), 0);
        FreeAll();
    }

    public static CudaApi Api { get; } = new()
    {
        Init = &Init, DriverGetVersion = &GetVersion, DeviceGetCount = &GetCount, DeviceGet = &DeviceGet, DeviceGetName = &GetName,
        DeviceGetAttribute = &GetAttribute, DeviceTotalMem = &TotalMem, DevicePrimaryCtxRetain = &Retain, DevicePrimaryCtxRelease = &Release,
        DevicePrimaryCtxReset = &Reset, CtxSetCurrent = &SetCurrent, MemGetInfo = &GetInfo, MemAlloc = &Alloc, MemFree = &Free,
        MemHostAlloc = &HostAlloc, MemFreeHost = &FreeHost, MemcpyHtoDAsync = &ToDevice, MemcpyDtoHAsync = &ToHost, MemcpyDtoDAsync = &Within,
        ModuleLoadDataEx = &LoadModule, ModuleGetFunction = &GetFunction, FuncSetAttribute = &SetAttribute, LaunchKernel = &Launch,
        StreamCreate = &Create, StreamSynchronize = &Wait, StreamWaitEvent = &WaitEvent, EventCreate = &Create, EventRecord = &Record,
        EventSynchronize = &Wait, EventDestroy = &Destroy, GetErrorName = &ErrorName, GetErrorString = &ErrorText,
    };

    private static void FreeAll()
    {
        lock (s_lock)
        {
            foreach (var block in s_blocks.Keys) NativeMemory.Free((void*)block);
            s_blocks.Clear();
        }
    }

    [UnmanagedCallersOnly]
    private static int Init(uint flags) => 0;

    [UnmanagedCallersOnly]
    private static int GetVersion(int* version)
    {
        *version = DriverVersion;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int GetCount(int* count)
    {
        *count = Cards;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int DeviceGet(int* device, int ordinal)
    {
        *device = ordinal;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int GetName(byte* name, int length, int device)
    {
        Encoding.UTF8.GetBytes("Made-up card\0").CopyTo(new Span<byte>(name, length));
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int GetAttribute(int* value, int attribute, int device)
    {
        *value = attribute == CudaCodes.ComputeCapabilityMajor ? Major : 0;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int TotalMem(nuint* bytes, int device)
    {
        *bytes = (nuint)Capacity;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int Retain(nint* context, int device)
    {
        *context = 1;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int Release(int device) => 0;

    [UnmanagedCallersOnly]
    private static int Reset(int device)
    {
        Resets++;
        WaitStatus = 0;
        FreeAll();
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int SetCurrent(nint context) => 0;

    [UnmanagedCallersOnly]
    private static int GetInfo(nuint* free, nuint* total)
    {
        (*free, *total) = ((nuint)(Capacity - Held), (nuint)Capacity);
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int Alloc(ulong* address, nuint bytes)
    {
        lock (s_lock)
        {
            if (s_blocks.Values.Sum() + (long)bytes > Capacity) return CudaCodes.OutOfMemory;
            *address = (ulong)NativeMemory.Alloc(bytes);
            s_blocks[*address] = (long)bytes;
            return 0;
        }
    }

    [UnmanagedCallersOnly]
    private static int Free(ulong address)
    {
        lock (s_lock)
        {
            if (!s_blocks.Remove(address)) return 1;
            NativeMemory.Free((void*)address);
            return 0;
        }
    }

    [UnmanagedCallersOnly]
    private static int HostAlloc(void** memory, nuint bytes, uint flags)
    {
        *memory = NativeMemory.Alloc(bytes);
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int FreeHost(void* memory)
    {
        NativeMemory.Free(memory);
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int ToDevice(ulong to, void* from, nuint bytes, nint stream)
    {
        NativeMemory.Copy(from, (void*)to, bytes);
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int ToHost(void* to, ulong from, nuint bytes, nint stream)
    {
        NativeMemory.Copy((void*)from, to, bytes);
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int Within(ulong to, ulong from, nuint bytes, nint stream)
    {
        NativeMemory.Copy((void*)from, (void*)to, bytes);
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int LoadModule(nint* module, void* image, uint count, int* options, void** values)
    {
        *module = 1;
        for (var i = 0; i < count; i++)
            if (options[i] == CudaCodes.JitErrorLog) Encoding.UTF8.GetBytes(Compilation.Log + '\0').CopyTo(new Span<byte>(values[i], (int)(nint)values[i + 1]));
        return Compilation.Status;
    }

    [UnmanagedCallersOnly]
    private static int GetFunction(nint* function, nint module, byte* name)
    {
        *function = 1;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int SetAttribute(nint function, int attribute, int value) => 0;

    [UnmanagedCallersOnly]
    private static int Launch(nint function, uint gx, uint gy, uint gz, uint bx, uint by, uint bz, uint shared, nint stream, void** parameters, void** extra)
    {
        for (; (nint)extra[0] != CudaCodes.LaunchEnd; extra += 2)
            if ((nint)extra[0] == CudaCodes.LaunchBuffer) LastArguments = new Span<byte>(extra[1], (int)*(nuint*)extra[3]).ToArray();
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int Create(nint* made, uint flags)
    {
        *made = 1;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int Wait(nint what) => WaitStatus;

    [UnmanagedCallersOnly]
    private static int WaitEvent(nint stream, nint mark, uint flags) => 0;

    [UnmanagedCallersOnly]
    private static int Record(nint mark, nint stream) => 0;

    [UnmanagedCallersOnly]
    private static int Destroy(nint mark) => 0;

    [UnmanagedCallersOnly]
    private static int ErrorName(int status, byte** text)
    {
        *text = (byte*)Text(status);
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int ErrorText(int status, byte** text)
    {
        *text = (byte*)Text(status);
        return 0;
    }

    private static nint Text(int status)
    {
        lock (s_lock) return s_texts.TryGetValue(status, out var text) ? text : s_texts[status] = Marshal.StringToCoTaskMemUTF8($"CUDA_ERROR_{status}");
    }
}
