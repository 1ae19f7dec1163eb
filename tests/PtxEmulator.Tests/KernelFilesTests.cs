using Edifice.Engine;
using Edifice.Engine.Cuda.Kernels;
using PtxEmulator.Execution;
using PtxEmulator.Memory;

namespace PtxEmulator.Tests;

public class KernelFilesTests
{
    /// <summary>All but the one file that is loaded for double whatever the tensor's type.</summary>
    public static IEnumerable<object[]> Files =>
        KernelSource.Files.SelectMany(f => new object[][] { [f, false], [f, true] }).Where(f => f is not ["random", false]);

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_kernel_that_ships_is_taken_by_the_emulated_card(string file, bool isDouble)
    {
        var module = PtxModules.Parse(KernelSource.Module(file, isDouble ? DType.Float64 : DType.Float32));
        var loaded = new LoadedModule(module, new GlobalMemory(), 70);
        foreach (var entry in module.Functions.Values.Where(f => f.IsEntry)) Assert.NotEmpty(loaded.Compile(entry.Name).Code);
    }
}
