using System.Collections.Concurrent;
using PtxEmulator.Checks;
using PtxEmulator.Memory;
using PtxEmulator.Parsing;

namespace PtxEmulator.Execution;

/// <summary>Parsed modules by their text: many cards may load the same one.</summary>
internal static class PtxModules
{
    private static readonly ConcurrentDictionary<string, PtxModule> Known = new();

    /// <summary>Enough for all that ships; who loads more texts than that (planted defects) does not come back to them.</summary>
    private const int Most = 512;

    public static PtxModule Parse(string text)
    {
        if (Known.Count > Most) Known.Clear();
        return Known.GetOrAdd(text, Read);
    }

    private static PtxModule Read(string text)
    {
        var module = PtxParser.Parse(text);
        ModuleCheck.Verify(module);
        return module;
    }
}

/// <summary>A module on a card: its .const and .global variables have places, its kernels are compiled when first asked for.</summary>
internal sealed unsafe class LoadedModule
{
    private readonly Dictionary<PtxVariable, ulong> _addresses = [];
    private readonly Region? _const;
    private readonly ConcurrentDictionary<string, KernelProgram> _programs = new();

    public LoadedModule(PtxModule module, GlobalMemory memory, int capability)
    {
        Module = module;
        if (module.Target > capability) throw new PtxSyntaxException(2, $".target sm_{module.Target} is beyond this card's sm_{capability}");
        var at = 0L;
        var constants = module.Variables.Values.Concat(module.Functions.Values.SelectMany(f => f.Variables)).Where(v => v.Space == StateSpace.Const).ToArray();
        foreach (var variable in constants)
        {
            at = (at + variable.Alignment - 1) / variable.Alignment * variable.Alignment;
            _addresses[variable] = (ulong)at;
            at += variable.Bytes;
        }

        if (at > 65536) throw new PtxSyntaxException(constants[0].Line, $"{at} bytes of .const are beyond 65536");
        if (at > 0)
        {
            _const = new Region(0, at, false, "constant memory") { IsReadOnly = true };
            foreach (var variable in constants) Initialize(_const, (long)_addresses[variable], variable);
        }

        foreach (var variable in module.Variables.Values.Concat(module.Functions.Values.SelectMany(f => f.Variables)).Where(v => v.Space == StateSpace.Global && v.Bytes > 0))
        {
            var region = memory.Allocate(variable.Bytes);
            _addresses[variable] = region.Address;
            Initialize(region, 0, variable);
        }
    }

    public PtxModule Module { get; }

    public KernelProgram Compile(string name) => _programs.GetOrAdd(name, n => Lowering.Compile(Module, Module.Functions[n], _addresses, _const));

    /// <summary>Variables without an initial value are zero.</summary>
    private static void Initialize(Region region, long offset, PtxVariable variable)
    {
        var target = new Span<byte>(region.Host + offset, (int)variable.Bytes);
        target.Clear();
        variable.Initial?.CopyTo(target);
        new Span<byte>(region.States + offset, (int)variable.Bytes).Fill(ByteState.Written);
    }
}
