using System.Runtime.InteropServices;
using Edifice.Engine;
using static TorchSharp.torch;
using Tensor = Edifice.Engine.Tensor;

namespace Edifice.Bench.Measure;

/// <summary>Data for libtorch, and what it says of itself.</summary>
internal static class Libtorch
{
    /// <summary>A shape as libtorch has it.</summary>
    public static long[] Sizes(Shape shape) => Array.ConvertAll(shape.AsSpan().ToArray(), n => (long)n);

    /// <summary>The same values as a tensor of libtorch's.</summary>
    public static TorchSharp.torch.Tensor Twin(this Tensor t)
    {
        var shape = Sizes(t.Shape);
        using var scope = Tensor.Scope();
        var row = t.Detach().Contiguous();
        return t.DType switch
        {
            DType.Float32 => tensor(row.ToArray<float>(), shape),
            DType.Float64 => tensor(row.ToArray<double>(), shape),
            DType.Int64 => tensor(row.ToArray<long>(), shape),
            _ => throw new NotSupportedException($"no twin for {t.DType}"),
        };
    }

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
