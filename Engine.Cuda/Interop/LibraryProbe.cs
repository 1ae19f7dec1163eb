using System.Runtime.InteropServices;

namespace Edifice.Engine.Cuda.Interop;

/// <summary>Looks for one of the vendor's shared libraries under the names of every supported CUDA version.</summary>
/// <remarks>No import names a file: the library is resolved here, and functions are looked up in its handle. A machine without
/// it is a normal state, so the outcome is a value that says what was tried.</remarks>
internal sealed class LibraryProbe
{
    private LibraryProbe(nint handle, string? path, IReadOnlyList<string> tried)
    {
        Handle = handle;
        Path = path;
        Tried = tried;
    }

    /// <summary>The loaded library, or 0.</summary>
    public nint Handle { get; }

    /// <summary>The name or path that loaded, or null.</summary>
    public string? Path { get; }

    /// <summary>Every name and path tried, in order.</summary>
    public IReadOnlyList<string> Tried { get; }

    /// <summary>The driver library: installed with the card's driver, never with the toolkit.</summary>
    public static IReadOnlyList<string> DriverNames { get; } =
        OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so"];

    /// <summary>cuBLAS of the CUDA versions that a driver serves, the newest first.</summary>
    public static IReadOnlyList<string> BlasNames(int driverMajor) => Names("cublas", driverMajor, cuda => cuda);

    /// <summary>cuFFT likewise; its own version is one behind CUDA's.</summary>
    public static IReadOnlyList<string> FourierNames(int driverMajor) => Names("cufft", driverMajor, cuda => cuda - 1);

    /// <summary>Tries each name by the system's own search, then in the usual folders.</summary>
    public static LibraryProbe Find(IReadOnlyList<string> names)
    {
        var tried = new List<string>();
        foreach (var name in names)
        {
            tried.Add(name);
            if (NativeLibrary.TryLoad(name, out var handle)) return new LibraryProbe(handle, name, tried);
        }

        foreach (var folder in Folders())
            foreach (var name in names)
            {
                var path = System.IO.Path.Combine(folder, name);
                tried.Add(path);
                if (File.Exists(path) && NativeLibrary.TryLoad(path, out var handle)) return new LibraryProbe(handle, path, tried);
            }

        return new LibraryProbe(0, null, tried);
    }

    /// <summary>The address of a function of the library.</summary>
    /// <exception cref="CudaException">The library lacks it, which means what <paramref name="then"/> says.</exception>
    public unsafe void* Function(string name, string then) => NativeLibrary.TryGetExport(Handle, name, out var address)
        ? (void*)address
        : throw new CudaException($"{Path} has no function {name}: {then}");

    private static string[] Names(string library, int driverMajor, Func<int, int> version)
    {
        int[] majors = [.. new[] { 13, 12, 11 }.Where(cuda => cuda <= driverMajor)];
        return [.. majors.Select(cuda => OperatingSystem.IsWindows() ? $"{library}64_{version(cuda)}.dll" : $"lib{library}.so.{version(cuda)}")];
    }

    private static IEnumerable<string> Folders()
    {
        if (Environment.GetEnvironmentVariable("CUDA_PATH") is { Length: > 0 } root)
        {
            if (!OperatingSystem.IsWindows()) yield return System.IO.Path.Combine(root, "lib64");
            else
            {
                yield return System.IO.Path.Combine(root, "bin");
                yield return System.IO.Path.Combine(root, "bin", "x64");
            }
        }

        if (OperatingSystem.IsWindows()) yield break;
        yield return "/usr/local/cuda/lib64";
        yield return "/usr/lib/x86_64-linux-gnu";
        yield return "/usr/lib64";
        yield return "/usr/lib/wsl/lib";
    }
}
