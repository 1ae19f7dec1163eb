using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Edifice.Bench.Libtorch;

/// <summary>What libtorch says of itself.</summary>
internal static class Library
{
    /// <summary>Its version and the instruction set its own kernels chose.</summary>
    public static string Describe() => $"libtorch {__version__}, its kernels on {InstructionSet()}, matrix products by its MKL";

    /// <summary>libtorch exports the answer to C++ only: a string is returned through a hidden pointer (Itanium ABI), and begins
    /// with a pointer to its characters and their number.</summary>
    private static unsafe string InstructionSet()
    {
        const string Symbol = "_ZN2at18get_cpu_capabilityB5cxx11Ev";
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64 ||
            !NativeLibrary.TryLoad("libtorch_cpu.so", typeof(TorchSharp.torch).Assembly, null, out var library) || !NativeLibrary.TryGetExport(library, Symbol, out var address))
            return "an unknown instruction set";
        var text = stackalloc byte[64];
        ((delegate* unmanaged[Cdecl]<byte*, byte*>)address)(text);
        return new string(*(sbyte**)text, 0, (int)*(long*)(text + 8));
    }
}
