using System.Runtime.InteropServices;

namespace Edifice.Engine.Cuda.Interop;

/// <summary>Looks for one of the vendor's shared libraries under the names of every supported CUDA version.</summary>
/// <remarks>No import names a file: the library is resolved here, and the imports are bound to its handle. A machine without
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

    /// <summary>cuBLAS of CUDA 13, then 12.</summary>
    public static IReadOnlyList<string> BlasNames { get; } =
        OperatingSystem.IsWindows() ? ["cublas64_13.dll", "cublas64_12.dll"] : ["libcublas.so.13", "libcublas.so.12"];

    /// <summary>cuFFT of CUDA 13 (its version 12), then of CUDA 12 (its version 11).</summary>
    public static IReadOnlyList<string> FftNames { get; } =
        OperatingSystem.IsWindows() ? ["cufft64_12.dll", "cufft64_11.dll"] : ["libcufft.so.12", "libcufft.so.11"];

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

    private static IEnumerable<string> Folders()
    {
        if (Environment.GetEnvironmentVariable("CUDA_PATH") is { Length: > 0 } root)
        {
            yield return System.IO.Path.Combine(root, OperatingSystem.IsWindows() ? "bin" : "lib64");
        }

        if (OperatingSystem.IsWindows()) yield break;
        yield return "/usr/local/cuda/lib64";
        yield return "/usr/lib/x86_64-linux-gnu";
        yield return "/usr/lib/wsl/lib";
    }
}
