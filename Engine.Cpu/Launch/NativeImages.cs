using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu;

/// <summary>The files of one program published by NativeAOT for several levels of x64 machines.</summary>
/// <remarks>
/// <para>The ahead-of-time compiler decides about registers when the program is published: an image for every x64 machine has
/// 128 bits and no fused multiply-add, one for <c>x86-64-v3</c> 256 bits, one for <c>x86-64-v4</c> 512, and the latter two
/// do not start on lesser machines. So a program is published once for every machine and, with
/// <c>EdificeNativeLevels</c> in its project, once more per level into folders of these names beside it.</para>
/// <para>The levels are those of the x86-64 psABI. A level counts only where the operating system saves its registers too.</para>
/// </remarks>
public static unsafe class NativeImages
{
    private const string V3 = "x86-64-v3", V4 = "x86-64-v4";

    /// <summary>The highest level this machine has, of <c>x86-64-v4</c>, <c>x86-64-v3</c> and null for none of both (or not
    /// known: where the C library is not glibc 2.33 or later on x64).</summary>
    public static string? MachineLevel
    {
        get
        {
            if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64) return null;
            if (!NativeLibrary.TryLoad("libc.so.6", out var libc) || !NativeLibrary.TryGetExport(libc, "__x86_get_cpuid_feature_leaf", out var address)) return null;
            var leaf = (delegate* unmanaged<uint, CpuFeatures*>)address;
            // Numbers of leaves as in glibc's <sys/platform/x86.h>.
            CpuFeatures* one = leaf(0), seven = leaf(1), extended = leaf(2);
            const uint fma = 1 << 12, movbe = 1 << 22, avx = 1 << 28, f16c = 1 << 29; // leaf 1, ecx
            const uint bmi1 = 1 << 3, avx2 = 1 << 5, bmi2 = 1 << 8; // leaf 7, ebx
            const uint avx512 = 1 << 16 | 1 << 17 | 1 << 28 | 1 << 30 | 1u << 31; // leaf 7, ebx: F, DQ, CD, BW, VL
            const uint lzcnt = 1 << 5; // leaf 80000001, ecx
            var v3 = Has(one->ActiveC, fma | movbe | avx | f16c) && Has(seven->ActiveB, bmi1 | avx2 | bmi2) && Has(extended->ActiveC, lzcnt);
            return !v3 ? null : Has(seven->ActiveB, avx512) ? V4 : V3;
        }
    }

    /// <summary>Goes on in the image for this machine's level, if there is one beside this program: the process becomes that
    /// program, with the same arguments, environment and open files. To be called first in a program.</summary>
    /// <remarks>Returns at once where there is nothing to gain: no such image, a program that is compiled just in time, or
    /// this image already uses the machine's registers.</remarks>
    /// <exception cref="IOException">The image is there and could not be started.</exception>
    public static void RunWidest()
    {
        if (RuntimeFeature.IsDynamicCodeSupported || Isa.Has512 || Environment.ProcessPath is not { } self) return;
        if (MachineLevel is not { } level || (level == V3 && Isa.Has256)) return;
        if (Path.GetFileName(Path.GetDirectoryName(self)) is V3 or V4) return;
        foreach (var candidate in level == V4 ? (ReadOnlySpan<string>)[V4, V3] : [V3])
        {
            var image = Path.Combine(Path.GetDirectoryName(self)!, candidate, Path.GetFileName(self));
            if (!File.Exists(image)) continue;
            Become(image);
            throw new IOException($"{image} could not be started: error {Marshal.GetLastSystemError()}");
        }
    }

    private static void Become(string image)
    {
        if (!NativeLibrary.TryLoad("libc.so.6", out var libc) || !NativeLibrary.TryGetExport(libc, "execv", out var address)) return;
        var arguments = Environment.GetCommandLineArgs();
        var texts = (byte**)NativeMemory.AllocZeroed((nuint)arguments.Length + 1, (nuint)sizeof(byte*));
        for (var i = 0; i < arguments.Length; i++) texts[i] = CString(arguments[i]);
        ((delegate* unmanaged<byte*, byte**, int>)address)(CString(image), texts);
    }

    // Never freed: the process ends or throws.
    private static byte* CString(string text) => (byte*)Marshal.StringToCoTaskMemUTF8(text);

    private static bool Has(uint register, uint bits) => (register & bits) == bits;

    /// <summary>What a CPUID leaf says (eax, ebx, ecx, edx), and which of it may be used.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct CpuFeatures
    {
        public uint A, B, C, D;
        public uint ActiveA, ActiveB, ActiveC, ActiveD;
    }
}
