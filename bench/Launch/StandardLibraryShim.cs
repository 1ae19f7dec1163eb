using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Edifice.Bench.Launch;

/// <summary>Lets TorchSharp's native library load on Linux hosts whose libstdc++ is older than GCC 13's.</summary>
/// <remarks>That library asks for the symbol version GLIBCXX_3.4.32 for one symbol only, the empty iostream initialiser. The
/// requirement is marked weak in this program's own copy of the library (ELF: VER_FLG_WEAK in .gnu.version_r), and a tiny
/// library that defines the symbol is loaded first; for that the program starts itself once more with LD_PRELOAD.</remarks>
internal static class StandardLibraryShim
{
    private const string WantedVersion = "GLIBCXX_3.4.32", Symbol = "_ZSt21ios_base_library_initv";
    private const uint VersionNeeds = 0x6FFFFFFE;
    private const ushort Weak = 2;

    /// <summary>Restarts the program where the shim is needed; returns the child's exit code, or null when this process can go
    /// on.</summary>
    public static int? RestartIfNeeded(string[] args)
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("LD_PRELOAD") is { Length: > 0 } || HostHasSymbol()) return null;
        var library = FindLibrary();
        if (library is null) return null;
        Weaken(library);
        var shim = Path.Combine(Path.GetDirectoryName(library)!, "libios_init.so");
        if (!File.Exists(shim)) Compile(shim);
        var start = OwnProcess.With(args);
        start.Environment["LD_PRELOAD"] = shim;
        using var child = Process.Start(start)!;
        child.WaitForExit();
        return child.ExitCode;
    }

    private static bool HostHasSymbol() =>
        NativeLibrary.TryLoad("libstdc++.so.6", out var handle) && NativeLibrary.TryGetExport(handle, Symbol, out _);

    private static string? FindLibrary() => new[]
    {
        Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so"),
        Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libLibTorchSharp.so"),
    }.FirstOrDefault(File.Exists);

    /// <summary>Sets the weak flag of the version requirement; the file is replaced, since it may be a link into a package
    /// cache.</summary>
    private static void Weaken(string path)
    {
        var data = File.ReadAllBytes(path);
        if (!data.AsSpan(0, 6).SequenceEqual("\u007FELF\u0002\u0001"u8)) throw new InvalidDataException($"{path} is not a 64-bit little-endian ELF file");
        var at = (int)BinaryPrimitives.ReadInt64LittleEndian(data.AsSpan(0x28));
        int size = ReadHalf(data, 0x3A), count = ReadHalf(data, 0x3C);
        var changed = false;
        for (var i = 0; i < count; i++)
        {
            var section = data.AsSpan(at + i * size);
            if (BinaryPrimitives.ReadUInt32LittleEndian(section[4..]) != VersionNeeds) continue;
            var names = data.AsSpan(at + BinaryPrimitives.ReadInt32LittleEndian(section[40..]) * size);
            changed |= WeakenNeeds(data, (int)BinaryPrimitives.ReadInt64LittleEndian(section[24..]), (int)BinaryPrimitives.ReadInt64LittleEndian(names[24..]));
        }

        if (!changed) return;
        File.Delete(path);
        File.WriteAllBytes(path, data);
    }

    private static bool WeakenNeeds(byte[] data, int need, int strings)
    {
        var changed = false;
        while (true)
        {
            var entry = need + ReadWord(data, need + 8);
            for (var i = 0; i < ReadHalf(data, need + 2); i++)
            {
                var name = data.AsSpan(strings + ReadWord(data, entry + 8));
                if (Encoding.ASCII.GetString(name[..name.IndexOf((byte)0)]) == WantedVersion && (ReadHalf(data, entry + 4) & Weak) == 0)
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(entry + 4), (ushort)(ReadHalf(data, entry + 4) | Weak));
                    changed = true;
                }

                entry += ReadWord(data, entry + 12);
            }

            var next = ReadWord(data, need + 12);
            if (next == 0) return changed;
            need += next;
        }
    }

    private static void Compile(string path)
    {
        var start = new ProcessStartInfo("cc") { UseShellExecute = false, RedirectStandardInput = true };
        foreach (var a in new[] { "-shared", "-o", path, "-x", "c", "-" }) start.ArgumentList.Add(a);
        using var compiler = Process.Start(start) ?? throw new InvalidOperationException("a C compiler (cc) is needed once, to build a one-line library for TorchSharp on this host");
        compiler.StandardInput.Write($"void {Symbol}(void) {{}}\n");
        compiler.StandardInput.Close();
        compiler.WaitForExit();
        if (compiler.ExitCode != 0) throw new InvalidOperationException($"cc could not build {path}");
    }

    private static ushort ReadHalf(byte[] data, int at) => BinaryPrimitives.ReadUInt16LittleEndian(data.AsSpan(at));

    private static int ReadWord(byte[] data, int at) => BinaryPrimitives.ReadInt32LittleEndian(data.AsSpan(at));
}
